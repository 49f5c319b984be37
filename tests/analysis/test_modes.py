from dataclasses import replace

import ase
import numpy as np
import pytest
from ase.calculators.harmonic import HarmonicCalculator, HarmonicForceField
from ase.vibrations import Vibrations
from models import force_field, molecule

from hybridff.analysis.methods import RDKitCalculator
from hybridff.analysis.modes import Modes, hessian, matching, modes, modes_of, read_reference, relaxed
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.units import EV, KCAL_MOL


def atoms(name: str = "ethanol") -> ase.Atoms:
    own = molecule(name)
    assert own.positions is not None
    return ase.Atoms(own.numbers, own.positions * 10)


def test_frequencies_are_those_of_ase(tmp_path) -> None:
    calculator = HybridFFCalculator(force_field("ethanol"))
    found = relaxed(atoms(), calculator)
    own = modes(found, hessian(found, calculator))
    found.calc = calculator
    theirs = Vibrations(found, name=str(tmp_path / "vib"), delta=0.005)
    theirs.run()
    expected = theirs.get_frequencies()[6:]  # the first are translations and rotations, zero at a minimum
    assert len(own.frequencies) == 21
    assert np.abs(expected.imag).max() == 0
    # 1/cm; the small forces that are left turn the molecule
    np.testing.assert_allclose(own.frequencies, expected.real, atol=0.2)


def test_a_diatomic_has_the_frequency_of_its_spring() -> None:
    k, length = 30.0, 1.1
    pair = ase.Atoms("CO", [[0, 0, 0], [0, 0, length]])
    second = np.zeros((6, 6))
    second[2, 2] = second[5, 5] = k
    second[2, 5] = second[5, 2] = -k
    (found,) = modes(pair, second).frequencies
    masses = pair.get_masses()
    omega = np.sqrt(k * 1.602176634e-19 / 1e-20 / (masses.prod() / masses.sum() * 1.66053906660e-27))
    assert found == pytest.approx(omega / (2 * np.pi * 299792458.0 * 100), rel=1e-8)


def test_modes_neither_move_nor_turn_the_molecule() -> None:
    own = modes_of(atoms(), RDKitCalculator("mmff94", molecule("ethanol")))
    masses = np.repeat(np.sqrt(atoms().get_masses()), 3)
    shifts = (own.vectors / masses).reshape(21, -1, 3)
    moved = (atoms().get_masses()[:, None] * shifts).sum(1)
    turned = np.cross(own.positions, atoms().get_masses()[:, None] * shifts).sum(1)
    assert np.abs(moved).max() < 1e-10
    assert np.abs(turned).max() < 1e-10
    np.testing.assert_allclose(own.vectors @ own.vectors.T, np.eye(21), atol=1e-12)


def test_a_saddle_point_has_an_imaginary_frequency() -> None:
    own = atoms("propyne")
    second = np.diag(np.full(21, 10.0))
    second[0, 0] = -50.0
    assert modes(own, second).frequencies[0] < 0


def test_modes_are_found_again_in_another_order() -> None:
    own = modes_of(atoms(), HybridFFCalculator(force_field("ethanol")))
    order = np.random.default_rng(0).permutation(21)
    other = Modes(own.frequencies[order], -own.vectors[order], own.positions)
    np.testing.assert_array_equal(order[matching(own, other)], np.arange(21))


def test_the_minimum_is_laid_upon_where_it_began() -> None:
    begin = atoms()
    begin.positions += 5.0
    begin.rotate(40, "z")
    found = relaxed(begin, HybridFFCalculator(force_field("ethanol")))
    assert np.abs(found.get_forces()).max() < 1e-4
    assert np.linalg.norm(found.positions - begin.positions, axis=1).max() < 0.3
    np.testing.assert_allclose(found.positions.mean(0), begin.positions.mean(0), atol=1e-6)


def test_equal_atoms_of_a_reference_are_named_as_in_the_molecule(tmp_path) -> None:
    calculator = HybridFFCalculator(force_field("ethanol"))
    minimum = relaxed(atoms(), calculator)
    second = hessian(minimum, calculator)
    order = np.array([0, 1, 2, 4, 3, 5, 6, 7, 8])  # two hydrogens of the methyl group
    other = second.reshape(9, 3, 9, 3)[order][:, :, order].reshape(27, 27)
    np.savez(tmp_path / "reference.npz", z=minimum.numbers, R=minimum.positions[order], hessian=other / (KCAL_MOL / EV))
    found, own = read_reference(tmp_path / "reference.npz", replace(molecule("ethanol"), positions=minimum.positions))
    # the methyl group may come out turned by 120°
    assert np.abs(modes(found, own).frequencies - modes(minimum, second).frequencies).max() < 1e-6
    volumes = [np.linalg.det(x.positions[[3, 4, 5]] - x.positions[1]) for x in (found, minimum)]
    assert volumes[0] * volumes[1] > 0


def test_a_search_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.modes._MOST_STEPS", 2)
    with pytest.raises(InputError, match="no minimum was found in 2 steps"):
        relaxed(atoms(), HybridFFCalculator(force_field("ethanol")))


def test_a_harmonic_energy_has_its_own_hessian() -> None:
    own = atoms()
    random = np.random.default_rng(1).normal(size=(27, 27))
    known = random @ random.T
    calculator = HarmonicCalculator(HarmonicForceField(own, known))
    np.testing.assert_allclose(hessian(own, calculator), known, atol=1e-8)
