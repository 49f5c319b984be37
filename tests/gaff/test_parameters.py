import numpy as np
import pytest
from models import force_field

from hybridff.gaff.parameters import QUANTITIES, Parameters, numbered_labels, plain_label
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL


def example() -> Parameters:
    quantities = ("bond r0", "angle theta0", "torsion n", "pair epsilon", "pair charge product")
    return Parameters(np.array([0.1, 2.0, 3.0, 7.0, -0.2]), quantities, ("a", "b", "c", "d", "e"))


def test_widths_and_bounds_are_absolute_or_in_units_of_the_value() -> None:
    lower, upper = example().bounds
    np.testing.assert_allclose(example().prior_widths, [0.005, 10 * DEGREE, 0.0, 7.0, 0.1])
    np.testing.assert_allclose(lower, [0.05, 0.0, -np.inf, 0.07, -np.inf])
    np.testing.assert_allclose(upper, [0.4, np.pi, np.inf, np.inf, np.inf])


def test_constants_are_not_adjustable() -> None:
    assert example().adjustable.tolist() == [True, True, False, True, True]


def test_a_copy_with_other_values_leaves_the_first_alone() -> None:
    first, values = example(), np.arange(1.0, 6.0)
    second = first.with_values(values)
    values[0] = 100.0
    assert second.values.tolist() == [1, 2, 3, 4, 5]
    assert first.values[0] == 0.1
    assert (second.quantities, second.labels, len(second)) == (first.quantities, first.labels, 5)


def test_units_of_reports_have_the_right_size() -> None:
    sizes = {
        "Å": ANGSTROM,
        "1/Å": 1 / ANGSTROM,
        "kcal/mol/Å²": KCAL_MOL / ANGSTROM**2,
        "°": DEGREE,
        "kcal/mol/rad²": KCAL_MOL,
        "kcal/mol": KCAL_MOL,
        "1": 1.0,
        "e²": 1.0,
    }
    for quantity in QUANTITIES.values():
        assert quantity.scale == sizes[quantity.unit]


@pytest.mark.parametrize("name", ["ethanol", "benzene", "propyne", "acetaldehyde"])
def test_stock_gaff_lies_within_the_bounds(name: str) -> None:
    parameters = force_field(name).parameter_table
    lower, upper = parameters.bounds
    assert (lower <= parameters.values).all()
    assert (parameters.values <= upper).all()
    assert not np.isnan(lower).any()
    assert not np.isnan(upper).any()


def test_labels_are_numbered_where_a_quantity_has_several() -> None:
    labels = numbered_labels(["k", "k", "r0", "k"], ["a-b", "a-b", "a-b", "c"])
    assert labels == ("a-b", "a-b #2", "a-b", "c")
    assert [plain_label(label) for label in labels] == ["a-b", "a-b", "a-b", "c"]


def test_a_relative_quantity_of_zero_is_fixed_but_has_bounds() -> None:
    parameters = example().with_values(np.array([0.1, 2.0, 3.0, 0.0, -0.2]))
    assert not parameters.adjustable[3]
    lower, upper = parameters.bounds
    assert (lower[3], upper[3]) == (0.0, np.inf)
