"""Populations of basins and free energies along torsions, from thermal samples, with errors from independent runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.analysis.minima import reached
from hybridff.analysis.sampling import mean_and_error
from hybridff.geometry import torsion
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import find_rotors
from hybridff.units import BOLTZMANN, DEGREE, KCAL_MOL

Torsion = tuple[int, int, int, int]
Basin = Float[np.ndarray, "_ torsions"]
"""Torsions [rad] of a minimum: a row for each way to name equal atoms, and of its mirror image if dynamics reach it."""
_SAME = 6
"""Decimals of torsions [rad] that make two ways one."""


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """Along one torsion or over two of them."""

    angles: tuple[Float[np.ndarray, " _"], ...]
    """Middles of the bins of each torsion [degrees]."""
    values: Float[np.ndarray, "*grid"]
    """Above the lowest [kcal/mol]; infinite where no frame is."""
    errors: Float[np.ndarray, "*grid"]
    """Standard errors [kcal/mol]; not numbers where there are none."""


def angles_of(
    frames: Float[np.ndarray, "frames atoms 3"], torsions: Sequence[Torsion] | Int[np.ndarray, "torsions 4"]
) -> Float[np.ndarray, "frames torsions"]:
    """Torsions of frames [rad]."""
    return torsion(torch.as_tensor(frames[:, np.asarray(torsions)])).numpy()


def telling_rotors(molecule: Molecule) -> list[Torsion]:
    """Torsions about the bonds that turn one conformer into another: not those of methyl groups."""
    neighbours, kinds = molecule.neighbours, molecule.equivalent_atoms()

    def tells(rotor: Torsion) -> bool:
        ends = ((rotor[1], rotor[2]), (rotor[2], rotor[1]))
        return all(len({kinds[n] for n in neighbours[a] if n != b}) > 1 or len(neighbours[a]) == 2 for a, b in ends)

    return [rotor for rotor in find_rotors(molecule) if tells(rotor)]


def basins_of(
    molecule: Molecule, minima: Float[np.ndarray, "minima atoms 3"], rotors: Sequence[Torsion]
) -> list[Basin]:
    """The torsions that tell each minimum [Å] in dynamics, by any name of equal atoms: see ``minima.reached``."""
    return [np.unique(angles_of(own, rotors).round(_SAME), axis=0) for own in reached(molecule, minima)]


def nearest(found: Float[np.ndarray, "frames torsions"], basins: Sequence[Basin]) -> Int[np.ndarray, " frames"]:
    """The basin that each frame belongs to, by its torsions [rad]."""
    off = np.full((len(basins), len(found)), np.inf)
    for own, basin in zip(off, basins, strict=True):
        for copy in basin:
            np.minimum(own, (np.abs(np.exp(1j * found) - np.exp(1j * copy)) ** 2).sum(-1), out=own)
    return off.argmin(0)


def populations(
    runs: Sequence[Float[np.ndarray, "_ torsions"]], basins: Sequence[Basin]
) -> tuple[Float[np.ndarray, " basins"], Float[np.ndarray, " basins"]]:
    """Shares of basins and their standard errors, from the torsions [rad] of frames of independent runs."""
    shares = [np.bincount(nearest(own, basins), minlength=len(basins)) / max(1, len(own)) for own in runs]
    return mean_and_error(shares)


def free_energy(runs: Sequence[Float[np.ndarray, "_ torsions"]], temperature: float, bins: int = 36) -> FreeEnergy:
    """-kT ln p of one or two torsions [rad], with errors that follow from those of p; ``temperature`` in K."""
    n_torsions = runs[0].shape[1]
    edges = np.linspace(-180, 180, bins + 1)
    counted = [np.histogramdd(own / DEGREE, [edges] * n_torsions)[0] / max(1, len(own)) for own in runs]
    density, error = mean_and_error(counted)
    thermal = BOLTZMANN * temperature / KCAL_MOL
    with np.errstate(divide="ignore", invalid="ignore"):
        values, errors = -thermal * np.log(density), thermal * error / density
    middles = (edges[:-1] + edges[1:]) / 2
    return FreeEnergy((middles,) * n_torsions, values - values[np.isfinite(values)].min(), errors)
