"""Molecules: atoms, bonds, symmetry, rotors, limits of distances."""
