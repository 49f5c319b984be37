import numpy as np
from ethanol import class2_fit
from models import force_field

from hybridff.fitting.difference import FACTOR, around
from hybridff.gaff.class2_kinds import KINDS


def test_priors_are_around_what_was_taught_and_narrower_than_the_shipped_ones() -> None:
    taught, _ = class2_fit()
    found = around(taught)
    np.testing.assert_array_equal(found.parameter_table.values, taught.parameter_table.values)
    for name, kind in found.parameter_table.kinds.items():
        shipped = KINDS[name].prior_width
        assert (kind.prior_width is None) == (shipped is None)
        if shipped is not None:
            assert kind.prior_width == FACTOR * shipped
        assert (kind.lower, kind.upper) == (KINDS[name].lower, KINDS[name].upper)


def test_widths_do_not_shrink_from_one_level_to_the_next() -> None:
    once = around(force_field("ethanol", form="class2"))
    assert around(once).parameter_table.kinds == once.parameter_table.kinds
