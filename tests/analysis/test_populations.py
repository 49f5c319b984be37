import numpy as np
import pytest
from models import molecule

from hybridff.analysis.minima import Minimum
from hybridff.analysis.populations import (
    FreeEnergy,
    FreeEnergyComparison,
    PopulationComparison,
    basins_of,
    compare_free_energies,
    compare_populations,
    distinguishing_rotors,
    free_energy,
    nearest,
    populations,
)
from hybridff.analysis.torsions import angles_of
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import turn
from hybridff.units import BOLTZMANN, DEGREE, KCAL_MOL


def test_methyl_groups_tell_nothing() -> None:
    assert distinguishing_rotors(molecule("ethanol")) == [(0, 1, 2, 8)]
    assert distinguishing_rotors(Molecule.from_smiles("CCC")) == []


def placed(smiles: str) -> Molecule:
    return Molecule.from_smiles(smiles).placed()


def turned(own: Molecule, *angles: float) -> np.ndarray:
    """Positions [nm] with the rotors that tell conformers apart at some angles [degrees]."""
    x = own.positions
    assert x is not None
    for rotor, angle in zip(distinguishing_rotors(own), angles, strict=True):
        x = turn(own, x, rotor, angle * DEGREE)
    return x


def test_frames_belong_to_the_nearest_basin() -> None:
    basins = [np.array([[180.0]]) * DEGREE, np.array([[60.0], [-60.0]]) * DEGREE]
    found = np.array([[-170.0], [130.0], [110.0], [-50.0], [0.0]]) * DEGREE
    assert nearest(found, basins).tolist() == [0, 0, 1, 1, 1]


def test_a_molecule_without_a_hand_becomes_its_mirror_image_in_dynamics() -> None:
    own = placed("CCO")
    rotors = distinguishing_rotors(own)
    gauche, trans = turned(own, 60), turned(own, 180)
    basins = basins_of(own, np.array([gauche, trans]), rotors)
    assert [len(basin) for basin in basins] == [2, 2]  # ±60°, and 180° from both sides
    assert nearest(-angles_of(gauche[None], rotors), basins).tolist() == [0]


def test_a_molecule_with_a_hand_does_not() -> None:
    own = placed("C[C@H](O)[C@H](F)Cl")
    rotors = distinguishing_rotors(own)
    minima = np.array([turned(own, *angles) for angles in ((60, 60), (-60, -60))])
    basins = basins_of(own, minima, rotors)
    assert [len(basin) for basin in basins] == [1, 1]
    assert nearest(angles_of(minima, rotors), basins).tolist() == [0, 1]


def test_minima_of_another_stereoisomer_are_never_reached_and_those_of_the_mirror_image_are_its_own() -> None:
    own, other = placed("C[C@H](O)[C@H](F)Cl"), placed("C[C@H](O)[C@@H](F)Cl")
    rotors = distinguishing_rotors(own)
    minima = np.array([turned(own, 60, 60), -turned(own, -60, -60), turned(other, 60, 60)])
    assert [len(basin) for basin in basins_of(own, minima, rotors)] == [1, 1, 0]


def test_equal_groups_may_be_exchanged() -> None:
    """Isopropanol: the hydroxyl hydrogen beside one methyl group or the other is one minimum, between them another."""
    own = placed("CC(O)C")
    rotors = distinguishing_rotors(own)
    ((first, second, third, last),) = rotors
    methyls = [n for n in own.neighbours[second] if own.numbers[n] == 6]
    if first not in methyls:
        first, second, third, last = last, third, second, first
        methyls = [n for n in own.neighbours[second] if own.numbers[n] == 6]
    x = own.positions
    assert x is not None
    beside = [turn(own, x, (methyl, second, third, last), 180 * DEGREE) for methyl in methyls]
    other = next(n for n in own.neighbours[second] if own.numbers[n] == 1)
    between = turn(own, x, (other, second, third, last), 180 * DEGREE)
    basins = basins_of(own, np.array([beside[0], between]), rotors)
    assert nearest(angles_of(np.array([*beside, between]), rotors), basins).tolist() == [0, 0, 1]


