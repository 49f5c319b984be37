"""Errors of a model by group: by element, by atom, by height above the lowest frame, by interval of a torsion."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from hybridff.analysis.torsions import Torsion, angles_of, torsion_name
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.model import EnergyModel
from hybridff.molecules.molecule import Molecule
from hybridff.plots.errors import GroupError, group_errors
from hybridff.units import DEGREE, FORCE_KCAL, KCAL_MOL

HEIGHTS = tuple(kcal * KCAL_MOL for kcal in (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0, np.inf))
"""Limits of intervals above the lowest frame [kJ/mol]."""
INTERVAL = 30.0 * DEGREE
"""Width of the intervals of torsions [rad]."""


@dataclass(frozen=True)
class Group:
    """Errors over a part of frames, or of their force components."""

    kind: str
    """What the parts are: "element", "atom", "energy", or the name of a torsion."""
    name: str
    """The element, the atom, or an interval, such as "2 to 5": of heights in kcal/mol, of torsions in degrees."""
    n: int
    """Number of frames, or of atoms of an element."""
    energy_rmse: float | None
    """RMSE of energies [kJ/mol]; None for elements and atoms."""
    force_rmse: float | None
    """RMSE of force components [kJ/mol/nm]; None where the frames have no forces."""
    force_rms: float | None
    """Root mean square of the reference's force components themselves [kJ/mol/nm]."""


@dataclass(frozen=True)
class ErrorGroups(Result):
    """Errors of a model by group, one kind of group after the other."""

    groups: tuple[Group, ...]
    """Groups in the order in which they are shown."""

    def sentences(self) -> list[str]:
        """A line for each group, with errors in kcal/mol and kcal/mol/Å."""
        found = [f"{'by':24s} {'group':>12s} {'number':>7s} {'energy':>8s} {'force':>8s} {'of':>8s}"]
        found += [
            f"{kind:24s} {name:>12s} {n:>7s} {energy:>8s} {force:>8s} {size:>8s}"
            for kind, name, n, energy, force, size in self.table().rows
        ]
        return found

    def table(self) -> Table:
        """A row for each group: RMSE of energies [kcal/mol] and force components [kcal/mol/Å]."""
        rows = []
        for own in self.groups:
            energy = "" if own.energy_rmse is None else f"{own.energy_rmse / KCAL_MOL:.3f}"
            force, size = ("" if x is None else f"{x / FORCE_KCAL:.3f}" for x in (own.force_rmse, own.force_rms))
            rows.append((own.kind, own.name, str(own.n), energy, force, size))
        errors = ("energy RMSE [kcal/mol]", "force RMSE [kcal/mol/Å]", "force RMS [kcal/mol/Å]")
        return Table(("by", "group", "frames or atoms", *errors), tuple(rows))

    def picture(self) -> bytes:
        """Bars of the errors, a panel for each kind of group."""
        return group_errors([GroupError(own.kind, own.name, own.energy_rmse, own.force_rmse) for own in self.groups])


def error_groups(
    model: EnergyModel,
    frames: Frames,
    molecule: Molecule,
    energy_offset: float | None = None,
    torsions: Sequence[Torsion] = (),
    heights: Sequence[float] = HEIGHTS,
) -> list[Group]:
    """Errors of a model by group; groups without frames are left out.

    ``energy_offset`` [kJ/mol] is the model's own; None takes the mean difference over these frames. ``heights`` are
    limits of intervals [kJ/mol]. Errors by interval of a torsion: V. Vassilev-Galindo et al., J. Chem. Phys. 154,
    094119 (2021), Fig. 7.
    """
    energies, forces = predict(model, frames.positions)
    off = frames.energies - energies
    off = off - (off.mean() if energy_offset is None else energy_offset)
    deviations = None if frames.forces is None else forces - frames.forces
    found = list(_of_atoms(frames, deviations, molecule))

    def parts(kind: str, members: Iterable[tuple[str, Bool[np.ndarray, " frames"]]]) -> Iterator[Group]:
        for name, chosen in members:
            if not chosen.any():
                continue
            force, size = None, None
            if deviations is not None and frames.forces is not None:
                force, size = _rms(deviations[chosen]), _rms(frames.forces[chosen])
            yield Group(kind, name, int(chosen.sum()), _rms(off[chosen]), force, size)

    above = frames.energies - frames.energies.min()
    found += parts("energy", _intervals(above, heights, KCAL_MOL))
    for atoms in torsions:
        angles = angles_of(frames.positions, [atoms])[:, 0]
        limits = np.linspace(-180.0, 180.0, round(360 * DEGREE / INTERVAL) + 1) * DEGREE
        found += parts(torsion_name(molecule, atoms), _intervals(angles, limits, DEGREE))
    return found


def _of_atoms(
    frames: Frames, deviations: Float[np.ndarray, "frames atoms 3"] | None, molecule: Molecule
) -> Iterator[Group]:
    """Force errors of elements and of single atoms."""
    if deviations is None or frames.forces is None:
        return
    symbols = list(molecule.symbols)
    for symbol in dict.fromkeys(symbols):
        own = [i for i, other in enumerate(symbols) if other == symbol]
        yield Group("element", symbol, len(own), None, _rms(deviations[:, own]), _rms(frames.forces[:, own]))
    for i in range(len(symbols)):
        yield Group("atom", molecule.label(i), 1, None, _rms(deviations[:, i]), _rms(frames.forces[:, i]))


def _intervals(
    values: Float[np.ndarray, " frames"], limits: Sequence[float] | Float[np.ndarray, " limits"], unit: float
) -> Iterator[tuple[str, Bool[np.ndarray, " frames"]]]:
    """Names of intervals, with limits in a unit for people, and which values are in them.

    Intervals have their lower ends, and the last its upper end too.
    """
    last = len(limits) - 2
    for number, (low, high) in enumerate(pairwise(limits)):
        inside = (values >= low) & ((values < high) | ((number == last) & (values == high)))
        begin, end = low / unit, high / unit
        yield (f"above {begin:g}" if np.isinf(high) else f"{begin:g} to {end:g}"), inside


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
