"""Fitting force fields to reference frames."""
