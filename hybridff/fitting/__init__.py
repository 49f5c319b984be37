"""Parameters fitted to energies and forces."""
