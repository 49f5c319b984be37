"""Ethanol-like chains: bonds, angles and torsions of numbered atoms."""

import pytest

from hybridff.gaff.blocks import LONGEST
from hybridff.gaff.features import FEATURES
from hybridff.gaff.fused import AtomSetTerms, Slot
from hybridff.gaff.joining import Joint, fewer

BEND, TORSION = Slot("bend", (0, 1, 2), (), 0), Slot("regular_cos", (0, 1, 2, 3), (("n", 1.0),), 0)
STRETCHES = Slot("local_stretch", (0, 1), (), 0), Slot("local_stretch", (1, 2), (), 0)


def one(atoms: tuple[int, ...], *terms: tuple[Slot, ...]) -> AtomSetTerms:
    """A set with terms of coefficients 1, 2, …"""
    coefficients = {tuple(sorted(term)): 1.0 + i for i, term in enumerate(terms)}
    return AtomSetTerms(atoms, coefficients, {slot: {} for term in terms for slot in term})


def meaning(groups: list[list[AtomSetTerms]]) -> dict[frozenset, float]:
    """Coefficient of each term, by its features on the molecule's own atoms."""
    found: dict[frozenset, float] = {}
    for bond in (bond for group in groups for bond in group):
        for term, value in bond.coefficients.items():
            if value:
                atoms = (tuple(bond.atoms[i] for i in slot.atoms) for slot in term)
                key = frozenset((slot.feature, min(own, own[::-1])) for slot, own in zip(term, atoms, strict=True))
                assert key not in found
                found[key] = value
    return found


def test_a_set_inside_a_larger_one_becomes_part_of_it() -> None:
    chains = [one((0, 1, 2, 3), (TORSION,)), one((5, 4, 3, 2), (TORSION,))]
    angles = [one((2, 1, 0), (BEND,)), one((4, 3, 2), (BEND,))]
    (group,) = fewer(FEATURES, [chains, angles], 1)
    assert len(group) == 2
    assert meaning([group]) == meaning([chains, angles])


def test_a_set_inside_no_other_is_padded_with_atoms_that_make_a_torsion() -> None:
    chains = [one((0, 1, 2, 3), (TORSION,)), one((1, 2, 3, 4), (TORSION,)), one((9, 1, 2, 3), (TORSION,))]
    angles = [one((0, 1, 2), (BEND,)), one((4, 3, 2), (BEND,)), one((0, 1, 9), (BEND,)), one((1, 2, 3), (BEND,))]
    groups = fewer(FEATURES, [chains, angles], 1)
    assert len(groups) == 1
    assert meaning(groups) == meaning([chains, angles])
    known = {frozenset(bond.atoms[i : i + 3]) for bond in chains for i in (0, 1)}
    for bond in groups[0]:
        for slot in {slot for term in bond.coefficients for slot in term if slot.feature == "regular_cos"}:
            chain = [bond.atoms[i] for i in slot.atoms]
            assert {frozenset(chain[:3]), frozenset(chain[1:])} <= known


def test_no_torsion_is_computed_of_atoms_that_may_be_in_line() -> None:
    """Atoms 4, 5 and 6 are in no torsion that has terms: nothing tells that they are not in line."""
    chains = [one((0, 1, 2, 3), (TORSION,))]
    straight = [one((4, 5, 6, 7), (STRETCHES[0], Slot("local_stretch", (2, 3), (), 0)))]
    (group,) = fewer(FEATURES, [chains, straight], 1)
    assert meaning([group]) == meaning([chains, straight])
    for bond in group:
        torsions = {slot for term in bond.coefficients for slot in term if slot.feature == "regular_cos"}
        assert all({bond.atoms[i] for i in slot.atoms} == {0, 1, 2, 3} for slot in torsions)


def test_nothing_is_joined_where_there_are_few_and_it_saves_nothing() -> None:
    many = [[one((i, i + 1, i + 2, i + 3), (TORSION,)) for i in range(400)]]
    pairs = [[one((i, i + 9, i + 20, i + 40), (STRETCHES[0], STRETCHES[1])) for i in range(100)]]
    assert len(fewer(FEATURES, [*many, *pairs], 2)) == 2
    assert len(fewer(FEATURES, [*many, *pairs], 1)) == 1


def test_sets_that_are_many_and_unlike_stay_apart_when_a_few_of_them_can_join() -> None:
    torsions = [one((i, i + 1, i + 2, i + 3), (TORSION,)) for i in range(500)]
    distances = [one((i, i + 7, i + 20), STRETCHES) for i in range(300)]
    few = [one((i, i + 30), (STRETCHES[0],)) for i in range(3)]
    sizes = sorted(len(group) for group in fewer(FEATURES, [torsions, distances, few], 2))
    assert sizes == [303, 500]


def test_as_many_sets_of_another_kind_stand_beside_each_other() -> None:
    torsions = [one((i, i + 1, i + 2, i + 3), (TORSION,)) for i in range(100)]
    distances = [one((i, i + 7, i + 20), STRETCHES) for i in range(98)]
    (group,) = fewer(FEATURES, [torsions, distances], 2)
    assert len(group) == 100
    assert meaning([group]) == meaning([torsions, distances])


def test_no_expression_becomes_longer_than_allowed() -> None:
    def long(first: int) -> list[AtomSetTerms]:
        terms = [(BEND, Slot("bend_square", (0, 1, 2), (), first + k)) for k in range(LONGEST // 2 + 1)]
        return [one((first, first + 1, first + 2), *terms)]

    assert len(fewer(FEATURES, [long(0), long(100)], 1)) == 2


def test_orders_of_the_atoms_that_leave_the_terms_alone_are_found() -> None:
    symmetric = Joint(FEATURES, (one((4, 5, 6), STRETCHES, (BEND,)),))
    assert symmetric.turns == [(0, 1, 2), (2, 1, 0)]
    assert Joint(FEATURES, (one((4, 5, 6), (STRETCHES[0], BEND)),)).turns == [(0, 1, 2)]


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_every_term_keeps_its_atoms_and_its_coefficient(wanted: int) -> None:
    groups = [
        [one((0, 1, 2, 3), (TORSION,), (TORSION, BEND)), one((1, 2, 3, 4), (TORSION,))],
        [one((2, 1, 0), STRETCHES, (BEND,)), one((4, 3, 2), (BEND,))],
        [one((0, 4), (STRETCHES[0],)), one((1, 3), (STRETCHES[0],))],
    ]
    found = fewer(FEATURES, groups, wanted)
    assert len(found) <= wanted
    assert meaning(found) == meaning(groups)
