from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyscf", reason="the reference is PySCF's")

from hybridff.analysis.modes import hessian
from hybridff.errors import InputError
from hybridff.export.ase_atoms import evaluator
from hybridff.reference.hessian import HessianLevel, KohnSham, find_minimum, positive
from hybridff.units import ANGSTROM, EV, KCAL_MOL

LEVEL = HessianLevel("pbe", "sto-3g", 3)
NUMBERS = np.array([8, 1, 1])
WATER = np.array([[0.0, 0.0, 0.0], [0.099, 0.005, 0.0], [-0.02, 0.098, 0.0]])


def test_a_search_can_begin_with_any_hessian() -> None:
    unit = EV / ANGSTROM**2
    values = np.linalg.eigvalsh(positive(np.diag([-3.0, 1e-3, 4.0]) * unit))
    np.testing.assert_allclose(values, np.array([0.1, 3.0, 4.0]) * unit)


@pytest.mark.slow
def test_the_minimum_has_no_forces_and_the_hessian_of_its_forces(tmp_path: Path) -> None:
    visited: list[np.ndarray] = []
    curvature = positive(hessian(NUMBERS, WATER, KohnSham(LEVEL)))
    found = find_minimum(
        NUMBERS, WATER, LEVEL, curvature=curvature, largest_force=1e-3 * EV / ANGSTROM, visit=visited.append
    )
    assert len(visited) > 1
    np.testing.assert_allclose(visited[-1], found.positions)
    _, forces = evaluator(NUMBERS, KohnSham(LEVEL))(found.positions)
    assert np.abs(forces).max() < 1e-3 * EV / ANGSTROM
    differences = hessian(NUMBERS, found.positions, KohnSham(LEVEL))
    # the grid does not follow the analytic Hessian, and differences have steps of 0.005 Å
    assert np.abs(found.hessian - differences).max() < 0.02 * np.abs(differences).max()
    assert found.frequencies.shape == (3,)
    assert 1500 < found.frequencies[0] < 2500
    found.write(tmp_path / "hessian.npz")
    with np.load(tmp_path / "hessian.npz") as file:
        np.testing.assert_allclose(file["R"] * ANGSTROM, found.positions)
        np.testing.assert_allclose(file["hessian"] * KCAL_MOL / ANGSTROM**2, found.hessian)
        assert str(file["theory"]).startswith("pbe/sto-3g, density fitting, grid level 3, PySCF ")


def test_what_is_no_minimum_is_refused() -> None:
    linear = np.array([[0.0, 0.0, 0.0], [0.097, 0.0, 0.0], [-0.097, 0.0, 0.0]])
    stiff, force = np.eye(9) * 30 * EV / ANGSTROM**2, 0.2 * EV / ANGSTROM
    with pytest.raises(InputError, match="no minimum"):
        find_minimum(NUMBERS, linear, LEVEL, curvature=stiff, largest_force=force, visit=lambda x: None)
