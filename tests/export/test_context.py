import numpy as np
import openmm
import pytest
from models import force_field, molecule

from hybridff.export.context import (
    BIAS_GROUP,
    energy_in,
    forces_in,
    langevin,
    minimise,
    new_context,
    openmm_seed,
    positions_in,
    raise_interruption,
    raise_unless_nan,
    run_steps,
)
from hybridff.export.routes import to_openmm


def positions() -> np.ndarray:
    own = molecule("ethanol").positions
    assert own is not None
    return own


def spring(group: int = 0) -> openmm.System:
    """Two atoms on a spring: 500 (r - 0.2)² [kJ/mol, nm]."""
    system = openmm.System()
    for _ in range(2):
        system.addParticle(12.0)
    force = openmm.CustomBondForce("500*(r-0.2)^2")
    force.addBond(0, 1)
    force.setForceGroup(group)
    system.addForce(force)
    return system


def at(system: openmm.System, length: float) -> openmm.Context:
    context = new_context(system, openmm.VerletIntegrator(0.001))
    context.setPositions(np.array([[0.0, 0.0, 0.0], [length, 0.0, 0.0]]))
    return context


def test_states_are_arrays_in_nanometres_and_kilojoules() -> None:
    state = at(spring(), 0.3).getState(getEnergy=True, getForces=True, getPositions=True)
    assert energy_in(state) == pytest.approx(5.0)
    np.testing.assert_allclose(forces_in(state), np.array([[100.0, 0.0, 0.0], [-100.0, 0.0, 0.0]]))
    np.testing.assert_allclose(positions_in(state), np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]]))


def test_seeds_are_never_the_one_that_openmm_replaces() -> None:
    assert [openmm_seed(seed) for seed in (0, 1)] == [1, 2]
    seeds = [langevin(300.0, 1.0, 0.001, seed).getRandomNumberSeed() for seed in (0, 1, 2)]
    assert len({0, *seeds}) == 4


def test_the_same_seed_gives_the_same_dynamics_and_another_seed_another() -> None:
    ends = []
    for seed in (0, 0, 1):
        context = new_context(to_openmm(force_field("ethanol")), langevin(300.0, 1.0, 0.0005, seed))
        context.setPositions(positions())
        ends.append(run_steps(context, 20)[0])
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.abs(ends[0] - ends[2]).max() > 1e-6


def test_a_minimum_is_where_the_forces_vanish() -> None:
    relaxed, energy = minimise(at(spring(), 0.3), tolerance=1e-3)
    assert np.linalg.norm(relaxed[1] - relaxed[0]) == pytest.approx(0.2, abs=1e-5)
    assert energy == pytest.approx(0.0, abs=1e-5)


def test_the_energy_of_a_bias_does_not_count_though_it_pulls() -> None:
    relaxed, energy = minimise(at(spring(BIAS_GROUP), 0.3), iterations=1)
    assert np.linalg.norm(relaxed[1] - relaxed[0]) < 0.3
    assert energy == 0


def test_what_is_no_number_comes_back_as_nan() -> None:
    system = spring()
    broken = openmm.CustomExternalForce("sqrt(-1 - x^2)")
    broken.addParticle(0, [])
    system.addForce(broken)
    for found, energy in (minimise(at(system, 0.3)), run_steps(at(system, 0.3), 5)):
        assert found.shape == (2, 3)
        assert not np.isfinite(energy)


def test_errors_other_than_nan_are_raised() -> None:
    raise_unless_nan(openmm.OpenMMException("Particle coordinate is NaN."))
    raise_unless_nan(ValueError("Energy is infinite"))
    with pytest.raises(openmm.OpenMMException, match="no convergence"):
        raise_unless_nan(openmm.OpenMMException("no convergence"))


@pytest.mark.parametrize(("words", "number"), [("", 2), ("15", 15)])
def test_an_error_with_no_other_words_is_an_interruption(words: str, number: int) -> None:
    raise_interruption(openmm.OpenMMException("no convergence"))
    with pytest.raises(KeyboardInterrupt) as raised:
        raise_interruption(openmm.OpenMMException(words))
    assert raised.value.args == (number,)
    with pytest.raises(KeyboardInterrupt):
        raise_unless_nan(openmm.OpenMMException(words))
