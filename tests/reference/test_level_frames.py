from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from models import distorted, force_field

from hybridff.errors import FitError
from hybridff.fitting.conformers import unseen_angles
from hybridff.frames.accuracy import predict
from hybridff.frames.checks import bond_changes
from hybridff.frames.dataset import Frames
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.level import Labeller, Species
from hybridff.reference.level_frames import LevelSampling, level_frames, temperature
from hybridff.units import BOLTZMANN


@dataclass(frozen=True)
class StockLevel:
    """Stock GAFF as a level of theory."""

    theory: str = "stock"

    @property
    def settings(self) -> str:
        return self.theory

    def prepared(self, species: Species) -> Labeller:
        stock = force_field("ethanol")

        def label(positions: np.ndarray, /, *, careful: bool = False) -> tuple[float, np.ndarray]:
            energies, forces = predict(stock, positions[None])
            return float(energies[0]), forces[0]

        return label


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


def sampling(given: np.ndarray, wanted: int) -> LevelSampling:
    frames = labelled_frames(StockLevel(), force_field("ethanol").molecule, given)
    return LevelSampling(force_field("ethanol"), force_field("ethanol", form="class2"), frames, wanted)


@cache
def made() -> Frames:
    return level_frames(sampling(distorted("ethanol", 20, width=0.002), 200), StockLevel())


@pytest.mark.slow
def test_frames_are_the_given_ones_conformers_and_hotter_ones_with_all_bonds() -> None:
    given, found = distorted("ethanol", 20, width=0.002), made()
    assert 150 < len(found) <= 200
    same = (np.abs(found.positions[:, None] - given).max((2, 3)) == 0).any(0)
    assert same.all()
    assert not bond_changes(found, force_field("ethanol").molecule, np.arange(len(found)))
    energies = found.energies - found.energies.min()
    hottest, mild = energies[-30:].mean(), energies[: len(given)].mean()
    assert hottest > 1.3 * mild
    again = level_frames(sampling(given, 200), StockLevel())
    np.testing.assert_array_equal(again.positions, found.positions)


@pytest.mark.slow
def test_angles_of_rotors_that_no_data_and_no_conformer_show_are_among_the_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "hybridff.reference.level_frames.embedded_conformers", lambda molecule, wanted, seed: np.zeros((0, 9, 3))
    )
    monkeypatch.setattr(
        "hybridff.reference.level_frames.hot_geometries", lambda model, starts, wanted, *_: starts[:wanted]
    )
    given = distorted("ethanol", 20, width=0.002)
    missing = unseen_angles(force_field("ethanol").molecule, given)
    assert missing
    found = level_frames(sampling(given, 100), StockLevel())
    left = unseen_angles(force_field("ethanol").molecule, found.positions)
    assert sum(map(len, left.values())) < 0.3 * sum(map(len, missing.values()))


def test_geometries_without_the_bonds_of_the_molecule_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hybridff.reference.level_frames.embedded_conformers", lambda molecule, wanted, seed: np.zeros((0, 9, 3))
    )
    monkeypatch.setattr(
        "hybridff.reference.level_frames.find_unseen_conformers",
        lambda start, frames: SimpleNamespace(conformers=frames[:0]),
    )
    monkeypatch.setattr("hybridff.reference.level_frames.hot_geometries", lambda *options: 2 * distorted("ethanol", 40))
    with pytest.raises(FitError, match="only 0 geometries of ethanol have the bonds"):
        level_frames(sampling(2 * distorted("ethanol", 5), 100), StockLevel())


def test_the_temperature_is_that_of_harmonic_vibrations() -> None:
    springs = np.random.default_rng(0).normal(size=(4000, 21))  # 9 atoms have 21 vibrations
    energies = 0.5 * BOLTZMANN * 450.0 * (springs**2).sum(1)
    frames = Frames(np.ones(9, dtype=int), np.zeros((4000, 9, 3)), energies, None)
    assert temperature(frames) == pytest.approx(450.0, rel=0.05)
    assert temperature(replace(frames, energies=0.0 * energies)) == 200.0
    assert temperature(replace(frames, energies=100.0 * energies)) == 1000.0


def test_frames_near_the_given_ones_count_and_those_that_class_two_misses_there_do_not() -> None:
    found = made()
    assert found.weights is not None
    assert found.weights[:20].mean() > 0.8
    assert 0 < found.weights.min() < 0.2
    assert found.weights.max() == 1.0
