import numpy as np
import pytest
from models import force_field

from hybridff.fitting.shared_parameters import common_parameters


def test_one_force_field_has_its_own_parameters_in_its_own_order() -> None:
    model = force_field("ethanol")
    common, (position,) = common_parameters([model])
    assert position.tolist() == list(range(len(model.parameter_table)))
    np.testing.assert_array_equal(common.values, model.parameter_table.values)
    assert common.quantities == model.parameter_table.quantities


@pytest.mark.parametrize(("share", "factor"), [("types", 1), ("symmetry", 2)])
def test_two_of_a_kind_share_parameters_of_types_but_not_those_of_symmetry(share: str, factor: int) -> None:
    model = force_field("ethanol", share=share)  # type: ignore[arg-type]
    common, positions = common_parameters([model, model])
    assert len(common) == factor * len(model.parameter_table)
    assert (positions[0].tolist() == positions[1].tolist()) is (share == "types")


def test_another_value_makes_another_parameter() -> None:
    model = force_field("ethanol", share="types")
    values = model.parameter_table.values.copy()
    values[0] *= 1.1
    common, positions = common_parameters([model, model.with_values(values)])
    assert len(common) == len(model.parameter_table) + 1
    assert (positions[0] != positions[1]).tolist() == [True] + [False] * (len(values) - 1)
    np.testing.assert_array_equal(common.values[positions[1]], values)
