from models import force_field
from tables import TRIAL

from hybridff.gaff.features import FEATURES
from hybridff.gaff.surroundings import Surroundings, equal_orders, smallest


def test_orders_of_atoms_are_equal_where_the_feature_is() -> None:
    def orders(name: str) -> set[tuple[int, ...]]:
        feature = {**TRIAL, **FEATURES}[name]
        return set(equal_orders(feature.coordinate, feature.expression, tuple(feature.parameters)))

    assert orders("harmonic_bond") == {(0, 1), (1, 0)}
    assert orders("harmonic_angle") == {(0, 1, 2), (2, 1, 0)}
    assert orders("fourier") == {(0, 1, 2, 3), (3, 2, 1, 0)}
    assert orders("second_angle") == {(0, 1, 2, 3), (0, 3, 2, 1)}
    assert orders("tilt") == {(0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2)}


def test_the_smallest_order_is_the_same_whichever_is_given() -> None:
    assert smallest(FEATURES["fourier"], (3, 2, 1, 0)) == smallest(FEATURES["fourier"], (0, 1, 2, 3)) == (0, 1, 2, 3)
    assert smallest(TRIAL["tilt"], (0, 3, 1, 2)) == (0, 1, 2, 3)


def test_bonds_alike_in_their_surroundings_have_one_shape_and_others_another() -> None:
    """Ethanol: its chain C-C-O, the C-H bonds of the methyl group, and two atoms that are not bonded."""
    molecule = force_field("ethanol").molecule
    around = Surroundings(force_field("ethanol").table)
    bonded = [tuple(bond) for bond in molecule.bonds.tolist()]
    apart = next((i, j) for i in range(9) for j in range(i) if (j, i) not in bonded)
    shapes = {atoms: around.shape(atoms)[0] for atoms in [*bonded, apart]}
    assert len({shapes[bond] for bond in bonded}) == 1
    assert shapes[apart] != shapes[bonded[0]]


def test_the_orders_of_an_angle_are_both_its_directions() -> None:
    """The centre has its own place; the ends may change places."""
    force_field_ = force_field("ethanol")
    i, j, k = (int(atom) for atom in force_field_.table.coordinates["angle"][0])
    _, orders = Surroundings(force_field_.table).shape(tuple(sorted((i, j, k))))
    places = {order.index(j) for order in orders}
    assert len(orders) == 2
    assert len(places) == 1
