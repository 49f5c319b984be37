import numpy as np
import pytest
from benchmark import benchmark_set

from hybridff.comparison.form_ladder import FormErrors, Ladder, ladder, ladder_cell, table_two
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL


def errors(energy: float, force: float, *, stable: bool = True) -> FormErrors:
    """In kcal/mol and kcal/mol/Å."""
    return FormErrors(energy * KCAL_MOL, force * FORCE_KCAL, stable)


def test_cells_have_mean_and_half_the_range_and_say_what_is_not_stable() -> None:
    assert ladder_cell([errors(1.0, 2.0)]) == "1.00 / 2.00"
    assert ladder_cell([errors(1.0, 2.0), errors(2.0, 4.0)]) == "1.50 ± 0.50 / 3.00 ± 1.00"
    assert ladder_cell([errors(1.0, 2.0, stable=False), errors(1.0, 2.0)]).endswith(" (1 of 2 stable)")


def test_ours_stand_beside_the_published_numbers_of_the_nearest_size() -> None:
    forms = {"harmonic": [errors(1.0, 5.0)], "class2": [errors(0.2, 0.8)]}
    found = table_two([Ladder("ethanol_rmd17", 850, "80", forms), Ladder("nma_b3lyp", 110, "80", forms)])
    assert found is not None
    assert found.header[:5] == ("set", "trained on, published", "ours", "published GAFF", "**harmonic**")
    ours, last = found.rows
    assert ours == (
        "ethanol_rmd17", "1100", "850", "6.37", "**5.00**", "14.59", "**–**", "4.78", "**–**", "**0.20 / 0.80**",
    )  # fmt: skip
    assert last[:4] == ("ethanol MD17", "11000", "–", "6.38")
    assert table_two([Ladder("nma_b3lyp", 110, "80", forms)]) is None


def test_every_form_is_fitted_to_every_split() -> None:
    data, said = benchmark_set(), list[str]()
    splits = [data.split(20, 10, 30, seed) for seed in range(2)]
    found = ladder(data, splits, ["harmonic"], GateOptions(gate="none"), said.append)
    assert (found.set, found.train, found.tests) == ("ethanol", 20, "30")
    assert {form: len(own) for form, own in found.forms.items()} == {"stock": 2, "harmonic": 2}
    stock, fitted = (np.mean([own.force for own in found.forms[form]]) for form in ("stock", "harmonic"))
    assert fitted < stock
    assert [line.split(":")[0] for line in said] == ["ethanol 20 seed 0 harmonic", "ethanol 20 seed 1 harmonic"]


@pytest.mark.parametrize("n", [1, 2])
def test_one_split_has_no_range(n: int) -> None:
    assert ("±" in ladder_cell([errors(1.0, 2.0)] * n)) == (n == 2)
