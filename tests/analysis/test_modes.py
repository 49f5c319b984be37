from dataclasses import replace

import ase
import numpy as np
import pytest
from ase.calculators.harmonic import HarmonicCalculator, HarmonicForceField
from ase.vibrations import Vibrations
from models import force_field, molecule

from hybridff.analysis.methods import RDKitCalculator
from hybridff.analysis.modes import (
    HESSIAN_KCAL,
    ModeComparison,
    Modes,
    compare_modes,
    hessian,
    matching,
    modes_of,
    nearest_minimum,
    normal_modes,
    read_reference,
)
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atomic_weights, atoms_at
from hybridff.export.calculator import HybridFFCalculator
from hybridff.units import ANGSTROM, EV

ETHANOL = molecule("ethanol").numbers


def positions(name: str = "ethanol") -> np.ndarray:
    own = molecule(name).positions
    assert own is not None
    return own


def test_frequencies_are_those_of_ase(tmp_path) -> None:
    calculator = HybridFFCalculator(force_field("ethanol"))
    found = nearest_minimum(ETHANOL, positions(), calculator)
    own = normal_modes(ETHANOL, found, hessian(ETHANOL, found, calculator))
    theirs = Vibrations(atoms_at(ETHANOL, found, calculator), name=str(tmp_path / "vib"), delta=0.005)
    theirs.run()
    expected = theirs.get_frequencies()[6:]  # the first are translations and rotations, zero at a minimum
    assert len(own.frequencies) == 21
    assert np.abs(expected.imag).max() == 0
    # 1/cm; the small forces that are left turn the molecule
    np.testing.assert_allclose(own.frequencies, expected.real, atol=0.2)


def test_a_diatomic_has_the_frequency_of_its_spring() -> None:
    k = 300000.0
    pair = np.array([6, 8])
    second = np.zeros((6, 6))
    second[2, 2] = second[5, 5] = k
    second[2, 5] = second[5, 2] = -k
    (found,) = normal_modes(pair, np.array([[0, 0, 0], [0, 0, 0.11]]), second).frequencies
    masses = atomic_weights(pair)
    # kJ/mol/nm² in SI units, by Avogadro's number
    omega = np.sqrt(k * 1e3 / 6.02214076e23 / 1e-18 / (masses.prod() / masses.sum() * 1.66053906660e-27))
    assert found == pytest.approx(omega / (2 * np.pi * 299792458.0 * 100), rel=1e-8)


def test_modes_neither_move_nor_turn_the_molecule() -> None:
    own = modes_of(ETHANOL, positions(), RDKitCalculator("mmff94", molecule("ethanol")))
    masses = atomic_weights(ETHANOL)
    shifts = (own.vectors / np.repeat(np.sqrt(masses), 3)).reshape(21, -1, 3)
    moved = (masses[:, None] * shifts).sum(1)
    turned = np.cross(own.positions, masses[:, None] * shifts).sum(1)
    assert np.abs(moved).max() < 1e-10
    assert np.abs(turned).max() < 1e-10
    np.testing.assert_allclose(own.vectors @ own.vectors.T, np.eye(21), atol=1e-12)


def test_a_saddle_point_has_an_imaginary_frequency() -> None:
    second = np.diag(np.full(21, 1e5))
    second[0, 0] = -5e5
    assert normal_modes(molecule("propyne").numbers, positions("propyne"), second).frequencies[0] < 0


def test_modes_are_found_again_in_another_order() -> None:
    own = modes_of(ETHANOL, positions(), HybridFFCalculator(force_field("ethanol")))
    order = np.random.default_rng(0).permutation(21)
    other = Modes(own.frequencies[order], -own.vectors[order], own.positions)
    np.testing.assert_array_equal(order[matching(own, other)], np.arange(21))


def test_the_minimum_is_laid_upon_where_it_began() -> None:
    turned = ase.Atoms(ETHANOL, positions())
    turned.rotate(40, "z")
    begin, calculator = turned.positions + 0.5, HybridFFCalculator(force_field("ethanol"))
    found = nearest_minimum(ETHANOL, begin, calculator)
    # eV/Å
    assert np.abs(atoms_at(ETHANOL, found, calculator).get_forces()).max() < 1e-4
    assert np.linalg.norm(found - begin, axis=1).max() < 0.03
    np.testing.assert_allclose(found.mean(0), begin.mean(0), atol=1e-7)


