"""From models and frames to tables."""
