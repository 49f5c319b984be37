import pytest

from hybridff.gaff.blocks import LONGEST, Block, cost_of_bond, primitives_of, split
from hybridff.gaff.features import FEATURES
from hybridff.gaff.fused import AtomSetTerms, Slot


def slot(number: int) -> Slot:
    return Slot("bond_length", (0, 1), (), number)


def bond(*terms: int) -> AtomSetTerms:
    """A bond with some numbered terms."""
    return AtomSetTerms((0, 1), {(slot(i),): float(i) for i in terms}, {slot(i): {} for i in terms})


def test_terms_of_the_same_bonds_are_one_expression() -> None:
    (group,) = split(FEATURES, [bond(1, 2), bond(1, 2)])
    assert [set(own.coefficients.values()) for own in group] == [{1.0, 2.0}] * 2


def test_a_term_of_few_bonds_is_computed_for_all_where_another_force_costs_more() -> None:
    (group,) = split(FEATURES, [bond(1), bond(1, 2)])
    assert [sorted(own.coefficients.values()) for own in group] == [[0.0, 1.0], [1.0, 2.0]]


def test_a_term_of_one_bond_is_a_force_of_its_own_where_very_many_lack_it() -> None:
    groups = split(FEATURES, [bond(1, 2), *[bond(1)] * 1000])
    assert sorted(len(group) for group in groups) == [1, 1001]


def test_no_expression_is_longer_than_allowed() -> None:
    groups = split(FEATURES, [bond(*range(1, LONGEST + 8))])
    assert sorted(len(group[0].coefficients) for group in groups) == [7, LONGEST]


def test_a_block_of_two_has_the_terms_and_bonds_of_both() -> None:
    one, other = Block(FEATURES, ((slot(1),),), frozenset({0})), Block(FEATURES, ((slot(2),),), frozenset({1}))
    assert (one + other).products == ((slot(1),), (slot(2),))
    assert (one + other).bonds == {0, 1}
    assert (one + other).cost < one.cost + other.cost


def test_a_bond_costs_its_distances_angles_and_dihedrals_once_each() -> None:
    bend, torsion = Slot("bend", (0, 1, 2), (), 0), Slot("regular_cos", (0, 1, 2, 3), (), 0)
    assert primitives_of(FEATURES, [torsion, bend]) == {(0, 1, 2), (1, 2, 3), (0, 1, 2, 3)}
    both = cost_of_bond(FEATURES, [(torsion,), (torsion, bend)])
    assert cost_of_bond(FEATURES, [(torsion,)]) < both
    apart = cost_of_bond(FEATURES, [(torsion,), (torsion, bend._replace(atoms=(4, 1, 2)))])
    assert both < apart


def test_terms_on_atoms_of_their_own_cost_what_they_cost_alone() -> None:
    """Each derivative is that of the terms which have its atom."""
    bend = Slot("bend", (0, 1, 2), (), 0)
    beside = cost_of_bond(FEATURES, [(bend,), (bend._replace(atoms=(3, 4, 5)),)])
    assert beside == pytest.approx(2 * cost_of_bond(FEATURES, [(bend,)]))
