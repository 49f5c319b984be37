import numpy as np
import pytest

from hybridff.analysis.reweighting import reweighted
from hybridff.units import BOLTZMANN

SHARES = np.array([[0.5, 0.5], [0.6, 0.4], [0.4, 0.6]])
BASINS = np.repeat([0, 1], 20)


def test_a_difference_that_is_the_same_everywhere_changes_nothing() -> None:
    found = reweighted(SHARES, BASINS, np.full(40, 123.0), 300.0)
    np.testing.assert_allclose(found.populations, [0.5, 0.5])
    assert found.spread == pytest.approx(0.0, abs=1e-9)


def test_a_basin_that_is_higher_by_kt_loses_by_a_factor_of_e() -> None:
    thermal = BOLTZMANN * 300.0
    found = reweighted(SHARES, BASINS, np.where(BASINS == 1, thermal, 0.0), 300.0)
    assert found.populations[0] / found.populations[1] == pytest.approx(np.e)
    assert found.spread == pytest.approx(thermal / 2)


def test_scatter_inside_a_basin_counts_by_its_boltzmann_factors() -> None:
    """<exp(-x)> of a normal distribution is exp(s²/2)."""
    thermal = BOLTZMANN * 300.0
    basins = np.repeat([0, 1], 20000)
    off = np.where(basins == 1, 0.5 * thermal, 0.0) * np.random.default_rng(0).normal(size=40000)
    found = reweighted(SHARES, basins, off, 300.0)
    assert found.populations[1] / found.populations[0] == pytest.approx(np.exp(0.125), rel=0.02)


def test_errors_come_from_runs_and_from_frames() -> None:
    alike = np.full((3, 2), 0.5)
    quiet = reweighted(alike, BASINS, np.zeros(40), 300.0)
    np.testing.assert_allclose(quiet.errors, 0.0, atol=1e-12)
    runs = reweighted(SHARES, BASINS, np.zeros(40), 300.0)
    assert runs.errors[0] == pytest.approx(np.std([0.5, 0.6, 0.4]) / np.sqrt(3), rel=0.15)
    frames = reweighted(alike, BASINS, np.random.default_rng(0).normal(size=40), 300.0)
    assert frames.errors[0] > 0.01


def test_a_basin_without_labelled_frames_has_no_weight() -> None:
    found = reweighted(SHARES, np.zeros(5, dtype=int), np.zeros(5), 300.0)
    np.testing.assert_allclose(found.populations, [1.0, 0.0])
