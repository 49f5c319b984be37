"""Dynamics by each route samples the canonical ensemble: a short version of ``benchmarks/ensembles.py``."""

import runpy
from pathlib import Path

import pytest
from models import force_field

RUNS = Path(__file__).parents[2] / "benchmarks" / "ensemble_runs.py"


@pytest.mark.slow
@pytest.mark.parametrize("route", ["native", "compiled"])
def test_kinetic_and_potential_energies_are_those_of_the_temperature(route: str) -> None:
    own = runpy.run_path(str(RUNS))
    first, second = (
        own["sampled"](force_field("ethanol", form="morse"), route, kelvin, 100.0) for kelvin in (300.0, 330.0)
    )
    for run in (first, second):
        assert max(own["kinetic"](run)) < 4.0  # standard errors
    assert own["potential"](first, second) < 4.0
    wrong = own["Sampled"](9, 330.0, first.kinetic, first.potential)
    assert max(own["kinetic"](wrong)) > 4.0
