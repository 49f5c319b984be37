from collections import defaultdict

import numpy as np
import pytest
from models import class_one_of, distorted, force_field, lone_atom, molecule

from hybridff.fitting import linear_problem
from hybridff.fitting.linear_fit import fit_linear
from hybridff.fitting.options import FitOptions
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.prior_restraints import Restraint, restraints
from hybridff.gaff.topology import Topology
from hybridff.units import ANGSTROM, KCAL_MOL

MARGIN, SPACING, FIRST = 0.29 * ANGSTROM, 0.2 * ANGSTROM, 0.6 * ANGSTROM
CENTRES = np.array([2.0, 2.5, 3.0, 3.5, 4.0, 4.5]) * ANGSTROM


def class2(name: str) -> ForceField:
    x = distorted(name, 40)
    return ForceField.build(molecule(name), class_one_of(name), form="class2", geometries=x)


def split(model: ForceField, x: np.ndarray) -> tuple[list[Restraint], list[Restraint]]:
    """Restraints on contacts and on bonds."""
    found = list(restraints(model.table, model.parameter_table, x))
    quantities = model.parameter_table.quantities
    bonds = [row for row in found if quantities[row.coefficients[0]].startswith("bond ")]
    return [row for row in found if row not in bonds], bonds


def local(r: np.ndarray) -> np.ndarray:
    """The functions of a pair correction, written out: (distances, functions)."""
    gaussians = np.exp(-(((r[:, None] - CENTRES) / (0.6 * ANGSTROM)) ** 2))
    return np.concatenate([gaussians, 1 / np.sqrt(r[:, None] ** 2 + (2 * ANGSTROM) ** 2)], 1)


@pytest.mark.parametrize("name", ["ethanol", "benzene"])
def test_each_class_of_pairs_is_held_at_contacts_below_its_shortest_distance(name: str) -> None:
    x, model = distorted(name, 40), class2(name)
    topology = Topology(molecule(name))
    shortest: dict[int, float] = defaultdict(lambda: np.inf)
    for pair, label in zip(topology.atoms["pair"], topology.classes["pair"].tolist(), strict=True):
        shortest[label] = min(shortest[label], float(np.linalg.norm(x[:, pair[0]] - x[:, pair[1]], axis=-1).min()))
    expected: list[list[float]] = []
    for least in shortest.values():
        expected += local(np.arange(FIRST, least - MARGIN, SPACING)).tolist()
    contacts, _ = split(model, x)
    assert {row.deviation for row in contacts} == {KCAL_MOL}
    assert {row.target for row in contacts} == {0.0}
    assert len({row.coefficients for row in contacts}) == len(shortest)
    # Rounded, as rows that are equal but for rounding would be sorted by their last digits.
    found, wanted = (sorted(np.round(rows, 9).tolist()) for rows in ([row.weights for row in contacts], expected))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-9)


@pytest.mark.parametrize("name", ["ethanol", "benzene"])
def test_each_class_of_bonds_takes_100_kcal_to_break(name: str) -> None:
    """The sum over the coefficients of a bond is its energy far away, less that at the reference length."""
    model = class2(name)
    _, bonds = split(model, distorted(name, 40))
    topology = Topology(molecule(name))
    assert len(bonds) == len(set(topology.classes["bond"].tolist()))
    assert {(row.target, row.deviation) for row in bonds} == {(100 * KCAL_MOL, 10 * KCAL_MOL)}
    p = model.parameter_table
    random = np.random.default_rng(0).normal(size=len(p))
    for row in bonds:
        values = np.where([quantity == "constant" for quantity in p.quantities], p.values, 0.0)
        values[list(row.coefficients)] = random[list(row.coefficients)]
        alone = model.with_values(values)
        # Every bond ten metres long; equivalent bonds share the coefficients.
        (far,), _ = predict(alone, 1e10 * distorted(name, 1))
        n_bonds = round(far / float(random[list(row.coefficients)] @ row.weights))
        assert far == pytest.approx(n_bonds * random[list(row.coefficients)] @ row.weights, rel=1e-9)
        label = p.labels[row.coefficients[0]]
        atoms = tuple(int(part.lstrip("CHO")) - 1 for part in label.split("-"))
        own = topology.classes["bond"] == topology.classes["bond"][topology.index["bond"][atoms]]
        assert n_bonds == own.sum()


def test_terms_left_out_are_left_out_of_the_restraints() -> None:
    model, x = class2("ethanol"), distorted("ethanol", 40)
    p = model.parameter_table
    dropped = np.array(
        [
            label.endswith("2.50 Å") or quantity == "bond 3"
            for quantity, label in zip(p.quantities, p.labels, strict=True)
        ]
    )
    contacts, bonds = split(model.without(dropped & p.adjustable), x)
    assert {len(row.coefficients) for row in contacts} == {6}
    assert {len(row.coefficients) for row in bonds} == {3}
    whole, _ = split(model, x)
    np.testing.assert_allclose(
        sorted(row.weights for row in contacts),
        sorted(np.delete(np.array([row.weights for row in whole]), 1, 1).tolist()),
    )


def test_gaff_and_lone_atoms_have_none() -> None:
    for model in (force_field("ethanol"), lone_atom()):
        x = distorted("ethanol", 3) if len(model.types) > 1 else np.zeros((3, 1, 3))
        assert list(restraints(model.table, model.parameter_table, x)) == []


def noisy(model: ForceField) -> Frames:
    """Data that say nothing but noise of the size of what a bond does to forces [kJ/mol, kJ/mol/nm]."""
    x, random = distorted(model.molecule.name, 15), np.random.default_rng(0)
    energies, forces = predict(model, x)
    return Frames(
        model.molecule.numbers, x, energies + random.normal(0, 5, 15), forces + random.normal(0, 500, x.shape)
    )


def test_fits_keep_corrections_small_inside_and_bonds_breakable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What noisy data and wide priors would make of both without restraints, and with them."""
    model = class2("ethanol")
    frames = noisy(model)
    contacts, bonds = split(model, frames.positions)

    def largest() -> tuple[float, float]:
        end = fit_linear([(model, frames)], FitOptions(prior_scale=3.0)).end.values
        sums = [[end[list(row.coefficients)] @ row.weights for row in rows] for rows in (contacts, bonds)]
        return np.abs(sums[0]).max() / KCAL_MOL, np.abs(np.array(sums[1]) / KCAL_MOL - 100).max()

    held = largest()
    monkeypatch.setattr(linear_problem, "restraints", lambda *arguments: iter(()))
    free = largest()
    # Three deviations of one contact; neighbouring contacts pull together.
    assert held[0] < 3.0
    assert held[1] < 30.0
    assert free[0] > 1.5 * held[0]
    assert free[1] > 2 * held[1]
