import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from models import distorted, force_field, molecule
from scipy.spatial.transform import Rotation

from hybridff.analysis.torsions import angles_of
from hybridff.export.ase_atoms import (
    Relaxation,
    atomic_weights,
    atoms_at,
    covalent_length,
    energies_at,
    evaluator,
    relaxed_but_torsions,
    relaxed_positions,
    superimposed,
    turned,
)
from hybridff.export.calculator import HybridFFCalculator, energy_of

ETHANOL = molecule("ethanol").numbers
HYDROXYL = (0, 1, 2, 8)
ARGON = np.array([18, 18])
EPSILON, SIGMA = 0.0104, 3.4
"""Of argon [eV, Å]."""


def argon() -> LennardJones:
    return LennardJones(epsilon=EPSILON, sigma=SIGMA, rc=100.0)  # type: ignore[no-untyped-call]


def apart(distance: float) -> np.ndarray:
    """Two atoms [nm]."""
    return np.array([[0.0, 0.0, 0.0], [distance, 0.0, 0.0]])


def test_energies_and_forces_are_in_our_units() -> None:
    energy, forces = evaluator(ARGON, argon())(apart(0.5))
    r = 0.5 * 10 / SIGMA
    # eV is 96.485 kJ/mol; the sum is shifted to nothing at the cutoff, which changes it by 1e-9
    assert energy == pytest.approx(4 * EPSILON * (r**-12 - r**-6) * 96.48533212, rel=1e-6)
    step = 1e-5
    slope = np.diff(energies_at(ARGON, np.array([apart(0.5 - step), apart(0.5 + step)]), argon()))[0] / (2 * step)
    assert forces[1, 0] == pytest.approx(-slope, rel=1e-6)


def test_our_own_calculators_give_the_same_by_ase_and_directly() -> None:
    calculator, frames = HybridFFCalculator(force_field("ethanol")), distorted("ethanol", 3)
    direct = [evaluator(ETHANOL, calculator)(own)[0] for own in frames]
    np.testing.assert_allclose(energies_at(ETHANOL, frames, calculator), direct, rtol=1e-9)


def test_ase_does_not_take_the_energy_of_other_positions_for_that_of_these() -> None:
    calculator, frames = HybridFFCalculator(force_field("ethanol")), distorted("ethanol", 2)
    known = energies_at(ETHANOL, frames, HybridFFCalculator(force_field("ethanol")))
    first = atoms_at(ETHANOL, frames[0], calculator)
    assert energy_of(first) == pytest.approx(known[0])
    evaluator(ETHANOL, calculator)(frames[1])
    assert energy_of(atoms_at(ETHANOL, frames[1], calculator)) == pytest.approx(known[1])


def test_a_relaxation_ends_where_the_force_is_small_or_not_at_all() -> None:
    how = Relaxation(largest_force=0.01, most_steps=200)
    found = relaxed_positions(ARGON, apart(0.45), argon(), how)
    assert found is not None
    positions, energy = found
    # nm, kJ/mol: the well of a Lennard-Jones pair; what is left of the force moves it by less than 1e-4 nm
    assert np.linalg.norm(positions[1] - positions[0]) == pytest.approx(2 ** (1 / 6) * SIGMA / 10, abs=1e-4)
    assert energy == pytest.approx(-EPSILON * 96.48533212, rel=1e-3)
    assert relaxed_positions(ARGON, apart(0.45), argon(), Relaxation(largest_force=0.01, most_steps=1)) is None


def test_held_torsions_stay_where_they_are() -> None:
    begin, calculator = molecule("ethanol").positions, HybridFFCalculator(force_field("ethanol"))
    assert begin is not None
    at = turned(begin, HYDROXYL, 1.0, [2, 8])
    how = Relaxation(largest_force=5.0, most_steps=300, longest_step=0.01)
    found = relaxed_but_torsions(ETHANOL, at, calculator, how, [(HYDROXYL, 1.0)])
    assert found is not None
    # rad; ASE holds constraints to 1e-6 of its own
    assert angles_of(found[0][None], [HYDROXYL])[0, 0] == pytest.approx(1.0, abs=1e-5)
    assert found[1] < energies_at(ETHANOL, at[None], calculator)[0]


def test_turning_changes_one_torsion_and_no_other_atoms() -> None:
    begin = molecule("ethanol").positions
    assert begin is not None
    found = turned(begin, HYDROXYL, -2.0, [8])
    assert angles_of(found[None], [HYDROXYL])[0, 0] == pytest.approx(-2.0, abs=1e-9)
    np.testing.assert_allclose(found[:8], begin[:8], atol=1e-12)


def test_a_geometry_is_laid_upon_another() -> None:
    begin = molecule("ethanol").positions
    assert begin is not None
    moved = Rotation.from_rotvec([0.3, -1.0, 0.5]).apply(begin) + 0.4
    np.testing.assert_allclose(superimposed(moved, begin), begin, atol=1e-9)


def test_masses_and_radii_are_those_of_the_elements() -> None:
    np.testing.assert_allclose(atomic_weights(np.array([1, 6])), [1.008, 12.011])
    # nm: 0.76 Å and 0.31 Å, B. Cordero et al., Dalton Trans. 2832 (2008)
    assert covalent_length(6, 1) == pytest.approx(0.107)
