from models import force_field
from tables import table

from hybridff.gaff.features import FEATURES
from hybridff.gaff.fused import AtomSetTerms, Slot, alike_atom_sets, feature_rows, list_factors, moved, part, renamed


def test_feature_rows_have_their_atoms_and_the_values_of_their_parameters() -> None:
    model = force_field("ethanol")
    rows = feature_rows(model.table, model.parameter_table.values)
    feature, atoms, parameters = rows[0]
    assert len(rows) == model.table.n_features
    assert feature.name == "harmonic_bond"
    assert atoms == tuple(model.table.coordinates["bond"][0])
    assert parameters["r0"] in model.parameter_table.values


def test_rows_of_one_coordinate_are_told_apart_by_what_differs_among_them() -> None:
    """Fourier terms by their periodicity, whatever their number."""
    model = force_field("ethanol", fourier=3)
    torsions = [f for f in list_factors(model.table, model.parameter_table.values) if f.feature.name == "fourier"]
    assert {name for factor in torsions for name, _ in factor.kind} == {"n"}
    assert {factor.ordinal for factor in torsions} == {0}


def test_terms_on_the_same_atoms_are_one_bond_and_alike_bonds_one_group() -> None:
    terms, parameters = table((("bond_length", 0),), (("morse_bond", 0),), (("bond_length", 1),))
    factors = list_factors(terms, parameters.values)
    products = {tuple(row[row >= 0].tolist()): 1.0 for row in terms.products}
    groups = alike_atom_sets(terms, factors, products)
    assert sorted(len(bond.coefficients) for group in groups for bond in group) == [1, 2]


def test_a_part_of_a_bond_has_zeros_for_the_terms_that_it_lacks() -> None:
    slot, other = Slot("bond_length", (0, 1), (), 0), Slot("bond_length", (0, 1), (), 1)
    own = part(AtomSetTerms((4, 7), {(slot,): 2.5}, {slot: {}}), [(slot,), (other,)])
    assert own.coefficients == {(slot,): 2.5, (other,): 0.0}
    assert own.constants == {slot: {}}


def test_a_bond_with_its_atoms_in_other_places_has_its_terms_under_other_names() -> None:
    slot = Slot("bend", (0, 1, 2), (), 0)
    own = AtomSetTerms((5, 6, 7), {(slot,): 1.5}, {slot: {"theta0": 1.9}})
    turned = moved(own, renamed(FEATURES, [(slot,)], [3, 1, 0]), (7, 6, 9, 5))
    (name,) = turned.constants
    assert name == slot._replace(atoms=(0, 1, 3))  # an angle is the same in both directions
    assert turned.coefficients == {(name,): 1.5}
    assert [turned.atoms[i] for i in name.atoms] == [7, 6, 5]
