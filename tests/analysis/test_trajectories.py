from dataclasses import replace

import ase
import numpy as np
import pytest
from models import force_field, molecule
from openmm import unit

from hybridff.analysis.methods import method
from hybridff.analysis.trajectories import Run, system_of, trajectory, without_turning
from hybridff.errors import DynamicsError, InputError
from hybridff.export.agreement import openmm_energies_forces
from hybridff.export.calculator import HybridFFCalculator
from hybridff.units import BOLTZMANN

SHORT = Run(temperature=300.0, time=0.2, every=0.01, warm=0.1)


def placed(name: str = "ethanol") -> np.ndarray:
    found = molecule(name).positions
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["stock", "mmff94", "ase.calculators.lj:LennardJones"])
def test_every_method_has_the_energies_and_forces_in_openmm_that_ase_sees(name: str) -> None:
    calculator = method(name, molecule("ethanol"), force_field("ethanol", form="class2"))
    atoms = ase.Atoms(molecule("ethanol").numbers, placed() * 10, calculator=calculator)
    energies, forces = openmm_energies_forces(system_of(calculator, molecule("ethanol")), placed()[None])
    # 1 eV is 96.4853 kJ/mol
    assert energies[0] == pytest.approx(atoms.get_potential_energy() * 96.48533, rel=1e-6)
    np.testing.assert_allclose(forces[0], atoms.get_forces() * 964.8533, rtol=1e-6, atol=1e-6)


def test_energy_is_conserved_and_nothing_turns_at_constant_energy() -> None:
    system = system_of(HybridFFCalculator(force_field("ethanol", form="class2")), molecule("ethanol"))
    run = replace(SHORT, constant_energy=True, time=1.0)
    found = trajectory(system, placed(), run)
    assert found.velocities is not None
    masses = np.array([system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(9)])
    total = found.energies + (masses[:, None] * found.velocities**2).sum((1, 2)) / 2
    # kJ/mol; the energy of the leap-frog at 0.5 fs oscillates by the square of frequency times step, some 1e-2
    assert total.std() < 0.02 * found.energies.std() + 0.2
    momentum = (masses[:, None] * np.cross(found.positions, found.velocities)).sum(1)
    typical = (masses * np.linalg.norm(np.cross(found.positions, found.velocities), axis=-1)).sum(1)
    assert (np.linalg.norm(momentum, axis=1) < 1e-2 * typical).all()


def test_velocities_are_those_of_the_frames() -> None:
    system = system_of(HybridFFCalculator(force_field("ethanol")), molecule("ethanol"))
    found = trajectory(system, placed(), replace(SHORT, constant_energy=True, every=0.0005, time=0.05))
    assert found.velocities is not None
    differences = (found.positions[2:] - found.positions[:-2]) / 0.001
    # central differences are off by the square of frequency times step over six, 2 % for stretches of hydrogen
    off = np.abs(differences - found.velocities[1:-1]).max()
    assert off < 0.03 * np.abs(found.velocities).max()
    behind = np.abs(differences - found.velocities[:-2]).max()
    assert off < 0.2 * behind


def test_a_run_is_as_hot_as_asked_and_the_same_for_a_seed() -> None:
    system = system_of(HybridFFCalculator(force_field("ethanol")), molecule("ethanol"))
    run = Run(temperature=500.0, time=20.0, every=0.05, warm=5.0)
    found, again, other = (trajectory(system, placed(), replace(run, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(found.positions, again.positions)
    assert np.abs(found.positions - other.positions).max() > 0.01
    assert found.positions.shape == (400, 9, 3)
    assert found.velocities is None
    # a harmonic molecule of 21 modes has half kT in each, above its minimum
    lowest = trajectory(system, placed(), Run(temperature=0.1, time=0.1, every=0.1)).energies[-1]
    mean = np.mean([found.energies, other.energies]) - lowest
    assert mean == pytest.approx(21 / 2 * BOLTZMANN * 500, rel=0.15)


def test_without_turning_leaves_vibrations_alone() -> None:
    random = np.random.default_rng(0)
    masses, positions = random.uniform(1, 16, 5), random.normal(size=(5, 3))
    rigid = np.cross([0.3, -0.2, 0.5], positions) + np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(without_turning(positions, rigid, masses), 0, atol=1e-12)
    inner = without_turning(positions, random.normal(size=(5, 3)), masses)
    np.testing.assert_allclose(without_turning(positions, inner + rigid, masses), inner, atol=1e-12)


def test_what_cannot_run_is_refused() -> None:
    with pytest.raises(InputError, match="option temperature has to be a positive number, not -1"):
        Run(temperature=-1.0, time=1.0)
    with pytest.raises(InputError, match=r"a frame every 2 ps does not go with steps of 0.0005 ps and a run of 1 ps"):
        Run(temperature=300.0, time=1.0, every=2.0)
    system = system_of(HybridFFCalculator(force_field("ethanol")), molecule("ethanol"))
    with pytest.raises(DynamicsError, match=r"dynamics blew up after 0\.\d+ ps: the energy is no longer finite"):
        trajectory(system, placed(), Run(temperature=300.0, time=20.0, every=0.1, step=0.02))
