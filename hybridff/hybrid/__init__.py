"""Kernels trained beside the terms of a force field."""
