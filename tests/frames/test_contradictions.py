import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybridff.frames.contradictions import contradiction
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames
from hybridff.units import KCAL_MOL

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("HYBRIDFF_DATA", ROOT / "../shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the reference data are not at {DATA} (set HYBRIDFF_DATA)")
WHOLE = read_frames(ROOT / "hybridff" / "data" / "ethanol.npz")
GOOD = WHOLE.subset(np.arange(60))


def found(frames: Frames) -> str | None:
    return contradiction(frames, np.arange(len(frames)))


def forces() -> np.ndarray:
    assert GOOD.forces is not None
    return GOOD.forces.copy()


def with_frame(number: int, factor: float) -> np.ndarray:
    changed = forces()
    changed[number - 1] *= factor
    return changed


def raised(number: int) -> np.ndarray:
    changed = GOOD.energies.copy()
    changed[number - 1] += 500 * KCAL_MOL
    return changed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"forces": 0 * forces()}, "the forces are zero in all 60 frames but the energies vary by"),
        ({"forces": forces() * (np.arange(60) % 2)[:, None, None]}, "the forces are exactly zero in frames 1, 3, 5, 7"),
        ({"energies": np.zeros(60)}, "the energies of all 60 frames are equal, which forces of"),
        (
            {"forces": forces() * (1 - 2 * (np.arange(60) % 2))[:, None, None]},
            "the forces point uphill in frames 2, ",
        ),
        ({"forces": with_frame(7, 20.0)}, "the forces of frame 7 are up to"),
        ({"forces": with_frame(7, 1e6)}, "the forces of frame 7 are up to"),
        ({"energies": raised(9)}, "the energies of frame 9 are up to"),
    ],
)
def test_data_that_contradict_themselves_are_named(changes, sentence):
    assert found(GOOD) is None
    said = found(replace(GOOD, **changes))
    assert said is not None
    assert sentence in said


def test_frames_have_the_numbers_of_their_file():
    said = contradiction(replace(GOOD, forces=with_frame(7, 20.0)), np.arange(60) + 100)
    assert said is not None
    assert "frame 107 " in said


def test_gradients_throughout_and_few_frames_are_left_to_other_checks():
    assert found(replace(GOOD, forces=-forces())) is None
    assert found(GOOD.subset(np.arange(3))) is None


def test_frames_that_another_program_has_relaxed_beside_dynamics_are_no_contradiction():
    still = GOOD.positions[:1] + np.random.default_rng(0).normal(scale=1e-5, size=(40, *GOOD.positions.shape[1:]))
    pushed = np.random.default_rng(1).normal(
        scale=20.0, size=still.shape
    )  # what is left of one level at another's minimum
    mixed = replace(
        GOOD,
        positions=np.concatenate([still, GOOD.positions]),
        energies=np.concatenate([np.full(40, GOOD.energies.min()), GOOD.energies]),
        forces=np.concatenate([pushed, forces()]),
    )
    assert contradiction(mixed, np.arange(100)) is None


@needs_data
@pytest.mark.parametrize("name", ["tropolone_b3lyp", "decane_b3lyp", "butane_b3lyp", "acac_600k", "3bpa_mixedt"])
def test_right_data_of_wide_energies_are_no_contradiction(name):
    frames = read_frames(DATA / f"{name}.npz")
    rng = np.random.default_rng(0)
    assert found(frames) is None
    for _ in range(10):
        assert found(frames.subset(rng.permutation(len(frames))[:30])) is None
