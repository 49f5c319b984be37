"""Small term tables on random atoms, and the two routes to their energy."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from helpers import openmm_energy_forces

from hybridff.expressions.expression import Expression
from hybridff.gaff.energy import TermEnergy
from hybridff.gaff.features import FEATURES, Feature, Parameter
from hybridff.gaff.openmm_forces import bonded_forces
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import FeatureRows, TermTable

ATOMS = {"bond": [[0, 1], [3, 1]], "pair": [[0, 3], [4, 1]], "angle": [[0, 1, 2], [3, 1, 0]]}
ATOMS |= {"torsion": [[0, 1, 2, 3], [4, 2, 0, 1]], "out_of_plane": [[0, 1, 2, 3], [2, 4, 1, 0]]}
"""Coordinates that share atoms in every order."""

PLAUSIBLE = {"nm": 0.14, "rad": 1.9, "1": 3.0, "1/nm": 20.0}
"""A value for parameters of each unit."""

TRIAL: Mapping[str, Feature] = {
    **FEATURES,
    "wagging": Feature("wagging", "out_of_plane", Expression("(s - s0)^2"), {"s0": Parameter("1", "at rest")}, "trial"),
    "tilt": Feature("tilt", "out_of_plane", Expression("s"), {}, "trial"),
    "bent_torsion": Feature(
        "bent_torsion",
        "torsion",
        Expression("(theta1 - theta0)*(theta2 - theta0)*cos(phi)"),
        {"theta0": Parameter("rad", "equilibrium angle")},
        "trial",
    ),
    "second_angle": Feature("second_angle", "torsion", Expression("sin(theta2)"), {}, "trial"),
}
"""The features of the program, and some of a user that read every variable of every coordinate."""


def frames(n: int = 4, seed: int = 0) -> np.ndarray:
    """Five atoms, 0.15 to 0.4 nm apart, neither in line nor planar."""
    corners = np.array([[0.0, 0, 0], [0.15, 0, 0.02], [0.2, 0.14, 0], [0.1, 0.2, 0.15], [-0.1, 0.1, 0.1]])
    return corners + np.random.default_rng(seed).normal(0, 0.01, (n, 5, 3))


def table(
    *products: tuple[tuple[str, int], ...],
    multipliers: Sequence[float] | None = None,
    declarations: Mapping[str, Feature] = TRIAL,
) -> tuple[TermTable, Parameters]:
    """A term for each product of (feature, row of ``ATOMS``); coefficients -1.7, -0.7, 0.3, … in turn."""
    factors = list(dict.fromkeys(factor for term in products for factor in term))
    values: list[float] = []
    rows = []
    for name, coordinate in factors:
        index = {}
        for parameter, declared in declarations[name].parameters.items():
            index[parameter] = np.array([len(values)])
            # A periodicity must be whole.
            values.append(PLAUSIBLE[declared.unit] * (1.0 if declared.unit == "1" else 1 + 0.01 * len(values)))
        rows.append(FeatureRows(declarations[name], np.array([coordinate]), index))
    order = max(map(len, products))
    padded = [[factors.index(factor) for factor in term] + [-1] * (order - len(term)) for term in products]
    first = len(values)
    values += [-1.7 + i for i in range(len(products))]
    terms = TermTable(
        {kind: np.array(atoms) for kind, atoms in ATOMS.items()},
        tuple(rows),
        np.array(padded),
        np.ones(len(products)) if multipliers is None else np.array(multipliers, dtype=float),
        first + np.arange(len(products)),
        ("any",) * len(products),
    )
    names = tuple(f"{i}" for i in range(len(values)))
    return terms, Parameters(np.array(values), ("torsion k",) * len(values), names)


def by_torch(terms: TermTable, parameters: Parameters, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces of a table."""
    x = torch.tensor(positions, requires_grad=True)
    energy = TermEnergy(terms, parameters).term_energies(x).sum(-1)
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    return energy.detach().numpy(), -gradient.numpy()


def by_openmm(terms: TermTable, parameters: Parameters, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same through the bonded forces of the export."""
    return openmm_energy_forces(bonded_forces(terms, parameters.values), positions)


def assert_routes_agree(terms: TermTable, parameters: Parameters, positions: np.ndarray) -> None:
    """Compare energies and forces; both routes are in double precision, OpenMM's torsions lose three digits in acos."""
    actual, expected = by_torch(terms, parameters, positions), by_openmm(terms, parameters, positions)
    assert np.abs(expected[1]).max() > 0
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-10)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-10, atol=1e-10 * np.abs(expected[1]).max())
