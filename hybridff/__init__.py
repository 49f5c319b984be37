"""hybridff: force fields refit to quantum-chemical energies and forces, for OpenMM."""
