from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyscf", reason="the reference is PySCF's")

import ase

from hybridff.analysis.modes import hessian
from hybridff.errors import InputError
from hybridff.reference.hessian import HessianLevel, KohnSham, find_minimum, positive
from hybridff.units import ANGSTROM, EV, KCAL_MOL

LEVEL = HessianLevel("pbe", "sto-3g", 3)
WATER = ase.Atoms("OHH", [[0.0, 0.0, 0.0], [0.99, 0.05, 0.0], [-0.2, 0.98, 0.0]])


def test_a_search_can_begin_with_any_hessian() -> None:
    second = np.diag([-3.0, 1e-3, 4.0])
    values = np.linalg.eigvalsh(positive(second))
    np.testing.assert_allclose(values, [0.1, 3.0, 4.0])


def test_the_minimum_has_no_forces_and_the_hessian_of_its_forces(tmp_path: Path) -> None:
    visited: list[ase.Atoms] = []
    curvature = positive(hessian(WATER, KohnSham(LEVEL)))
    found = find_minimum(WATER, LEVEL, curvature, 1e-3 * EV / ANGSTROM, visited.append)
    assert len(visited) > 1
    assert visited[-1].calc is None
    atoms, calculator = found.atoms.copy(), KohnSham(LEVEL)
    atoms.calc = calculator
    assert np.abs(atoms.get_forces()).max() < 1e-3
    differences = hessian(found.atoms, calculator) * (EV / ANGSTROM**2)
    # the grid does not follow the analytic Hessian, and differences have steps of 0.005 Å
    assert np.abs(found.hessian - differences).max() < 0.02 * np.abs(differences).max()
    assert found.frequencies.shape == (3,)
    assert 1500 < found.frequencies[0] < 2500
    found.write(tmp_path / "hessian.npz")
    with np.load(tmp_path / "hessian.npz") as file:
        np.testing.assert_allclose(file["R"], found.atoms.positions)
        np.testing.assert_allclose(file["hessian"] * KCAL_MOL / ANGSTROM**2, found.hessian)
        assert str(file["theory"]).startswith("pbe/sto-3g, density fitting, grid level 3, PySCF ")


def test_what_is_no_minimum_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    linear = ase.Atoms("OHH", [[0.0, 0.0, 0.0], [0.97, 0.0, 0.0], [-0.97, 0.0, 0.0]])
    with pytest.raises(InputError, match="no minimum"):
        find_minimum(linear, LEVEL, np.eye(9) * 30, 0.2 * EV / ANGSTROM, lambda atoms: None)
