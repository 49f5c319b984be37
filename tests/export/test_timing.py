import time

import numpy as np
import openmm
import pytest
from models import force_field, molecule

from hybridff.export.context import positions_in
from hybridff.export.routes import to_openmm
from hybridff.export.timing import step_time

STEP = 0.0005
"""[ps]"""


def positions() -> np.ndarray:
    own = molecule("ethanol").positions
    assert own is not None
    return own


def system_with(force: openmm.Force) -> openmm.System:
    system = openmm.System()
    for _ in positions():
        system.addParticle(12.0)
    system.addForce(force)
    return system


def taking(seconds: float) -> openmm.System:
    """Nine atoms without forces, which take so long to compute."""

    def compute(state: openmm.State) -> tuple[float, np.ndarray]:
        time.sleep(seconds)
        return 0.0, np.zeros((9, 3))

    return system_with(openmm.PythonForce(compute))


def test_a_step_takes_as_long_as_its_forces() -> None:
    fast, slow = (step_time(taking(seconds), positions(), STEP) for seconds in (0.0, 0.005))
    assert fast is not None
    assert slow is not None
    assert fast < 0.005 < slow < 0.05


def test_every_turn_begins_at_the_positions_with_velocities_of_its_own() -> None:
    begun: list[np.ndarray] = []

    def compute(state: openmm.State) -> tuple[float, np.ndarray]:
        begun.append(positions_in(state))
        return 0.0, np.zeros((9, 3))

    assert step_time(system_with(openmm.PythonForce(compute)), positions(), STEP) is not None
    starts = [i for i, own in enumerate(begun) if np.array_equal(own, positions())]
    assert len(starts) >= 9
    seconds = np.array([begun[i + 1] for i in starts if i + 1 < len(begun) and i + 1 not in starts])
    assert len(np.unique(seconds[:, 0, 0])) == 9


def test_dynamics_that_blow_up_have_no_time() -> None:
    wild = openmm.CustomExternalForce("sqrt(-1 - x^2)")
    for atom in range(9):
        wild.addParticle(atom, [])
    assert step_time(system_with(wild), positions(), STEP) is None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), KeyboardInterrupt(15)])
def test_an_interruption_is_no_failure(interruption: KeyboardInterrupt) -> None:
    def compute(state: openmm.State) -> tuple[float, np.ndarray]:
        raise interruption

    with pytest.raises(KeyboardInterrupt):
        step_time(system_with(openmm.PythonForce(compute)), positions(), STEP)


def test_a_force_field_takes_microseconds() -> None:
    found = step_time(to_openmm(force_field("ethanol")), positions(), STEP)
    assert found is not None
    assert 1e-6 < found < 1e-2
