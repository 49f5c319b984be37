"""Worst deviations of our force field from AMBER's, over all molecules of ``tests/gaff/prmtop_reference.npz``.

For each molecule, energies and forces from torch and from our OpenMM System (Reference platform, double precision) are
compared with those of the prmtop that AmberTools made. Deviations of energies are relative to the energy of the term,
or to 1 kJ/mol where that is less; deviations of forces are norms over a molecule's atoms and geometries, relative.

Usage: python scripts/show_parity.py            # some minutes
"""

import sys
from pathlib import Path

import numpy as np
import torch
from common import options_of

from hybridff.export.agreement import openmm_energies_forces
from hybridff.export.routes import to_openmm
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS / "gaff"))

from amber_reference import ARCHIVE, Reference, references  # noqa: E402  # the folder of tests is no package

TERMS = (("bond",), ("angle",), ("torsion", "improper"), ("lennard_jones", "coulomb"))
QUANTITIES = ("bond", "angle", "torsion", "nonbonded", "energy", "forces", "System energy", "System forces")


def main() -> None:
    options_of(__doc__).parse_args()
    entries = references()
    deviations = np.array([deviations_of(entry) for entry in entries])
    molecules = len({entry.name for entry in entries})
    geometries = sum(len(entry.positions) for entry in entries)
    print(f"{molecules} molecules, {len(entries)} pairs of molecule and GAFF version, {geometries} geometries")
    print(f"{'relative deviation':20}{'worst':>10}{'median':>10}  worst of")
    for name, column in zip(QUANTITIES, deviations.T, strict=True):
        print(f"{name:20}{column.max():10.1e}{np.median(column):10.1e}  {entries[int(column.argmax())]}")
    with np.load(ARCHIVE, allow_pickle=False) as archive:
        failed = [archive[f"failed_{key}"].tolist() for key in ("names", "versions", "reasons")]
    print(f"\n{len(failed[0])} pairs that AmberTools could not treat:")
    for name, version, reason in zip(*failed, strict=True):
        print(f"  {name} ({version}): {reason}")


def deviations_of(entry: Reference) -> list[float]:
    """The largest deviation of each of ``QUANTITIES`` over the geometries of a molecule."""
    molecule = Molecule.from_smiles(entry.smiles, entry.name)
    model = ForceField.build(molecule, gaff_parameters(molecule, entry.charges, entry.version))
    x = torch.tensor(entry.positions)
    groups = {name: energy.numpy() for name, energy in model.group_energies(x).items()}
    ours = [sum(groups[name] for name in names if name in groups) for names in TERMS]
    terms = [relative(energy, expected) for energy, expected in zip(ours, entry.energies.T, strict=True)]
    routes = [
        [part.numpy() for part in model.energy_forces(x)],
        openmm_energies_forces(to_openmm(model), entry.positions),
    ]
    total = entry.energies.sum(1)
    return terms + [
        value
        for energy, forces in routes
        for value in (relative(energy, total), norm(forces - entry.forces) / norm(entry.forces))
    ]


def relative(actual: np.ndarray | int, expected: np.ndarray) -> float:
    return float((np.abs(actual - expected) / np.maximum(np.abs(expected), 1.0)).max())


def norm(forces: np.ndarray) -> float:
    return float(np.linalg.norm(forces))


if __name__ == "__main__":
    main()
