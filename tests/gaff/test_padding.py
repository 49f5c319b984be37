from hybridff.gaff.fused import AtomSetTerms
from hybridff.gaff.padding import Surrounding, dihedral_triples

CHAINS = [AtomSetTerms(atoms, {}, {}) for atoms in ((0, 1, 2, 3), (0, 1, 2, 4), (1, 2, 4, 5))]
AROUND = Surrounding.of([([(0, 1, 2, 3)], CHAINS)])


def test_a_dihedral_has_no_value_where_either_three_of_its_atoms_are_in_line() -> None:
    assert dihedral_triples([(0, 1), (4, 1, 2), (0, 3, 1, 2)]) == [(0, 3, 1), (3, 1, 2)]


def test_only_what_torsions_tell_is_known_not_to_be_in_line() -> None:
    assert AROUND.are_bent((3, 2, 1), [(0, 1, 2)])
    assert not AROUND.are_bent((3, 2, 4), [(0, 1, 2)])
    assert AROUND.are_bent((3, 2, 4), [])


def test_a_set_is_padded_with_the_atom_that_is_in_most_sets_with_its_own() -> None:
    assert AROUND.padded({0: 0}, 2, []) in {(0, 1), (0, 2)}
    assert AROUND.padded({1: 5}, 2, []) in {(1, 5), (2, 5), (4, 5)}


def test_a_padded_set_has_no_dihedral_of_atoms_that_may_be_in_line() -> None:
    triples = dihedral_triples([(0, 1, 2, 3)])
    assert AROUND.padded({0: 5, 1: 4}, 4, triples) in {(5, 4, 2, 1)}
    assert AROUND.padded({0: 3, 1: 4}, 4, triples) is None
    assert AROUND.padded({0: 3, 1: 4, 2: 0}, 4, triples) is None
