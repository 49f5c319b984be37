import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.gaff import atomtypes
from hybridff.gaff.atomtypes import assign_types, check_supported, estimate_missing, estimates
from hybridff.gaff.table import gaff_versions
from hybridff.molecules.molecule import Molecule


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path / "cache"))
    yield


@pytest.mark.parametrize("version", gaff_versions())
def test_every_version_types_ethanol(version: str) -> None:
    assert assign_types(Molecule.from_smiles("CCO"), version) == ("c3", "c3", "oh", *["hc"] * 3, *["h1"] * 2, "ho")


def test_gaff2_tells_nitrogens_apart_that_gaff1_does_not() -> None:
    methylamine = Molecule.from_smiles("CN")
    assert assign_types(methylamine, "gaff-1.81")[1] == "n3"
    assert assign_types(methylamine, "gaff-2.2.20")[1] == "n8"


def test_an_unknown_version_is_refused_with_the_list_of_versions() -> None:
    with pytest.raises(InputError, match=r"unknown GAFF version 'gaff-3'; known are gaff-1\.4, .*gaff-2\.2\.20"):
        assign_types(Molecule.from_smiles("C"), "gaff-3")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[CH3:1][C:2](=[O:3])[O-:4]", "[CH3:1][C:2]([O-:3])=[O:4]"),
        ("[NH2:1][C:2](=[NH2+:3])[NH2:4]", "[NH2+:1]=[C:2]([NH2:3])[NH2:4]"),
        ("[CH3:1][N+:2](=[O:3])[O-:4]", "[CH3:1][N+:2]([O-:3])=[O:4]"),
        ("[CH3:1][S:2](=[O:3])(=[O:4])[O-:5]", "[CH3:1][S:2]([O-:3])(=[O:4])=[O:5]"),
    ],
    ids=["acetate", "guanidinium", "nitromethane", "methanesulfonate"],
)
def test_resonance_forms_have_the_same_types(one: str, other: str) -> None:
    heavy = one.count(":")
    types = [assign_types(hydrogenated(smiles))[:heavy] for smiles in (one, other)]
    assert types[0] == types[1]


def hydrogenated(mapped: str) -> Molecule:
    """A molecule with the heavy atoms in the order of their maps and the hydrogens behind them."""
    mol = Chem.MolFromSmiles(mapped)
    order = np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])
    mol = Chem.AddHs(Chem.RenumberAtoms(mol, [int(i) for i in order]))
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    return Molecule.from_rdkit(mol, mapped)


def test_bond_orders_are_the_molecules_own() -> None:
    # antechamber's own perception of bonds takes the ester's carbonyl carbon for an alkene's (c2).
    assert assign_types(Molecule.from_smiles("[N-]=[N+]=CC(=O)OCC"))[3] == "c"


def test_types_do_not_depend_on_the_geometry() -> None:
    molecule = Molecule.from_smiles("C[C@H]([NH3+])C(=O)[O-]")
    assert assign_types(molecule) == assign_types(molecule.with_embedded_positions(seed=3))


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("OB(O)c1ccccc1", r"atom 2 of .* is B; GAFF has parameters for H, C, N, O, F, P, S, Cl, Br, I only"),
        ("C[Si](C)(C)C", r"atom 2 of .* is Si; GAFF"),
        ("[Na+]", r"atom 1 of .* is Na; GAFF"),
    ],
)
def test_elements_outside_gaff_are_refused_before_any_program_runs(
    smiles: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomtypes, "run", None)
    with pytest.raises(InputError, match=message):
        assign_types(Molecule.from_smiles(smiles))


def test_a_radical_is_refused() -> None:
    methyl = Molecule(
        "methyl",
        numbers=np.array([6, 1, 1, 1]),
        bonds=np.array([[0, 1], [0, 2], [0, 3]]),
        bond_orders=np.array([1, 1, 1]),
        formal_charges=np.zeros(4, dtype=int),
    )
    with pytest.raises(InputError, match=r"atom 1 \(C\) of methyl has an unpaired electron or an open valence"):
        check_supported(methyl)


def test_unknown_bond_orders_are_refused() -> None:
    ethanol = Molecule.from_smiles("CCO")
    unknown = Molecule("no orders", ethanol.numbers, ethanol.bonds, ethanol.bond_orders * 0, ethanol.formal_charges)
    with pytest.raises(InputError, match="bond orders of no orders are unknown"):
        assign_types(unknown)


def test_estimates_hold_the_missing_rows_and_say_where_they_come_from() -> None:
    molecule = Molecule.from_smiles("CC(C)=NNC(=S)N")
    table = estimate_missing(molecule, assign_types(molecule))
    # c2-n2-ns-cs has the terms of c2-n2-ns-c: 3.64, 0.06 and 0.65 kcal/mol.
    terms = table.torsion(("c2", "n2", "ns", "cs"))
    assert terms is not None
    assert [term.periodicity for term in terms] == [1, 3, 2]
    np.testing.assert_allclose([term.k for term in terms], [3.64 * 4.184, 0.06 * 4.184, 0.65 * 4.184])
    assert len(estimates(table)) == len(table.remarks) == 12


def test_wildcard_impropers_of_the_table_are_no_estimates() -> None:
    benzene = Molecule.from_smiles("c1ccccc1")
    table = estimate_missing(benzene, assign_types(benzene))
    assert table.improper(("ca", "ca", "ha"), "ca") is not None
    assert estimates(table) == ()


def test_results_are_kept_and_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ethanol = Molecule.from_smiles("CCO")
    types = assign_types(ethanol)
    estimate_missing(ethanol, types)
    kept = list((tmp_path / "cache").iterdir())
    assert len(kept) == 2
    assert all(json.loads(path.read_text(encoding="utf-8")) and path.stat().st_size < 10_000 for path in kept)
    monkeypatch.setattr(atomtypes, "run", None)
    assert assign_types(ethanol) == types
    estimate_missing(ethanol, types)


def test_no_files_are_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary, working = tmp_path / "tmp", tmp_path / "cwd"
    temporary.mkdir()
    working.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(working)
    ethanol = Molecule.from_smiles("CCO")
    estimate_missing(ethanol, assign_types(ethanol))
    assert list(temporary.iterdir()) == []
    assert list(working.iterdir()) == []
