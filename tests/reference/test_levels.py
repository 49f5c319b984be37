from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hybridff.errors import InputError, MissingProgramError
from hybridff.reference.level import Species, labeller_of
from hybridff.reference.levels import is_level_name, level_of
from hybridff.units import ANGSTROM, BOHR, EV, HARTREE

POSITIONS = np.array([[0.0, 0.0, 0.0], [0.097, 0.0, 0.0], [-0.02, 0.095, 0.004]])
WATER = Species(np.array([8, 1, 1]), 0, "water")
PROGRAMS = {"tblite": "gfn2-xtb", "pyscf": "hf/sto-3g"}


def by_pyscf(build: Callable, charge: int = 0, n_atoms: int = 3) -> tuple[float, np.ndarray]:
    """Energy and forces by PySCF's own interface, in our units and where the atoms lie."""
    from pyscf import gto

    atoms = list(zip("OHH"[:n_atoms], (POSITIONS[:n_atoms] / ANGSTROM).tolist(), strict=True))
    solved = build(gto.M(atom=atoms, basis="sto-3g", charge=charge, verbose=0))
    solved.kernel()
    gradient = solved.nuc_grad_method()
    if hasattr(gradient, "grid_response"):
        gradient.grid_response = True
    return solved.e_tot * HARTREE, -gradient.kernel() * (HARTREE / BOHR)


def mean_field(kind: str, functional: str = "", auxiliary: str = "def2-universal-jkfit", **changes: object) -> Callable:
    """What makes PySCF's equations, without anything of ours."""
    from pyscf import dft, scf

    def build(mol: object) -> object:
        found = dft.RKS(mol, xc=functional) if functional else scf.RHF(mol)
        found = found.density_fit(auxbasis=auxiliary) if kind == "fitted" else found
        return found.set(conv_tol=1e-11, conv_tol_grad=1e-7, **changes)

    return build


def mp2(mol: object) -> object:
    from pyscf import mp

    return mp.MP2(mean_field("plain")(mol).run())


LEVELS = {
    "hf/sto-3g": lambda: mean_field("fitted"),
    "hf-d3bj/sto-3g": lambda: mean_field("fitted", disp="d3bj"),
    "pbe-d3bj/sto-3g": lambda: mean_field("fitted", "pbe", "def2-universal-jfit", disp="d3bj"),
    "b3lyp-d4/sto-3g": lambda: mean_field("fitted", "b3lyp", disp="d4"),
    "wb97x-d4/sto-3g": lambda: mean_field("fitted", "wb97x_v", nlc=False, disp="d4:wb97x"),
    "mp2/sto-3g": lambda: mp2,
}


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_has_the_numbers_of_pyscfs_own_interface(name: str) -> None:
    pytest.importorskip("pyscf.dispersion", reason="the truth is PySCF's")
    expected, slopes = by_pyscf(LEVELS[name]())
    energy, forces = labeller_of(level_of(name), WATER)(POSITIONS)
    # a grid that lies otherwise changes energies by some 1e-5 Hartree, and forces likewise
    functional = not name.startswith(("hf", "mp2"))
    assert energy == pytest.approx(expected, abs=0.1 if functional else 1e-4)  # kJ/mol
    np.testing.assert_allclose(forces, slopes, atol=5.0 if functional else 0.02)  # kJ/mol/nm


def test_the_charge_is_that_of_the_molecule() -> None:
    pytest.importorskip("pyscf")
    expected, slopes = by_pyscf(mean_field("fitted"), charge=-1, n_atoms=2)
    energy, forces = labeller_of(level_of("hf/sto-3g"), Species(np.array([8, 1]), -1))(POSITIONS[:2])
    assert energy == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(forces, slopes, atol=0.02)


