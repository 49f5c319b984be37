"""Geometries of all kinds together: how many of each, from which starts, and without those whose bonds have changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.frames.checks import BondChange, changed_geometries
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.sampling.conformers import relaxed_conformers
from hybridff.sampling.dynamics import DynamicsOptions, Visited, dynamics
from hybridff.sampling.metadynamics import metadynamics
from hybridff.sampling.normal_modes import normal_mode_geometries
from hybridff.sampling.torsions import driven_torsions
from hybridff.units import ANGSTROM

Kind = Literal["conformers", "torsions", "modes", "metadynamics", "dynamics"]
"""Ways to geometries."""
ORDER: tuple[Kind, ...] = ("conformers", "torsions", "modes", "metadynamics", "dynamics")
"""The order in which they are made: what one does not have, the next ones make."""
_STARTS = 10
"""Conformers that all else begins with, at most, where conformers are not asked for."""
_OF_CONFORMERS = 0.15
"""Share of the progress."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which geometries are made."""

    frames: int
    """Number of geometries of all kinds together."""
    kinds: tuple[Kind, ...]
    """Kinds; each gets as many."""
    temperatures: tuple[float, ...]
    """Temperatures of dynamics and modes [K]; metadynamics run at the lowest."""
    charged: bool = True
    """Whether charges attract each other as in vacuum while conformers are embedded."""
    step: float = 0.001
    """Time step of dynamics [ps]."""
    apart: float = 0.2
    """Time from one geometry of dynamics to the next [ps]."""
    seed: int = 0
    """Seed of everything."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Geometries of one kind at one temperature, all with the bonds of the molecule."""

    kind: Kind
    """How they were made."""
    temperature: float | None
    """Temperature [K]; None where nothing is thermal."""
    positions: Float[np.ndarray, "geometries atoms 3"]
    """Geometries [nm]."""


def sampled(
    molecule: Molecule, calculator: BaseCalculator, wanted: Wanted, say: Say = quiet, progress: Progress = silent
) -> list[Sampled]:
    """Geometries of every kind that is wanted, the same for a seed; ``say`` is told what is left out.

    Raises ``InputError`` where no conformer keeps the bonds of the molecule, and as the kinds do.
    """
    kinds = [kind for kind in ORDER if kind in wanted.kinds]
    share = -(-wanted.frames // len(kinds)) if "conformers" in kinds else 0
    given = relaxed_conformers(
        molecule,
        calculator,
        max(share, _STARTS),
        wanted.seed,
        charged=wanted.charged,
        progress=part(progress, 0.0, _OF_CONFORMERS, "conformers"),
    )
    starts = _without_changes(molecule, given, "conformers", say)
    if not len(starts):
        change = changed_geometries(molecule, given)[0]
        raise InputError(
            f"no conformer of {molecule.name} keeps its bonds ({_words(change)}): take another method, or for ions a "
            "solvent."
        )
    found = [Sampled("conformers", None, starts[:share])] if "conformers" in kinds else []
    others, rest = [kind for kind in kinds if kind != "conformers"], part(progress, _OF_CONFORMERS, 1.0)
    for number, kind in enumerate(others):
        left = wanted.frames - sum(len(own.positions) for own in found)
        tell = part(rest, number / len(others), (number + 1) / len(others), kind)
        found += _of_kind(_Task(molecule, calculator, wanted, starts), kind, left // (len(others) - number), say, tell)
    count = sum(len(own.positions) for own in found)
    if count < wanted.frames:
        say(f"Note: these are {count} geometries, and not {wanted.frames}.")
    return [own for own in found if len(own.positions)]


@dataclass(frozen=True, eq=False)
class _Task:
    """What every kind works on."""

    molecule: Molecule
    calculator: BaseCalculator
    wanted: Wanted
    starts: Float[np.ndarray, "starts atoms 3"]


def _of_kind(task: _Task, kind: Kind, count: int, say: Say, progress: Progress) -> list[Sampled]:
    """So many geometries of a kind, shared by its temperatures."""
    wanted = task.wanted
    kelvins: Sequence[float | None] = wanted.temperatures
    if kind == "torsions":
        kelvins = (None,)
    elif kind == "metadynamics":
        kelvins = (min(wanted.temperatures),)
    found = []
    for row, kelvin in enumerate(kelvins):
        own = count // len(kelvins) + (1 if row < count % len(kelvins) else 0)
        tell = part(progress, row / len(kelvins), (row + 1) / len(kelvins))
        name = kind if kelvin is None else f"{kind} at {kelvin:g} K"
        if not own:
            continue
        visited = _MAKERS[kind](task, own, kelvin or 0.0, wanted.seed + 1000 * row, tell)
        if visited.broken:
            say(f"Note: {len(visited.broken)} runs of {name} ended early: {visited.broken[0]}.")
        positions = _without_changes(task.molecule, visited.positions, name, say)
        if not len(visited.positions) and not visited.broken:
            say(f"Note: no {name} of {task.molecule.name} were made; the share goes to the kinds after it.")
        found.append(Sampled(kind, kelvin, positions))
    return found


def _by_dynamics(task: _Task, count: int, kelvin: float, seed: int, progress: Progress) -> Visited:
    return dynamics(task.molecule, task.calculator, task.starts, count, _options(task, kelvin, seed), progress=progress)


def _by_metadynamics(task: _Task, count: int, kelvin: float, seed: int, progress: Progress) -> Visited:
    options = _options(task, kelvin, seed)
    return metadynamics(task.molecule, task.calculator, task.starts, count, options, progress=progress)


def _by_torsions(task: _Task, count: int, _: float, seed: int, progress: Progress) -> Visited:
    return Visited(driven_torsions(task.molecule, task.calculator, task.starts, count, seed, progress=progress))


def _by_modes(task: _Task, count: int, kelvin: float, seed: int, progress: Progress) -> Visited:
    molecule, calculator = task.molecule, task.calculator
    return Visited(normal_mode_geometries(molecule, calculator, task.starts, count, kelvin, seed, progress=progress))


_MAKERS: dict[Kind, Callable[[_Task, int, float, int, Progress], Visited]] = {
    "torsions": _by_torsions,
    "modes": _by_modes,
    "metadynamics": _by_metadynamics,
    "dynamics": _by_dynamics,
}


def _options(task: _Task, kelvin: float, seed: int) -> DynamicsOptions:
    return DynamicsOptions(temperature=kelvin, step=task.wanted.step, apart=task.wanted.apart, seed=seed)


def _without_changes(
    molecule: Molecule, positions: Float[np.ndarray, "geometries atoms 3"], name: str, say: Say
) -> Float[np.ndarray, "sound atoms 3"]:
    """Geometries that have the bonds of the molecule; what is left out is said."""
    changes = changed_geometries(molecule, positions)
    if changes:
        say(
            f"Note: left out {len(changes)} of {len(positions)} geometries ({name}): their bonds are not those of "
            f"{molecule.name} ({_words(changes[0])})."
        )
    return np.delete(positions, [change.frame for change in changes], axis=0)


def _words(change: BondChange) -> str:
    """What has changed in a geometry."""
    return f"{change.pair} at {change.distance / ANGSTROM:.2f} Å is {'broken' if change.broken else 'formed'}"
