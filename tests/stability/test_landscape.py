import numpy as np
import openmm
import pytest
from models import distorted, force_field, molecule

from hybridff.export.routes import to_openmm
from hybridff.molecules.limits import Fault
from hybridff.stability.landscape import Landscape, fault_class, landscape_around, relax, relaxed_below
from hybridff.units import KCAL_MOL


def ethanol(system: openmm.System | None = None, lower: float = 0.0) -> Landscape:
    """Around the minimum of stock GAFF, which counts as so much lower [kJ/mol] than it is."""
    own, known = molecule("ethanol"), to_openmm(force_field("ethanol"))
    assert own.positions is not None
    minimum, energy = relax(known, own.positions)
    return landscape_around(own, system or known, minimum, energy - lower)


def test_relaxing_ends_where_the_forces_vanish() -> None:
    found = ethanol()
    again, energy = relax(found.system, found.minimum)
    assert energy == pytest.approx(found.energy, abs=1e-3)
    np.testing.assert_allclose(again, found.minimum, atol=1e-3)


def test_a_distorted_molecule_falls_back_into_a_sound_minimum() -> None:
    found = ethanol()
    below = relaxed_below(found, distorted("ethanol", 1)[0])
    assert below.fault is None
    assert below.well is None
    assert found.rest.fault(below.positions) is None
    assert abs(below.height) < 10 * KCAL_MOL


def test_a_minimum_far_below_the_first_is_a_fault_though_it_looks_sound() -> None:
    below = relaxed_below(ethanol(lower=-40 * KCAL_MOL), distorted("ethanol", 1)[0])
    fault, height = below.fault, below.height
    assert height < -30 * KCAL_MOL
    assert fault is not None
    assert "bonds and angles look sound, but no conformer is that low" in fault.what


def test_a_minimum_with_a_broken_bond_is_a_fault() -> None:
    system = to_openmm(force_field("ethanol"))
    pull = openmm.CustomBondForce("-3e4*r")  # doubles the length of the bond C1-C2
    pull.addBond(0, 1)
    system.addForce(pull)
    below = relaxed_below(ethanol(system), distorted("ethanol", 1)[0])
    fault = below.fault
    assert fault is not None
    assert below.well is below.positions
    assert fault.atoms == (0, 1)
    assert "the bond C1-C2 is " in fault.what


def test_positions_that_are_no_numbers_are_a_fault() -> None:
    broken = np.full((9, 3), np.nan)
    below = relaxed_below(ethanol(), broken)
    fault = below.fault
    assert fault is not None
    assert below.well is None
    assert "no longer finite" in fault.what


def test_faults_of_equivalent_atoms_are_of_one_class() -> None:
    own = molecule("ethanol")
    hydrogens = [fault_class(own, Fault((0, atom), "")) for atom in (3, 4, 5)]
    assert len(set(hydrogens)) == 1
    assert fault_class(own, Fault((5, 0), "")) == hydrogens[0]
    assert fault_class(own, Fault((1, 6), "")) != hydrogens[0]
