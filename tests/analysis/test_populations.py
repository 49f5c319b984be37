import numpy as np
import pytest
from models import distorted, molecule

from hybridff.analysis.populations import angles_of, free_energy, nearest, populations, telling_rotors
from hybridff.molecule import Molecule
from hybridff.units import BOLTZMANN, DEGREE, KCAL_MOL


def test_methyl_groups_tell_nothing() -> None:
    assert telling_rotors(molecule("ethanol")) == [(0, 1, 2, 8)]
    assert telling_rotors(Molecule.from_smiles("CCC")) == []


def test_frames_belong_to_the_nearest_basin_or_its_mirror_image() -> None:
    basins = np.array([[180.0], [60.0]]) * DEGREE
    found = np.array([[-170.0], [130.0], [110.0], [-50.0], [0.0]]) * DEGREE
    assert nearest(found, basins).tolist() == [0, 0, 1, 1, 1]
    several = np.array([[60.0, 90.0]]) * DEGREE, np.array([[60.0, 90.0], [60.0, -90.0]]) * DEGREE
    assert nearest(-several[0], several[1]).tolist() == [0]


def test_populations_have_the_errors_of_their_runs() -> None:
    basins = np.array([[180.0], [60.0]]) * DEGREE
    runs = [np.array([[180.0]] * first + [[70.0]] * (10 - first)) * DEGREE for first in (6, 8)]
    shares, errors = populations(runs, basins)
    np.testing.assert_allclose(shares, [0.7, 0.3])
    np.testing.assert_allclose(errors, [0.1, 0.1])


def test_a_free_energy_is_that_of_the_density() -> None:
    kelvin, height = 400.0, 2.0 * KCAL_MOL
    random, concentration = np.random.default_rng(0), height / 2 / (BOLTZMANN * kelvin)
    runs = [random.vonmises(0, concentration, (50000, 1)) for _ in range(6)]
    found = free_energy(runs, kelvin, bins=24)
    expected = height / 2 / KCAL_MOL * (1 - np.cos(found.angles[0] * DEGREE))
    off = found.values - (expected - expected.min())
    # the lowest bin is the zero of what was found, and has an error of its own
    assert np.abs(off).max() < 0.08
    pull = (off - off.mean()) / found.errors
    assert 0.3 < np.sqrt(np.mean(pull**2)) < 2.5


def test_two_torsions_make_a_map_and_empty_bins_are_infinite() -> None:
    runs = [np.array([[10.0, 100.0], [10.0, 100.0], [-10.0, -100.0]]) * DEGREE] * 2
    found = free_energy(runs, 300.0, bins=4)
    assert found.values.shape == (4, 4)
    assert np.isfinite(found.values).sum() == 2
    assert found.values[2, 3] == 0
    assert found.values[1, 0] == pytest.approx(BOLTZMANN * 300 * np.log(2) / KCAL_MOL)


def test_angles_are_those_of_the_frames() -> None:
    x = distorted("ethanol", 3)
    found = angles_of(x, [(0, 1, 2, 8), (2, 1, 0, 3)])
    assert found.shape == (3, 2)
    assert np.abs(found[0, 0] - angles_of(x[:1], [(8, 2, 1, 0)])[0, 0]) < 1e-12
