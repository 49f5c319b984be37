import ast
import re

import numpy as np
import openmm
import pytest
from helpers import openmm_energy_forces

from hybridff.expressions.expression import Expression
from hybridff.gaff.cosines import Cosines
from hybridff.gaff.features import FEATURES

PARTS = {part.text: part for part in FEATURES["regular_cos"].expression.factors()}


def by(expression: str, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces of an expression of four atoms."""
    force = openmm.CustomCompoundBondForce(4, expression)
    force.addBond([0, 1, 2, 3])
    return openmm_energy_forces([force], positions)


def chains(n: int = 20) -> np.ndarray:
    """Four atoms in chains with all torsions and angles from 60 to 170 degrees [nm]."""
    rng = np.random.default_rng(0)
    first, second = np.radians(rng.uniform(60, 170, (2, n)))
    phi = rng.uniform(-np.pi, np.pi, n)
    zero = np.zeros(n)
    a = 0.11 * np.stack([np.cos(first), np.sin(first), zero], 1)
    d = 0.13 * np.stack([-np.cos(second), np.sin(second) * np.cos(phi), np.sin(second) * np.sin(phi)], 1)
    c = np.tile([0.15, 0.0, 0.0], (n, 1))
    return np.stack([a, 0 * c, c, c + d], 1)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("atoms", [(1, 2, 3, 4), (4, 3, 2, 1)])
def test_a_regular_torsion_by_distances_is_that_by_its_angles(n: int, atoms: tuple[int, ...]) -> None:
    cosines = Cosines()
    factors = [cosines.factor(part, atoms, {"n": float(n)}) for part in PARTS.values()]
    text = "; ".join(["*".join(map(str, factors)), *cosines.definitions()])
    assert "dihedral" not in text
    expected = by(f"sin(angle(p1,p2,p3))*sin(angle(p2,p3,p4))*cos({n}*dihedral(p1,p2,p3,p4))", chains())
    for actual, value in zip(by(text, chains()), expected, strict=True):
        np.testing.assert_allclose(actual, value, rtol=0, atol=1e-11 * np.abs(value).max())


def test_atoms_in_line_have_numbers_for_forces() -> None:
    cosines = Cosines()
    factors = [cosines.factor(part, (1, 2, 3, 4), {"n": 2.0}) for part in PARTS.values()]
    line = np.array([[[0.0, 0, 0], [0.1, 0, 0], [0.25, 0, 0], [0.3, 0.1, 0]]])
    energy, forces = by("; ".join(["*".join(map(str, factors)), *cosines.definitions()]), line)
    assert np.abs(energy).max() < 1e-3
    assert np.isfinite(forces).all()


@pytest.mark.parametrize("text", ["sin(n*phi)", "cos(n*phi - phase)", "cos(theta1)", "phi"])
def test_what_is_not_made_of_distances_is_left_as_it_is(text: str) -> None:
    assert Cosines().factor(Expression(text), (1, 2, 3, 4), {"n": 1.0, "phase": 0.0}) is None
    assert Cosines().factor(Expression("cos(n*phi)"), (1, 2, 3, 4), {"n": 5.0}) is None
    assert Cosines().factor(Expression("cos(n*phi)"), (1, 2, 3, 4), {}) is None


def test_definitions_are_used_by_those_before_them_and_none_is_a_name_of_openmms() -> None:
    cosines = Cosines()
    for part in PARTS.values():
        cosines.factor(part, (1, 2, 3, 4), {"n": 3.0})
    names = [definition.partition("=")[0] for definition in cosines.definitions()]
    assert not [name for name in names if re.fullmatch("[pxyz][0-9]+", name)]
    for number, definition in enumerate(cosines.definitions()):
        tree = ast.parse(definition.partition("=")[2].replace("^", "**"))
        read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(names)
        assert read <= set(names[number + 1 :])
