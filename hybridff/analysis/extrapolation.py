"""Errors on frames that a model visits itself, relabelled by a reference: at temperatures where no data are."""

from collections.abc import Callable
from dataclasses import dataclass

import ase
import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.trajectories import Run, trajectory
from hybridff.export.calculator import energy_of
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, EV, FORCE_KCAL, KCAL_MOL


@dataclass(frozen=True)
class OwnErrors:
    """On frames of the model's own dynamics at one temperature."""

    temperature: float
    """[K]"""
    n_frames: int
    energy_rmse: float
    """After subtraction of one constant for all temperatures [kcal/mol]."""
    force_rmse: float
    """Of components [kcal/mol/Å]."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Frames with energies and forces of two methods."""

    positions: Float[np.ndarray, "frames atoms 3"]
    """[nm]"""
    energies: Float[np.ndarray, " frames"]
    """Of the method less those of the reference [kJ/mol]."""
    forces: Float[np.ndarray, "frames atoms 3"]
    """Of the method less those of the reference [kJ/mol/nm]."""


def own_frames(
    system: openmm.System,
    start: Float[np.ndarray, "atoms 3"],
    temperature: float,
    frames: int,
    spacing: float,
    seed: int,
) -> Float[np.ndarray, "frames atoms 3"]:
    """Frames [nm] of dynamics at a temperature [K], ``spacing`` [ps] from each other."""
    run = Run(temperature=temperature, time=frames * spacing, every=spacing, seed=seed)
    return trajectory(system, start, run).positions


def labelled(
    frames: Float[np.ndarray, "frames atoms 3"],
    molecule: Molecule,
    calculator: BaseCalculator,
    reference: BaseCalculator,
    progress: Callable[[float], None] | None = None,
) -> Labelled:
    """What a method says of frames [nm] less what the reference says."""
    atoms = ase.Atoms(molecule.numbers, frames[0] / ANGSTROM)
    energies, forces = [], []
    for number, positions in enumerate(frames):
        atoms.positions = positions / ANGSTROM
        both = []
        for own in (calculator, reference):
            atoms.calc = own
            both.append((energy_of(atoms), atoms.get_forces() * (EV / ANGSTROM)))
        energies.append(both[0][0] - both[1][0])
        forces.append(both[0][1] - both[1][1])
        if progress is not None:
            progress((number + 1) / len(frames))
    return Labelled(frames, np.array(energies), np.array(forces))


def own_errors(found: dict[float, Labelled]) -> list[OwnErrors]:
    """Of each temperature [K]; the constant of the energies is that of the lowest temperature."""
    zero = found[min(found)].energies.mean()
    return [
        OwnErrors(
            temperature,
            len(own.energies),
            float(np.sqrt(np.mean((own.energies - zero) ** 2))) / KCAL_MOL,
            float(np.sqrt(np.mean(own.forces**2))) / FORCE_KCAL,
        )
        for temperature, own in sorted(found.items())
    ]
