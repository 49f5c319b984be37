"""Expressions in the syntax of OpenMM: parsing, derivatives, and their text for every reader."""
