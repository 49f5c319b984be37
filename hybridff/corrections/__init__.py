"""Corrections: sGDML kernels on sets of atoms."""
