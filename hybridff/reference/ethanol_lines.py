"""Lines of geometries of ethanol far from its minimum, with reference energies (Kovács et al., 2021)."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hybridff.analysis.lines import Line, displaced, stretched
from hybridff.analysis.modes import normal_modes, read_reference
from hybridff.export.ase_atoms import atomic_weights
from hybridff.frames.reading import read_frames
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Say, quiet
from hybridff.reference.labels import labelled_energy
from hybridff.reference.pyscf_level import PySCFLevel, energy, separated_energy
from hybridff.units import ANGSTROM

LEVEL = PySCFLevel(dispersion=False)
"""The level of theory."""
_HYDROXYL = (2, 8)
"""Atoms of the bond that is pulled apart."""
_LENGTHS = np.concatenate([np.arange(0.75, 1.5, 0.05), np.arange(1.5, 3.01, 0.1)]) * ANGSTROM
"""Its lengths [nm]."""
_STRETCH = 3006.0
"""Frequency of the mode that is followed [1/cm]."""
_REACH, _POINTS = 0.4 * ANGSTROM, 17
"""How far the farthest atom moves along it either way [nm], and number of geometries."""


def ethanol_lines(
    molecule: Molecule, hessian: Path, published: Path, say: Say = quiet
) -> dict[str, tuple[Line, Float[np.ndarray, " frames"]]]:
    """Geometries of three lines and their reference energies [kJ/mol].

    O-H pulled apart from the minimum of a file of ``reference.hessian``, unrestricted, as it comes apart into
    radicals; published frames along the mode at 874/cm with their own energies; and the mode at 3006/cm.
    """
    minimum, second = read_reference(hessian, molecule)
    known, frames = normal_modes(molecule.numbers, minimum, second), read_frames(published)
    apart = stretched(molecule, minimum, _HYDROXYL, _LENGTHS)
    radicals = partial(separated_energy, leaving=_HYDROXYL[1])
    number = int(np.abs(known.frequencies - _STRETCH).argmin())
    stretch = displaced(known, number, _REACH, _POINTS, atomic_weights(molecule.numbers))
    places = np.arange(1.0, len(frames) + 1)
    bend = Line("published frame along the mode at 874 cm⁻¹", places, frames.positions, unit="")
    say(f"{len(_LENGTHS)} and {_POINTS} reference energies")
    return {
        "dissociation": (apart, _labels(apart, molecule.symbols, radicals, "unrestricted")),
        "mode-874": (bend, frames.energies),
        "mode-3006": (stretch, _labels(stretch, molecule.symbols, energy, "restricted")),
    }


def _labels(
    line: Line, symbols: Sequence[str], method: Callable[..., float], name: str
) -> Float[np.ndarray, " frames"]:
    """Reference energies along a line [kJ/mol]."""
    return np.array([labelled_energy(symbols, own, LEVEL, method, name) for own in line.positions])