def test_equal_atoms_of_a_reference_are_named_as_in_the_molecule(tmp_path) -> None:
    calculator = HybridFFCalculator(force_field("ethanol"))
    minimum = nearest_minimum(ETHANOL, positions(), calculator)
    second = hessian(ETHANOL, minimum, calculator)
    order = np.array([0, 1, 2, 4, 3, 5, 6, 7, 8])  # two hydrogens of the methyl group
    other = second.reshape(9, 3, 9, 3)[order][:, :, order].reshape(27, 27)
    path = tmp_path / "reference.npz"
    np.savez(path, z=ETHANOL, R=minimum[order] / ANGSTROM, hessian=other / HESSIAN_KCAL)
    found, own = read_reference(path, replace(molecule("ethanol"), positions=minimum))
    # the methyl group may come out turned by 120°
    frequencies = [normal_modes(ETHANOL, *known).frequencies for known in ((found, own), (minimum, second))]
    assert np.abs(frequencies[0] - frequencies[1]).max() < 1e-6
    volumes = [np.linalg.det(x[[3, 4, 5]] - x[1]) for x in (found, minimum)]
    assert volumes[0] * volumes[1] > 0


def test_a_search_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.modes._MOST_STEPS", 2)
    with pytest.raises(InputError, match="no minimum was found in 2 steps"):
        nearest_minimum(ETHANOL, positions(), HybridFFCalculator(force_field("ethanol")))


def test_a_harmonic_energy_has_its_own_hessian() -> None:
    random = np.random.default_rng(1).normal(size=(27, 27))
    known = random @ random.T  # eV/Å²
    calculator = HarmonicCalculator(HarmonicForceField(atoms_at(ETHANOL, positions()), known))
    found = hessian(ETHANOL, positions(), calculator) / (EV / ANGSTROM**2)
    np.testing.assert_allclose(found, known, atol=1e-8)


def modes_at(frequencies: list[float]) -> Modes:
    return Modes(np.array(frequencies), np.eye(len(frequencies), 6), np.zeros((2, 3)))


def test_a_comparison_tells_which_mode_is_which_and_what_is_off() -> None:
    one, other = modes_at([100.0, 200.0]), modes_at([-50.0, 190.0])
    swapped = Modes(other.frequencies, other.vectors[::-1], other.positions)
    found = ModeComparison({"one": one, "a/other": swapped}, {"one": 0.0, "a/other": 0.1}, given=True)
    assert found.sentences() == [
        "Note: a/other relaxes to another conformer, 1.00 Å from that of one, with other modes.",
        "Note: a/other ends at no minimum; its lowest frequency is 50i cm⁻¹.",
        "a/other: frequencies off by 170.0 cm⁻¹ on average against one, at most by -250 (mode at 200)",
        "      mode        one      other",
        "         1      100.0      190.0",
        "         2      200.0      -50.0",
    ]
    assert found.table().header == ("mode", "one", "a/other")
    assert found.table().rows == (("1", "100.000", "190.000"), ("2", "200.000", "-50.000"))
    assert found.picture().startswith(b"\x89PNG")


def test_a_first_method_that_is_no_reference_is_judged_as_the_others_are() -> None:
    saddle = {"one": modes_at([-50.0, 200.0])}
    assert "one ends at no minimum" in ModeComparison(saddle, {"one": 0.0}, given=False).sentences()[0]
    assert "one ends at no minimum" not in ModeComparison(saddle, {"one": 0.0}, given=True).sentences()[0]


def test_methods_begin_at_the_minimum_of_the_first() -> None:
    calculator = HybridFFCalculator(force_field("ethanol"))
    found = compare_modes(molecule("ethanol"), {"one": calculator, "same": calculator})
    assert not found.given
    # forces at the end of a relaxation are up to 1e-4 eV/Å
    np.testing.assert_allclose(found.columns()["one"], found.columns()["same"], atol=0.1)
    assert found.away["same"] < 1e-3
    given = compare_modes(molecule("ethanol"), {"same": calculator}, reference={"file": found.modes["one"]})
    assert list(given.modes) == ["file", "same"]
    assert given.given
