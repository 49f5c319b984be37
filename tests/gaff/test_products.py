from collections.abc import Mapping

import numpy as np
import pytest
import torch
from models import distorted, force_field, molecule
from sympy.combinatorics import Permutation, PermutationGroup

from hybridff.gaff.energy import TermEnergy
from hybridff.gaff.features import FEATURES
from hybridff.gaff.parameters import Parameters, Quantity
from hybridff.gaff.products import Factor, ProductRow, product_table
from hybridff.gaff.terms import TermTable
from hybridff.gaff.topology import Topology
from hybridff.molecules.symmetry import automorphism_generators

KINDS: Mapping[str, Quantity] = {
    "constant": Quantity("1", 1.0, None),
    "one": Quantity("kcal/mol", 4.184, 1.0),
    "other": Quantity("kcal/mol", 4.184, 1.0),
}
CONSTANTS = {"nm": 0.14, "rad": 1.9, "1": 2.0}
NAMES = ["morse", "bounded_bend", "regular_cos", "regular_sin", "pair_gaussian", "pair_soft", "out_of_plane"]
TINY = 1e-12
"""Of the largest energies: rounding of sums of at most some hundred products."""


def factor(topology: Topology, name: str, coordinate: int) -> Factor:
    feature = FEATURES[name]
    return Factor(feature, coordinate, tuple(CONSTANTS[p.unit] for p in feature.parameters.values()))


def some_rows(topology: Topology, n: int, seed: int) -> list[ProductRow]:
    """Products of one to three factors drawn at random."""
    random = np.random.default_rng(seed)
    names = [name for name in NAMES if topology.atoms[FEATURES[name].coordinate]]
    rows = []
    for _ in range(n):
        drawn = random.choice(names, random.integers(1, 4))
        factors = [
            factor(topology, name, int(random.integers(len(topology.atoms[FEATURES[name].coordinate]))))
            for name in drawn
        ]
        rows.append(ProductRow("one", tuple(factors), float(random.normal())))
    return rows


def energies(terms: TermTable, parameters: Parameters, x: np.ndarray) -> np.ndarray:
    return TermEnergy(terms, parameters).term_energies(torch.as_tensor(x)).sum(-1).numpy()


def product(topology: Topology, row: ProductRow, x: np.ndarray) -> np.ndarray:
    """The product alone, factor by factor."""
    total = np.full(len(x), 1.0)
    for feature, coordinate, constants in row.factors:
        declared = FEATURES[feature.name]
        values = {
            name: torch.as_tensor(topology.values(declared.coordinate, name, x)[:, coordinate])
            for name in declared.variables
        }
        parameters = {
            name: torch.tensor(c, dtype=torch.float64) for name, c in zip(declared.parameters, constants, strict=True)
        }
        total *= declared.evaluate(values, parameters).numpy()
    return total


def group(topology: Topology) -> list[list[int]]:
    generators = [Permutation(g.tolist()) for g in automorphism_generators(topology.molecule)]
    return [p.array_form for p in PermutationGroup(generators).elements]


def geometries(name: str, n: int = 3) -> np.ndarray:
    return distorted(name, n, width=0.02)


@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde", "propyne", "benzene"])
def test_a_row_is_its_product_averaged_over_all_permutations_as_often_as_it_has_images(name: str) -> None:
    topology, x = Topology(molecule(name)), geometries(name)
    elements, vanished = group(topology), 0
    for row in some_rows(topology, 40, seed=0):
        terms, parameters = product_table(topology, [row], KINDS)
        average = np.mean([product(topology, row, x[:, p]) for p in elements], 0)
        size = np.abs([product(topology, row, x[:, p]) for p in elements]).max()
        if len(terms.products) == 0:
            vanished += 1
            np.testing.assert_allclose(average, 0.0, atol=TINY * size)
            continue
        assert len(elements) % len(terms.products) == 0
        expected = len(terms.products) * row.value * average
        np.testing.assert_allclose(energies(terms, parameters, x), expected, rtol=0, atol=TINY * size * len(elements))
    assert (vanished > 0) == (name == "benzene")  # whose symmetries turn its planes over


def test_a_product_that_is_minus_its_own_image_is_left_out() -> None:
    """The out-of-plane value of a carbon of benzene changes sign when the ring is turned over."""
    topology = Topology(molecule("benzene"))
    rows = [ProductRow("one", (factor(topology, "out_of_plane", 0),) * n, 1.0) for n in (1, 2, 3)]
    terms, parameters = product_table(topology, rows, KINDS)
    assert parameters.quantities == ("one",)
    assert terms.products.shape == (6, 2)
    assert (terms.products[:, 0] == terms.products[:, 1]).all()


