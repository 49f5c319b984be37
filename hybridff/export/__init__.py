"""A force field into OpenMM and files, and back."""
