import sys
from dataclasses import replace
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.calculators.calculator import BaseCalculator
from models import distorted, force_field, molecule
from rdkit.Chem import rdForceFieldHelpers

from hybridff.analysis.methods import NAMES, method
from hybridff.errors import InputError, MissingProgramError
from hybridff.export.modelfile import SavedModel, write_model


def energy(calculator: BaseCalculator, x: np.ndarray) -> float:
    return float(ase.Atoms(molecule("ethanol").numbers, x * 10, calculator=calculator).get_potential_energy())


@pytest.mark.parametrize("name", NAMES)
def test_forces_are_minus_the_slopes_of_the_energy(name: str) -> None:
    if "xtb" in name:
        pytest.importorskip("tblite", reason="needs hybridff[reference]")
    calculator, (x, elsewhere) = method(name, molecule("ethanol"), force_field("ethanol")), distorted("ethanol", 2)
    energy(calculator, elsewhere)
    atoms = ase.Atoms(molecule("ethanol").numbers, x * 10, calculator=calculator)
    forces, direction = atoms.get_forces(), np.random.default_rng(0).normal(size=x.shape)
    up, down = (energy(calculator, x + sign * 1e-5 * direction) for sign in (1, -1))
    # eV/Å; central differences of 1e-4 Å
    assert -(up - down) / 2e-4 == pytest.approx((forces * direction).sum(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", ["uff", "mmff94"])
def test_rdkit_says_the_same_of_its_own_conformer(name: str) -> None:
    (x,) = distorted("ethanol", 1)
    mol = molecule("ethanol").to_rdkit()
    mol.GetConformer().SetPositions(x * 10)
    if name == "uff":
        field = rdForceFieldHelpers.UFFGetMoleculeForceField(mol)
    else:
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, rdForceFieldHelpers.MMFFGetMoleculeProperties(mol))
    # 1 eV is 23.0605 kcal/mol
    expected = field.CalcEnergy() / 23.060548
    assert energy(method(name, molecule("ethanol")), x) == pytest.approx(expected, rel=1e-6)


def test_a_folder_is_a_model(tmp_path: Path) -> None:
    write_model(SavedModel(force_field("ethanol", form="class2"), None), tmp_path)
    (x,) = distorted("ethanol", 1)
    by_name = energy(method(str(tmp_path), molecule("ethanol")), x)
    (tmp_path / "other").mkdir()
    write_model(SavedModel(force_field("ethanol"), None), tmp_path / "other")
    assert abs(by_name - energy(method(str(tmp_path / "other"), molecule("ethanol")), x)) > 1e-3


def test_any_calculator_of_ase_may_be_named_with_options() -> None:
    (x,) = distorted("ethanol", 1)
    strong, weak = (
        method("ase.calculators.lj:LennardJones", molecule("ethanol"), options={"epsilon": value, "rc": 5.0})
        for value in (2.0, 1.0)
    )
    assert energy(strong, x) == pytest.approx(2 * energy(weak, x))


def test_what_is_no_method_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = molecule("ethanol")
    for name, message in (
        ("gaff", "gaff is no method: give stock, uff, mmff94, gfn1-xtb, gfn2-xtb, the folder of a model"),
        (str(tmp_path), "is no method"),
        ("ase.calculators.tip3p:TIP3P", "cannot be made with the options"),
        ("ase:Atoms", "is no calculator of ASE"),
    ):
        with pytest.raises(InputError, match=message):
            method(name, own, options={"nonsense": 1} if "tip3p" in name else {})
    for other, message in (
        ("propane", "atom 3 is O in the molecule ethanol but C in"),
        ("reversed ethanol", "in the molecule ethanol but"),
    ):
        write_model(SavedModel(force_field(other), None), tmp_path)
        with pytest.raises(InputError, match=message):
            method(str(tmp_path), own)
    write_model(SavedModel(force_field("ethanol"), None), tmp_path)
    swapped = replace(own, bonds=np.array([[0, 2], [0, 1], *own.bonds[2:].tolist()]))
    with pytest.raises(InputError, match="but not in both: take models of the same molecule"):
        method(str(tmp_path), swapped)
    with pytest.raises(MissingProgramError, match="there is no nowhere:Class"):
        method("nowhere:Class", own)
    monkeypatch.setitem(sys.modules, "tblite.ase", None)
    with pytest.raises(MissingProgramError, match=r"GFN2-xTB needs tblite: pip install hybridff\[reference\]"):
        method("gfn2-xtb", own)
