"""Corrections on sets of atoms (sGDML kernels); see the roadmap in the README."""
