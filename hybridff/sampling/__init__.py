"""Geometries of a molecule by any method: conformers, dynamics, driven torsions, metadynamics, normal modes."""
