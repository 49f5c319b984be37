"""Errors of a model by group: by element, by atom, by height above the lowest frame, by interval of a torsion."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float

from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.geometry import torsion
from hybridff.model import EnergyModel
from hybridff.molecules.molecule import Molecule
from hybridff.units import DEGREE, KCAL_MOL

HEIGHTS = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0, np.inf)
"""Limits of intervals above the lowest frame [kcal/mol]."""
INTERVAL = 30.0
"""Of torsions [degrees]."""


@dataclass(frozen=True)
class Group:
    """Errors over a part of frames, or of their force components."""

    kind: str
    """What the parts are: "element", "atom", "energy", or the name of a torsion."""
    name: str
    n: int
    """Frames, or atoms of an element."""
    energy_rmse: float | None
    """[kJ/mol]; None for elements and atoms."""
    force_rmse: float | None
    """Of components [kJ/mol/nm]; None where the frames have no forces."""
    force_rms: float | None
    """Of the reference's components themselves [kJ/mol/nm]."""


def error_groups(
    model: EnergyModel,
    frames: Frames,
    molecule: Molecule,
    energy_offset: float | None = None,
    torsions: Sequence[tuple[int, int, int, int]] = (),
    heights: Sequence[float] = HEIGHTS,
) -> list[Group]:
    """Errors of a model by group; groups without frames are left out.

    ``energy_offset`` [kJ/mol] is the model's own; None takes the mean difference over these frames. ``heights`` are
    limits of intervals [kcal/mol]. Errors by interval of a torsion: V. Vassilev-Galindo et al., J. Chem. Phys. 154,
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

    above = (frames.energies - frames.energies.min()) / KCAL_MOL
    found += parts("energy", _intervals(above, heights))
    for atoms in torsions:
        angles = torsion(torch.as_tensor(frames.positions[:, list(atoms)])).numpy() / DEGREE
        limits = np.arange(-180.0, 180.0 + INTERVAL / 2, INTERVAL)
        found += parts("-".join(molecule.label(atom) for atom in atoms), _intervals(angles, limits))
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
    values: Float[np.ndarray, " frames"], limits: Sequence[float] | Float[np.ndarray, " limits"]
) -> Iterator[tuple[str, Bool[np.ndarray, " frames"]]]:
    """Names of intervals, and which values are in them; the last one has its upper end."""
    last = len(limits) - 2
    for number, (low, high) in enumerate(pairwise(limits)):
        inside = (values >= low) & ((values < high) | ((number == last) & (values == high)))
        yield (f"above {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"), inside


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