def test_populations_have_the_errors_of_their_runs() -> None:
    basins = [np.array([[180.0]]) * DEGREE, np.array([[60.0]]) * DEGREE]
    runs = [np.array([[180.0]] * first + [[70.0]] * (10 - first)) * DEGREE for first in (6, 8)]
    shares, errors = populations(runs, basins)
    np.testing.assert_allclose(shares, [0.7, 0.3])
    np.testing.assert_allclose(errors, [0.1, 0.1])


def test_a_free_energy_is_that_of_the_density() -> None:
    kelvin, height = 400.0, 2.0 * KCAL_MOL
    random, concentration = np.random.default_rng(0), height / 2 / (BOLTZMANN * kelvin)
    runs = [random.vonmises(0, concentration, (50000, 1)) for _ in range(6)]
    found = free_energy(runs, kelvin, bins=24)
    expected = height / 2 * (1 - np.cos(found.angles[0]))
    off = found.values - (expected - expected.min())
    # the lowest bin is the zero of what was found, and has an error of its own
    assert np.abs(off).max() < 0.08 * KCAL_MOL
    pull = (off - off.mean()) / found.errors
    assert 0.3 < np.sqrt(np.mean(pull**2)) < 2.5


def test_two_torsions_make_a_map_and_empty_bins_are_infinite() -> None:
    runs = [np.array([[10.0, 100.0], [10.0, 100.0], [-10.0, -100.0]]) * DEGREE] * 2
    found = free_energy(runs, 300.0, bins=4)
    assert found.values.shape == (4, 4)
    assert np.isfinite(found.values).sum() == 2
    assert found.values[2, 3] == 0
    assert found.values[1, 0] == pytest.approx(BOLTZMANN * 300 * np.log(2))


def test_free_energies_are_shown_in_kcal_per_mol_and_degrees() -> None:
    values, errors = np.array([0.0, 8.368, np.inf]), np.array([0.4184, 0.4184, np.nan])
    found = FreeEnergyComparison({"one": FreeEnergy((np.radians([-120.0, 0.0, 120.0]),), values, errors)}, ("A-B-C-D",))
    assert found.sentences() == [
        "one: up to 2.00 kcal/mol, 67% of the bins visited, median standard error 0.10 kcal/mol"
    ]
    assert found.table().header == ("A-B-C-D [degrees]", "one [kcal/mol]", "one standard error")
    assert found.table().rows == (("-120", "0.0000", "0.1000"), ("0", "2.0000", "0.1000"), ("120", "inf", "nan"))
    assert found.picture().startswith(b"\x89PNG")


def test_populations_are_shown_in_percent() -> None:
    shares = {300.0: (np.array([0.75, 0.25]), np.array([0.1, np.nan]))}
    found = PopulationComparison({"one": shares}, (0.0, 4.184))
    assert found.sentences() == ["minima at 0.00 / 1.00 kcal/mol", "one, 300 K: 75.0 ± 10.0 / 25.0 %"]
    assert found.table().rows == (
        ("one", "300", "1", "0.000", "0.7500", "0.1000"),
        ("one", "300", "2", "1.000", "0.2500", "nan"),
    )
    assert found.picture().startswith(b"\x89PNG")


def test_runs_of_methods_become_populations_and_free_energies() -> None:
    own = placed("CCO")
    rotors = distinguishing_rotors(own)
    gauche, trans = turned(own, 60), turned(own, 180)
    runs = {"one": {300.0: [np.array([gauche, trans, trans]), np.array([trans])]}}
    found = compare_populations(own, runs, [Minimum(1.0, trans), Minimum(3.0, gauche)], rotors)
    assert found.heights == (0.0, 2.0)
    np.testing.assert_allclose(found.populations["one"][300.0][0], [5 / 6, 1 / 6])
    assert list(compare_free_energies(own, runs, rotors, 6).profiles) == ["one"]
    both = {"one": {**runs["one"], 500.0: runs["one"][300.0]}}
    assert list(compare_free_energies(own, both, rotors, 6).profiles) == ["one, 300 K", "one, 500 K"]
