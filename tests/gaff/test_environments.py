from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from models import force_field

from hybridff.errors import InputError
from hybridff.frames.accuracy import predict
from hybridff.gaff.assign import class_one
from hybridff.gaff.environments import LEVELS, levels_of, short_label
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import plain_label
from hybridff.gaff.table import gaff_table
from hybridff.molecules.molecule import Molecule

ACETALDEHYDES = [("CC=O", "c3 c o hc hc hc h4", range(7)), ("O=CC", "o c c3 h4 hc hc hc", (2, 1, 0, 6, 3, 4, 5))]
"""SMILES, types, and the atom of the first that each atom is."""


def acetaldehyde(smiles: str, types: str, order: Sequence[int]) -> ForceField:
    """Rows by environment; the charges belong to the atoms."""
    placed = Molecule.from_smiles(smiles, "acetaldehyde").with_embedded_positions(seed=1)
    charges = np.array([-0.22, 0.56, -0.52, 0.06, 0.06, 0.06, 0.0])[list(order)]
    start = class_one(placed, types.split(), gaff_table("gaff-2.2.20"), charges)
    return ForceField.build(placed, start, form="class2", share="environment")


def labels(model: ForceField) -> set[tuple[str, str]]:
    table = model.parameter_table
    return {(table.quantities[i], table.labels[i]) for i in np.flatnonzero(table.adjustable)}


def by_label(model: ForceField) -> ForceField:
    """The model with coefficients that only their labels choose."""
    table = model.parameter_table
    names = zip(table.quantities, table.labels, strict=True)
    random = [np.random.default_rng(list(f"{name} {label}".encode())).normal() for name, label in names]
    return model.with_values(np.where(table.adjustable, random, table.values))


def test_labels_are_the_same_in_any_order_of_the_atoms() -> None:
    one, other = (labels(acetaldehyde(*own)) for own in ACETALDEHYDES)
    assert one == other


def test_energies_of_labelled_coefficients_do_not_depend_on_the_order_of_the_atoms() -> None:
    one, other = (by_label(acetaldehyde(*own)) for own in ACETALDEHYDES)
    assert one.molecule.positions is not None
    x = one.molecule.positions + np.random.default_rng(0).normal(0.0, 0.02, (4, 7, 3))
    order = list(ACETALDEHYDES[1][2])
    energies, forces = predict(one, x)
    again, moved = predict(other, x[:, order])
    np.testing.assert_allclose(again, energies, rtol=1e-9)
    np.testing.assert_allclose(moved, forces[:, order], rtol=1e-7, atol=1e-6)


def test_types_that_gaff_takes_by_turns_may_begin_with_either() -> None:
    placed = Molecule.from_smiles("C=CC=CC=C", "hexatriene").with_embedded_positions(seed=1)
    table, charges = gaff_table("gaff-2.2.20"), np.zeros(14)
    names = "c2 {0} {0} {1} {1} c2 " + 8 * "ha "
    one, other, third = (
        labels(
            ForceField.build(
                placed, class_one(placed, types.split(), table, charges), form="class2", share="environment"
            )
        )
        for types in (names.format("ce", "cf"), names.format("cf", "ce"), names.format("ce", "ce"))
    )
    assert one == other
    assert one != third  # its middle bond is a single one


def test_a_label_tells_more_from_level_to_level() -> None:
    for _, label in labels(force_field("propane", form="class2", share="environment")):
        levels = levels_of(label)
        assert len(levels) == len(LEVELS)
        assert all(narrow.startswith(wide) for wide, narrow in pairwise(levels))


@pytest.mark.parametrize(("level", "kinds"), [(0, 1), (1, 1), (2, 2), (3, 2)])
def test_methyl_and_methylene_differ_from_the_neighbours_on(level: int, kinds: int) -> None:
    own = [
        label for name, label in labels(force_field("propane", form="class2", share="environment")) if name == "bond 3"
    ]
    hydrogens = {levels_of(label)[level] for label in own if "H1" in label}
    assert len(hydrogens) == kinds


def test_products_of_out_of_plane_coordinates_have_labels_of_all_molecules() -> None:
    found = [label for name, label in labels(acetaldehyde(*ACETALDEHYDES[0])) if name.startswith("out of plane")]
    assert found
    assert all(levels_of(label) for label in found)


def test_a_short_label_has_features_and_types() -> None:
    model = force_field("ethanol", form="class2", share="environment")
    short = {short_label(plain_label(label)) for name, label in labels(model) if name == "bond·bond 0"}
    assert "local_stretch c3-c3 (1-2) · local_stretch c3-oh (1-3)" in short
    assert short_label("C1-O3") == "C1-O3"


def test_rows_of_class_two_alone_are_labelled_by_environments() -> None:
    with pytest.raises(InputError, match="share environment is for the form class2"):
        force_field("ethanol", form="harmonic", share="environment")
