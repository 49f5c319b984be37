import numpy as np
import openmm
import pytest
from models import force_field

from hybridff.comparison.step_times import (
    RATIO_HEADER,
    langevin_context,
    ratio_cells,
    step_ratio,
    step_times,
    steps_within,
)
from hybridff.export.routes import to_openmm


def context(form: str = "harmonic") -> openmm.Context:
    model = force_field("ethanol", form=form)  # type: ignore[arg-type]
    assert model.molecule.positions is not None
    return langevin_context(to_openmm(model), model.molecule.positions, platform="Reference", step=0.0005)


def test_every_turn_runs_all_and_the_first_does_not_count() -> None:
    contexts = {"one": context(), "other": context()}
    found = step_times(contexts, {"one": 2, "other": 4}, 3)
    assert {key: values.shape for key, values in found.items()} == {"one": (3,), "other": (3,)}
    assert all((values > 0).all() for values in found.values())
    assert [own.getStepCount() for own in contexts.values()] == [8, 16]


def test_as_many_steps_are_run_as_fit_into_the_time() -> None:
    short, long = (steps_within({"it": context()}, seconds)["it"] for seconds in (1e-7, 0.05))
    assert short == 2
    assert long > 50


def test_ratios_are_those_of_the_same_turn() -> None:
    reference = np.array([1.0, 2.0, 4.0, 8.0])  # a machine that becomes slower
    cells = ratio_cells(3 * reference, reference)
    assert len(cells) == len(RATIO_HEADER)
    assert cells == ("9.00 µs", "3.00 µs", "3.000 ± 0.000", "3.000")


def test_a_richer_form_takes_longer_than_stock_gaff() -> None:
    stock = force_field("ethanol")
    assert step_ratio(force_field("ethanol", form="class2"), stock, ("native", "Reference"), 50, 3) > 1.0


def test_precision_is_for_platforms_that_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = force_field("ethanol")
    assert model.molecule.positions is not None
    how = {"platform": "Reference", "step": 0.0005, "precision": "mixed"}
    found = langevin_context(to_openmm(model), model.molecule.positions, **how)  # type: ignore[arg-type]
    assert found.getPlatform().getName() == "Reference"
