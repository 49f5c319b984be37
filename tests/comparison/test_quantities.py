import json
import time
from typing import Any

import ase
import numpy as np
import openmm
import pytest
from ase.calculators.calculator import Calculator
from models import distorted, force_field, molecule

from hybridff.analysis.methods import method
from hybridff.analysis.trajectories import system_of
from hybridff.comparison.options import ComparisonOptions
from hybridff.comparison.quantities import (
    Known,
    Subject,
    evaluations,
    hot_dynamics,
    measured,
    relaxed,
)
from hybridff.comparison.result import HotDynamics, MethodResult
from hybridff.export.calculator import HybridFFCalculator, MoleculeCalculator
from hybridff.frames.accuracy import errors_of, evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.stability.landscape import landscape_around
from hybridff.units import EV, FORCE_KCAL

SHORT = ComparisonOptions(temperatures=(300.0, 500.0), runs=1, time="0.2 ps", time_limit=20.0)


class Wrapped(MoleculeCalculator):
    """A force field that dynamics do not know as one of ours."""

    def __init__(self, model: ForceField) -> None:
        super().__init__()
        self._own = HybridFFCalculator(model)

    def energy_forces(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        self._own.atoms = self.atoms
        return self._own.energy_forces(positions)


_SLEEP = 0.005
"""[s]"""


class Slow(Wrapped):
    """Takes some milliseconds more than it needs."""

    def energy_forces(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        time.sleep(_SLEEP)
        return super().energy_forces(positions)


class Failing(Wrapped):
    """Gives up after some calls."""

    calls = 0

    def energy_forces(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        self.calls += 1
        if self.calls > 150:
            raise RuntimeError("no convergence")
        return super().energy_forces(positions)


class Exploding(Calculator):
    """Pushes all atoms apart."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's own way)

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = ()) -> None:
        super().calculate(atoms, properties, system_changes)
        away = atoms.positions - atoms.positions.mean(0)
        self.results = {"energy": -5 * float((away**2).sum()), "forces": 10 * away}


def frames(n: int = 6, seed: int = 0) -> Frames:
    """Labelled by stock GAFF, 7 kJ/mol higher."""
    model, positions = force_field("ethanol"), distorted("ethanol", n, 0.005, seed)
    energies, forces = (np.array(part) for part in zip(*(own(model, x) for x in positions), strict=True))
    return Frames(model.molecule.numbers, positions, energies + 7.0, forces, name="ethanol")


def own(model: Any, positions: np.ndarray) -> tuple[float, np.ndarray]:
    atoms = ase.Atoms(model.molecule.numbers, positions * 10, calculator=HybridFFCalculator(model))
    return atoms.get_potential_energy() * EV, atoms.get_forces() * EV * 10


def test_errors_of_a_calculator_are_those_of_its_force_field() -> None:
    model, given = force_field("ethanol", form="class2"), frames()
    found = evaluations(HybridFFCalculator(model), given)
    ours, expected = errors_of(found.energies, found.forces, given, 3.0), evaluate(model, given, 3.0)
    for name in ("energy_mae", "energy_rmse", "force_mae", "force_rmse"):
        assert getattr(ours, name) == pytest.approx(getattr(expected, name), rel=1e-9)
    assert found.seconds.shape == (6,)


def test_an_evaluation_takes_as_long_as_the_calculator_needs() -> None:
    model, given = force_field("ethanol"), frames(20)
    fast, slow = (np.median(evaluations(kind(model), given).seconds) for kind in (Wrapped, Slow))
    # sleeping takes no less than asked, on a busy machine more
    assert slow > _SLEEP
    assert fast < slow


def test_a_row_of_the_method_that_made_the_frames_has_no_errors_and_the_offset_of_its_energies() -> None:
    model = force_field("ethanol")
    subject = Subject(model.molecule, frames(), frames(4, 1))
    row = measured("GAFF", HybridFFCalculator(model), subject, SHORT, Known(training=2.0))
    assert row.errors is not None
    assert row.errors.energy_offset == pytest.approx(7.0)
    assert row.errors.force_rmse == pytest.approx(0.0, abs=1e-6)
    assert row.errors.energy_rmse == pytest.approx(0.0, abs=1e-6)
    assert row.hot is not None
    assert row.hot.stable
    assert str(row.hot) == "ok (0.4 ps)"
    assert (row.name, row.training) == ("GAFF", 2.0)
    assert MethodResult.from_json(json.loads(json.dumps(row.to_json()))) == row


def test_a_method_without_a_sound_minimum_has_errors_and_no_dynamics() -> None:
    row = measured("wild", Exploding(), Subject(molecule("ethanol"), frames(), frames(4, 1)), SHORT)
    assert row.errors is not None
    assert row.errors.force_rmse is not None
    assert row.errors.force_rmse / FORCE_KCAL > 1
    assert row.hot is not None
    assert not row.hot.stable
    assert row.hot.simulated == 0
    assert str(row.hot) == "has no sound minimum"
    assert "this is no minimum of the molecule" in row.hot.broken[0]


def test_a_method_that_fails_in_dynamics_is_broken_from_there_on() -> None:
    model = force_field("ethanol")
    calculator = Failing(model)
    atoms = relaxed(HybridFFCalculator(model), model.molecule)
    landscape = landscape_around(model.molecule, system_of(calculator, model.molecule), atoms.positions / 10, 0.0)
    hot = hot_dynamics(landscape, SHORT, name="fake")
    assert len(hot.broken) == 2
    assert "fake failed in dynamics at 300 K (seed 0) after 0.06 ps (" in hot.broken[0]
    # 150 steps of 0.5 fs, looked at every 40
    assert hot.simulated == pytest.approx(0.06)
    assert hot.first == 0


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), KeyboardInterrupt(15)])
def test_an_interruption_during_a_callback_is_no_failure_of_the_method(interruption: KeyboardInterrupt) -> None:
    def compute(state: openmm.State) -> tuple[float, np.ndarray]:
        raise interruption

    system, model = openmm.System(), force_field("ethanol")
    for _ in model.molecule.numbers:
        system.addParticle(1.0)
    system.addForce(openmm.PythonForce(compute))
    assert model.molecule.positions is not None
    with pytest.raises(KeyboardInterrupt):
        hot_dynamics(landscape_around(model.molecule, system, model.molecule.positions, 0.0), SHORT)


def test_slow_methods_stop_at_the_time_limit_and_every_run_gets_its_share() -> None:
    model = force_field("ethanol")
    atoms = relaxed(HybridFFCalculator(model), model.molecule)
    landscape = landscape_around(model.molecule, system_of(Slow(model), model.molecule), atoms.positions / 10, 0.0)
    options = ComparisonOptions(temperatures=(300.0, 500.0), runs=1, time="100 ps", time_limit=0.5)
    begin, hot = time.perf_counter(), hot_dynamics(landscape, options)
    assert time.perf_counter() - begin < 5
    assert 0.04 <= hot.simulated < 2
    assert hot.planned == 200
    assert str(hot).startswith("ok (")
    assert str(hot).endswith(" of 200 ps)")


def test_verdicts_are_short() -> None:
    assert str(HotDynamics(80.0, 80.0, 4, ())) == "ok (80 ps)"
    assert str(HotDynamics(80.0, 3.21, 4, ())) == "ok (3.21 of 80 ps)"
    assert str(HotDynamics(80.0, 44.0, 4, ("a", "b"), 2.0)) == "broke after 2 ps (2 of 4 runs)"
    assert str(HotDynamics(0.0, 0.0, 0, ())) == "–"


def test_relaxation_ends_at_a_minimum_of_the_method() -> None:
    atoms = relaxed(method("mmff94", molecule("ethanol")), molecule("ethanol"))
    assert np.abs(atoms.get_forces()).max() <= 0.01
