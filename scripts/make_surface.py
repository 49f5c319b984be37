"""Reference energies on a grid of two torsions: ``docs/data/surface-<name>.npz``, for ``analyse scan --reference``.

The geometries are those of a relaxed scan by a fitted model (``hybridff analyse scan … --structures grid.xyz``); they
are labelled as they are by PBE/def2-SVP (``pbe.py``), with D3(BJ) on request. Geometries that are one but for equal
atoms exchanged or a mirror image are labelled once. Labels are kept in the cache: a run that was stopped goes on.

How much relaxing by the reference itself would change is told by Newton steps from a few of the geometries: the force
that is left there, across the torsions, and the model's Hessian.

Usage: python scripts/make_surface.py ethanol grid.xyz MODEL [--dispersion] [--out docs/data]
"""

import argparse
from functools import partial
from pathlib import Path

import ase
import ase.io
import numpy as np
from jaxtyping import Float
from pbe import energy_forces, theory
from recipes import say

from hybridff import HybridFFCalculator, read_model
from hybridff.analysis.modes import HESSIAN_KCAL, hessian
from hybridff.cache import cached_json
from hybridff.output import new_file
from hybridff.units import ANGSTROM

SAME = 0.02
"""Largest difference of sorted distances between atoms of the same elements that are one geometry [Å]."""
TRIED = 5
"""Geometries whose relaxation is estimated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("grid", type=Path, help="geometries, .xyz")
    parser.add_argument("model", type=Path, help="that relaxed them")
    parser.add_argument("--dispersion", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/data"))
    options = parser.parse_args()
    frames: list[ase.Atoms] = list(ase.io.iread(options.grid, index=":"))
    prints = np.array([fingerprint(frame) for frame in frames])
    first = [int(np.flatnonzero(np.abs(prints - own).max(1) < SAME)[0]) for own in prints]
    distinct = sorted(set(first))
    say(f"{len(frames)} geometries, {len(distinct)} different ones")
    labels = {}
    for count, i in enumerate(distinct):
        labels[i] = labelled(frames[i], options.dispersion)
        say(f"{count + 1} of {len(distinct)}: {labels[i][0]:.3f} kcal/mol")
    energies = np.array([labels[i][0] for i in first])
    calculator = HybridFFCalculator(read_model(options.model).force_field)
    for i in np.random.default_rng(0).permutation(distinct)[:TRIED]:
        gain, force = relaxation(frames[i], labels[i][1], calculator)
        print(f"geometry {i + 1}: force left {force:.2f} kcal/mol/Å (rms), relaxing would gain {gain:.3f} kcal/mol")
    with new_file(options.out / f"surface-{options.name}.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            z=frames[0].numbers.astype(np.int8),
            R=np.array([frame.positions for frame in frames]),
            E=energies,
            F=np.empty((0, len(frames[0]), 3), dtype=np.float32),
            r_unit="Ang",
            e_unit="kcal/mol",
            theory=theory(options.dispersion),
        )


def fingerprint(atoms: ase.Atoms) -> Float[np.ndarray, " pairs"]:
    """The same for geometries that are one but for equal atoms exchanged, and for mirror images [Å]."""
    distances, numbers = atoms.get_all_distances(), atoms.numbers
    i, j = np.triu_indices(len(atoms), 1)
    low, high = np.minimum(numbers[i], numbers[j]), np.maximum(numbers[i], numbers[j])
    return distances[i, j][np.lexsort((distances[i, j], high, low))]


def labelled(atoms: ase.Atoms, dispersion: bool) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kcal/mol] and forces [kcal/mol/Å]."""
    symbols, positions = tuple(atoms.symbols), atoms.positions
    key = {"method": theory(dispersion), "symbols": symbols, "positions": positions.tolist(), "forces": True}

    def compute() -> dict[str, object]:
        energy, forces = energy_forces(symbols, positions, dispersion)
        return {"energy": energy, "forces": forces.tolist()}

    found = cached_json(key, partial(compute))
    return found["energy"], np.array(found["forces"])


def relaxation(
    atoms: ase.Atoms, forces: Float[np.ndarray, "atoms 3"], calculator: HybridFFCalculator
) -> tuple[float, float]:
    """What a Newton step with the model's Hessian gains [kcal/mol], and the force that it starts from [kcal/mol/Å].

    Along the direction of the model's own force, which is that of the torsions that are held, and along soft ones,
    nothing moves.
    """
    atoms = atoms.copy()
    atoms.calc = calculator
    held = atoms.get_forces().ravel()
    held /= max(np.linalg.norm(held), 1e-12)
    slope = forces.ravel() - held * (held @ forces.ravel())
    values, vectors = np.linalg.eigh(hessian(atoms.numbers, atoms.positions * ANGSTROM, calculator) / HESSIAN_KCAL)
    stiff = values > 5.0  # kcal/mol/Å²; softer ones are torsions, and the molecule as a whole
    parts = vectors[:, stiff].T @ slope
    return float(0.5 * (parts**2 / values[stiff]).sum()), float(np.sqrt(np.mean(slope**2)))


if __name__ == "__main__":
    main()
