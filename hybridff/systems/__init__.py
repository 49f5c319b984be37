"""Molecules with a fitted force field in larger OpenMM Systems."""