@pytest.mark.parametrize("solvent", ["", "water"])
def test_xtb_is_that_of_tblite(solvent: str) -> None:
    interface = pytest.importorskip("tblite.interface")
    direct = interface.Calculator("GFN2-xTB", WATER.numbers, POSITIONS / BOHR)
    direct.set("verbosity", 0)
    if solvent:
        direct.add("alpb-solvation", solvent)
    expected = direct.singlepoint()
    level = level_of("GFN2-xTB" + (f"-alpb({solvent})" if solvent else ""))
    energy, forces = labeller_of(level, WATER)(POSITIONS)
    assert energy == pytest.approx(expected.get("energy") * HARTREE, abs=0.02)
    np.testing.assert_allclose(forces, -expected.get("gradient") * HARTREE / BOHR, atol=5.0)
    assert level.settings == ("GFN2-xTB in water by ALPB" if solvent else "GFN2-xTB")


def test_any_calculator_of_ase_is_a_level_with_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ase
    from ase.calculators.lj import LennardJones

    level = level_of("ase.calculators.lj:LennardJones", {"epsilon": 0.01, "sigma": 0.7})
    energy, forces = labeller_of(level, WATER)(POSITIONS)
    atoms = ase.Atoms("OHH", POSITIONS / ANGSTROM, calculator=LennardJones(epsilon=0.01, sigma=0.7))
    assert energy == pytest.approx(atoms.get_potential_energy() * EV)
    np.testing.assert_allclose(forces, atoms.get_forces() * EV / ANGSTROM, rtol=1e-9, atol=1e-9)
    assert level.theory == 'ase.calculators.lj:LennardJones {"epsilon": 0.01, "sigma": 0.7}'
    monkeypatch.chdir(tmp_path)
    text = "from ase.calculators.lj import LennardJones\n"
    text += "class Asked(LennardJones):\n    def __init__(self, charge, words):\n"
    text += "        assert (charge, words) == (-1, 'q=-1'), (charge, words)\n        super().__init__()\n"
    Path("asked_charge.py").write_text(text, encoding="utf-8")
    asked = level_of("asked_charge:Asked", {"charge": "{charge}", "words": "q={charge}"})
    assert np.isfinite(labeller_of(asked, Species(np.array([8, 1]), -1))(POSITIONS[:2])[0])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nonsense", "nonsense is no level of theory: give METHOD/BASIS of PySCF"),
        ("pbe-d3/sto-3g", "pbe-d3/sto-3g is no level of theory"),
        ("nonsense/sto-3g", "PySCF has no such functional"),
        ("pbe/nonsense", "nonsense is no basis of PySCF for water"),
        ("svwn-d3bj/sto-3g", r"D3\(BJ\) has no parameters for svwn"),
        ("mp2-d4/sto-3g", "mp2 has no dispersion correction"),
        ("wb97x-v/sto-3g", "nonlocal correlation"),
        ("b97-3c/sto-3g", "more than its functional"),
        ("gfn2-xtb-alpb(beer)", "gfn2-xtb cannot compute water"),
    ],
)
def test_what_no_program_can_compute_is_refused_in_a_sentence(name: str, sentence: str) -> None:
    pytest.importorskip("pyscf.dispersion")
    pytest.importorskip("tblite")
    with pytest.raises(InputError, match=sentence):
        labeller_of(level_of(name), WATER)


def test_odd_electrons_and_options_that_mean_nothing_are_refused() -> None:
    pytest.importorskip("tblite")
    with pytest.raises(InputError, match="water with the charge 1 has 9 electrons, and levels are of closed shells"):
        labeller_of(level_of("gfn2-xtb"), Species(WATER.numbers, 1, "water"))
    with pytest.raises(InputError, match="only levels module:Class have any"):
        level_of("gfn2-xtb", {"accuracy": 1})


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_program_is_named(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("levels", "xtb"):
        monkeypatch.setattr(f"hybridff.reference.{module}.find_spec", lambda name: None)
    with pytest.raises(MissingProgramError, match=r"pip install hybridff\[reference\]"):
        level_of(PROGRAMS[program])


def test_names_are_told_from_files() -> None:
    names = ["gfn2-xtb", "GFN1-xTB-alpb(ch2cl2)", "pbe-d3bj/def2-svp", "ccsd(t)/cc-pvdz", "hf/6-31++g(d,p)", "a.b:C"]
    assert all(is_level_name(name) for name in names)
    assert not any(is_level_name(name) for name in ["ethanol.npz", "data/of/ethanol.npz", "a/b c", "none"])
