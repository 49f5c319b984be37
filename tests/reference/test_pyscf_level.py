import numpy as np
import pytest

pytest.importorskip("pyscf", reason="the reference is PySCF's")

import ase
from pyscf import dft, gto

from hybridff.errors import InputError, MissingProgramError
from hybridff.reference import pyscf_level
from hybridff.reference.labels import label_arrays, labelled, labelled_energy, slopes
from hybridff.reference.pyscf_level import AUXILIARY_BASIS, PBE, PySCFLevel, energy, energy_forces, separated_energy
from hybridff.units import ANGSTROM, BOHR, EV, HARTREE

SYMBOLS = ("O", "H", "H")
POSITIONS = np.array([[0.0, 0.0, 0.0], [0.097, 0.0, 0.0], [-0.02, 0.095, 0.004]])
SMALL = PySCFLevel(basis="STO-3G", grid=1, dispersion=False)


def by_pyscf() -> dft.rks.RKS:
    """The same level by PySCF's own equations on one grid."""
    atoms = list(zip(SYMBOLS, (POSITIONS / ANGSTROM).tolist(), strict=True))
    found = dft.RKS(gto.M(atom=atoms, basis=SMALL.basis, verbose=0), xc=SMALL.functional)
    found = found.density_fit(auxbasis=AUXILIARY_BASIS)
    found.grids.level, found.conv_tol, found.conv_tol_grad = SMALL.grid, 1e-11, 1e-6
    found.kernel()
    return found


@pytest.mark.slow
def test_two_grids_give_the_energy_and_the_forces_of_the_fine_one() -> None:
    expected = by_pyscf()
    slope = expected.nuc_grad_method().set(grid_response=True).kernel()
    found, forces = energy_forces(SYMBOLS, POSITIONS, SMALL)
    assert found == pytest.approx(expected.e_tot * HARTREE, abs=1e-5)  # kJ/mol, of 2e5
    np.testing.assert_allclose(forces, -slope * HARTREE / BOHR, atol=0.05)  # kJ/mol/nm: orbitals converge to 2e-6
    assert energy(SYMBOLS, POSITIONS, SMALL) == pytest.approx(found, abs=1e-6)


@pytest.mark.slow
def test_forces_are_the_slopes_of_the_energies() -> None:
    for by_energies, by_forces in slopes(SYMBOLS, POSITIONS, SMALL, directions=2):
        assert by_energies == pytest.approx(by_forces, abs=0.5)  # kJ/mol/nm
        assert abs(by_energies) > 50


def test_the_words_for_a_level_hold_all_that_it_depends_on() -> None:
    assert SMALL.theory.startswith("PBE/STO-3G (restricted Kohn-Sham, Coulomb density fitting with def2-universal-jfit")
    assert "integration grid level 1 " in SMALL.theory
    assert "D3" not in SMALL.theory
    assert PySCFLevel().theory.startswith("PBE-D3(BJ)/def2-SVP (")


def test_other_functionals_than_those_of_density_and_gradient_are_refused() -> None:
    for functional in ("B3LYP", "LDA", "TPSS"):
        with pytest.raises(InputError, match=f"{functional} is no plain GGA"):
            PySCFLevel(functional=functional)


def test_without_the_package_dispersion_is_missed_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyscf.dispersion.dftd3", None)
    with pytest.raises(MissingProgramError, match="pyscf-dispersion"):
        energy(SYMBOLS, POSITIONS, PySCFLevel(basis="STO-3G", grid=0))


def test_a_bond_comes_apart_into_radicals_where_spins_may_differ() -> None:
    apart = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.4]])
    closed, open_ = energy(("H", "H"), apart, SMALL), separated_energy(("H", "H"), apart, SMALL, leaving=1)
    assert open_ < closed - 20  # kJ/mol


def test_a_calculator_of_ase_has_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(symbols: tuple[str, ...], positions: np.ndarray, level: PySCFLevel) -> tuple[float, np.ndarray]:
        asked.append((symbols, level.dispersion))
        np.testing.assert_allclose(positions, POSITIONS)
        return 2.0 * EV, np.full((3, 3), EV / ANGSTROM)

    monkeypatch.setattr(pyscf_level, "energy_forces", answer)
    atoms = ase.Atoms(SYMBOLS, POSITIONS / ANGSTROM, calculator=PBE())
    assert atoms.get_potential_energy() == pytest.approx(2.0)
    np.testing.assert_allclose(atoms.get_forces(), 1.0)
    assert asked == [(SYMBOLS, False)]


def test_labels_are_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))
    calls = []

    def answer(symbols: tuple[str, ...], positions: np.ndarray, level: PySCFLevel) -> tuple[float, np.ndarray]:
        calls.append(level.basis)
        return 1.5, positions * 2

    monkeypatch.setattr("hybridff.reference.labels.energy_forces", answer)
    for level in (SMALL, SMALL, PySCFLevel(dispersion=False)):
        found, forces = labelled(SYMBOLS, POSITIONS, level)
        assert found == 1.5
        np.testing.assert_array_equal(forces, POSITIONS * 2)
    assert calls == ["STO-3G", "def2-SVP"]
    arrays = label_arrays(SYMBOLS, POSITIONS, SMALL)
    assert arrays["energy"] == 1.5
    assert len(calls) == 3


def test_energies_of_two_methods_are_kept_apart(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))
    for value, name in ((1.0, "restricted"), (2.0, "unrestricted"), (1.0, "restricted")):
        found = labelled_energy(SYMBOLS, POSITIONS, SMALL, lambda *_, value=value: value, name)
        assert found == value
