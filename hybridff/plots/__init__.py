"""Pictures of numbers, as PNG bytes: arrays in, no models and no frames."""
