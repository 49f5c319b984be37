"""Conformers of a molecule: embedded by RDKit, relaxed by any method, each once."""

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.minima import Minimum, distinct_minima, guesses, relaxed_minimum
from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, silent

EMBEDDED = 100
"""Geometries that RDKit embeds, from which conformers are relaxed."""


def relaxed_conformers(
    molecule: Molecule,
    calculator: BaseCalculator,
    most: int | None = None,
    seed: int = 0,
    *,
    charged: bool = True,
    progress: Progress = silent,
) -> Float[np.ndarray, "conformers atoms 3"]:
    """Different minima of a method [nm], lowest first; deterministic for a seed.

    Conformers by distance geometry (S. Riniker, G. A. Landrum, J. Chem. Inf. Model. 55, 2562 (2015)) and MMFF94, of
    which each is relaxed once: at most the ``most`` lowest. ``charged`` is whether MMFF94 has its electrostatics, as in
    vacuum. Raises ``InputError`` where nothing can be embedded or no relaxation ends.
    """
    begins, found = guesses(molecule, EMBEDDED, seed + 1, charged=charged)[:most], list[Minimum]()
    for number, guess in enumerate(begins):
        own = relaxed_minimum(molecule, calculator, guess.positions)
        found += [] if own is None else [own]
        progress((number + 1) / len(begins))
    if not found:
        raise InputError(f"no relaxation of {molecule.name} ended; is the method made for such molecules?")
    return np.array([own.positions for own in distinct_minima(molecule, found)])