def test_a_product_of_two_odd_functions_carries_signs() -> None:
    topology = Topology(molecule("benzene"))
    neighbours = [(i, j) for i in range(6) for j in range(i) if topology.distances[i, j] == 1]
    i, j = neighbours[0]
    row = ProductRow("one", (factor(topology, "out_of_plane", i), factor(topology, "out_of_plane", j)), 1.0)
    terms, parameters = product_table(topology, [row], KINDS)
    x = geometries("benzene")
    s = topology.values("out_of_plane", "s", x)
    assert len(terms.products) == 6
    np.testing.assert_allclose(np.abs(terms.multipliers), 1.0)
    signs = {frozenset(terms.products[k].tolist()): terms.multipliers[k] for k in range(6)}
    order = terms.features[0].coordinate
    expected = sum(sign * np.prod(s[:, order[list(pair)]], 1) for pair, sign in signs.items())
    np.testing.assert_allclose(energies(terms, parameters, x), expected, rtol=1e-12)
    # Pushing every atom to the same side is one motion, whatever the order of each centre's neighbours.
    puckered = molecule("benzene").positions
    assert puckered is not None
    flat = puckered[None] - puckered.mean(0)
    normal = np.linalg.svd(flat[0])[2][2]
    flat -= np.outer(flat[0] @ normal, normal)
    bowl = flat + 0.01 * np.r_[np.ones(6), -np.ones(6)][:, None] * normal
    values = topology.values("out_of_plane", "s", bowl)[0]
    contributions = terms.multipliers * np.prod(values[order[terms.products]], 1)
    np.testing.assert_allclose(contributions, contributions[0], rtol=1e-6)  # RDKit's benzene is hardly less regular


def test_rows_given_again_or_as_their_images_count_once() -> None:
    topology = Topology(molecule("propane"))
    rows = some_rows(topology, 20, seed=1)
    images = []
    for row, maps in zip(rows, topology.images * 20, strict=False):
        images.append(
            ProductRow(
                row.quantity,
                tuple(f._replace(coordinate=maps[f.feature.coordinate][0][f.coordinate]) for f in row.factors[::-1]),
                99.0,
            )
        )
    once, values = product_table(topology, rows, KINDS)
    again, same = product_table(topology, [*rows, *images, *rows], KINDS)
    np.testing.assert_array_equal(once.products, again.products)
    np.testing.assert_array_equal(values.values, same.values)
    assert values.labels == same.labels


def test_the_same_product_of_another_quantity_is_another_row() -> None:
    topology = Topology(molecule("ethanol"))
    factors = (factor(topology, "morse", 0),)
    _, parameters = product_table(topology, [ProductRow("one", factors, 1.0), ProductRow("other", factors, 2.0)], KINDS)
    assert parameters.quantities[:2] == ("one", "other")


def test_coefficients_are_labelled_by_the_atoms_of_the_first_row() -> None:
    topology = Topology(molecule("ethanol"))
    bond, angle = topology.index["bond"][0, 4], topology.index["angle"][0, 1, 2]
    row = ProductRow("one", (factor(topology, "morse", bond), factor(topology, "bounded_bend", angle)))
    _, parameters = product_table(topology, [row, row], KINDS)
    assert parameters.labels[0] == "C1-H5 · C1-C2-O3"


def test_no_rows_are_no_energy() -> None:
    terms, parameters = product_table(Topology(molecule("ethanol")), [], KINDS)
    assert len(parameters) == 0
    assert energies(terms, parameters, geometries("ethanol")).tolist() == [0.0] * 3


def dropped_half(parameters: Parameters, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(len(parameters)) < 0.5


@pytest.mark.parametrize("name", ["ethanol", "benzene"])
def test_leaving_out_coefficients_of_zero_changes_no_energy(name: str) -> None:
    model = force_field(name, form="class2")
    parameters, table, x = model.parameter_table, model.table, geometries(name)
    dropped = dropped_half(parameters, 0) & parameters.adjustable
    random = np.random.default_rng(1).normal(size=len(parameters))
    values = np.where(parameters.adjustable, random, parameters.values)
    values[dropped] = 0.0
    model = model.with_values(values)
    fewer = model.without(dropped)
    before, after = (energies(m.table, m.parameter_table, x) for m in (model, fewer))
    np.testing.assert_allclose(after, before, rtol=1e-12)  # another order of the sum
    kept = list(zip(parameters.quantities, parameters.labels, strict=True))
    expected = [kept[i] for i in np.flatnonzero(~dropped) if parameters.adjustable[i]]
    left = fewer.parameter_table
    found = [(left.quantities[i], left.labels[i]) for i in np.flatnonzero(left.adjustable)]
    assert found == expected
    assert len(fewer.table.products) == (~dropped[table.coefficients]).sum()


def test_nothing_stays_that_only_dropped_terms_need() -> None:
    model = force_field("ethanol", form="class2")
    parameters = model.parameter_table
    bonds = np.array([quantity.startswith("bond ") for quantity in parameters.quantities])
    fewer = model.without(parameters.adjustable & ~bonds & (np.array(parameters.quantities) != "pair baseline"))
    names = {rows.feature.name for rows in fewer.table.features}
    assert names == {"morse", "morse_square", "pair_wall", "buffered_exp6", "soft_coulomb"}
    indices = [fewer.table.coefficients, *(i for rows in fewer.table.features for i in rows.parameters.values())]
    assert set(np.concatenate(indices)) == set(range(len(fewer.parameter_table)))
    used = fewer.table.products[fewer.table.products >= 0]
    assert set(used) == set(range(fewer.table.n_features))


def test_leaving_out_nothing_or_all_is_possible() -> None:
    model, x = force_field("acetaldehyde", form="class2"), geometries("acetaldehyde")
    n = len(model.parameter_table)
    same, empty = model.without(np.zeros(n, dtype=bool)), model.without(np.ones(n, dtype=bool))
    before, after = (energies(m.table, m.parameter_table, x) for m in (model, same))
    np.testing.assert_array_equal(before, after)
    assert energies(empty.table, empty.parameter_table, x).tolist() == [0.0] * 3
