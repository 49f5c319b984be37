from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from models import distorted, force_field

from hybridff.errors import FitError
from hybridff.frames.accuracy import predict
from hybridff.frames.checks import bond_changes
from hybridff.reference.level import Labeller, Species
from hybridff.reference.level_frames import LevelSampling, level_frames


@dataclass(frozen=True)
class StockLevel:
    """Stock GAFF as a level of theory."""

    theory: str = "stock"

    @property
    def settings(self) -> str:
        return self.theory

    def prepared(self, species: Species) -> Labeller:
        def label(positions: np.ndarray, /, *, careful: bool = False) -> tuple[float, np.ndarray]:
            energies, forces = predict(force_field("ethanol"), positions[None])
            return float(energies[0]), forces[0]

        return label


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


def sampling(given: np.ndarray, wanted: int) -> LevelSampling:
    return LevelSampling(force_field("ethanol"), force_field("ethanol", form="class2"), given, wanted)


def test_frames_are_the_given_ones_conformers_and_hotter_ones_with_all_bonds() -> None:
    given = distorted("ethanol", 20, width=0.002)
    found = level_frames(sampling(given, 300), StockLevel())
    assert 250 < len(found) <= 300
    same = (np.abs(found.positions[:, None] - given).max((2, 3)) == 0).any(0)
    assert same.all()
    assert not bond_changes(found, force_field("ethanol").molecule, np.arange(len(found)))
    energies = found.energies - found.energies.min()
    hottest, mild = energies[-30:].mean(), energies[: len(given)].mean()
    assert hottest > 1.3 * mild
    again = level_frames(sampling(given, 300), StockLevel())
    np.testing.assert_array_equal(again.positions, found.positions)


def test_geometries_without_the_bonds_of_the_molecule_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hybridff.reference.level_frames.embedded_conformers", lambda molecule, wanted, seed: np.zeros((0, 9, 3))
    )
    monkeypatch.setattr("hybridff.reference.level_frames.hot_geometries", lambda *options: 2 * distorted("ethanol", 40))
    with pytest.raises(FitError, match="only 0 geometries of ethanol have the bonds"):
        level_frames(sampling(2 * distorted("ethanol", 5), 100), StockLevel())
