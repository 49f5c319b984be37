import numpy as np
import pytest
from models import class_one_of, distorted, force_field, molecule

from hybridff.comparison import benchmark_sets as trials
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set, unseen
from hybridff.errors import InputError
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames

SEGMENTS = np.repeat(np.arange(12), [5, 1, 7, 3, 1, 6, 4, 8, 2, 9, 5, 9])


def frames(n: int = 60) -> Frames:
    positions = distorted("ethanol", n)
    return Frames(molecule("ethanol").numbers, positions, *predict(force_field("ethanol"), positions))


def trial_set(segments: np.ndarray | None = None) -> TrialSet:
    return TrialSet("ethanol", molecule("ethanol"), frames(), class_one_of("ethanol"), segments)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("segments", [None, SEGMENTS])
def test_no_frame_serves_two_purposes(segments, seed):
    train, validation, test = trial_set(segments).split(20, 6, 100, seed)
    assert (len(train), len(validation)) == (20, 6)
    assert len(test) > 10
    assert len({*train, *validation, *test}) == len(train) + len(validation) + len(test)


@pytest.mark.parametrize("seed", range(5))
def test_no_segment_serves_two_purposes(seed):
    parts = [set(SEGMENTS[rows]) for rows in trial_set(SEGMENTS).split(20, 6, 100, seed)]
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_the_frame_of_the_starting_geometry_tests_nothing():
    lowest = int(np.argmin(frames().energies))
    splits = [trial_set().split(5, 0, 100, seed) for seed in range(10)]
    assert any(lowest not in split.train for split in splits)
    assert not any(lowest in split.test for split in splits)


def test_splits_depend_on_the_seed_and_tests_are_limited():
    first, again, other = (trial_set(SEGMENTS).split(20, 6, 8, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.train, other.train)
    assert len(first.test) == 8


def test_too_few_frames_in_the_segments_left_are_refused():
    with pytest.raises(InputError, match="ask for fewer"):
        trial_set(SEGMENTS).split(50, 6, 100, 0)


def test_sizes_leave_frames_for_the_rest_and_do_not_repeat():
    assert trial_set().sizes([10, 25, 1000, 2000], 10, 15) == [10, 25]
    assert trial_set().sizes([10, 1000], 10, 15) == [10, 35]


def test_segments_follow_the_frames_that_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "starting_parameters", lambda molecule, options: class_one_of("ethanol"))
    good = frames()
    assert good.forces is not None
    good.positions[3] = np.nan
    for array in (good.positions, good.energies, good.forces):
        array[40] = array[7]
    names = {"smiles": molecule("ethanol").smiles, "r_unit": "nm", "e_unit": "kj/mol"}
    arrays = {"z": good.numbers, "R": good.positions, "E": good.energies, "F": good.forces}
    np.savez(tmp_path / "set.npz", **arrays, **names, segment=np.arange(60))
    found = read_trial_set(tmp_path / "set.npz")
    assert found.segments is not None
    assert not {3, 40} & set(found.segments)
    assert 0 < len(found.segments) < 58  # some of the others have a stretched bond, and are left out as well
    np.testing.assert_array_equal(found.frames.positions, good.positions[found.segments])
    np.testing.assert_array_equal(found.molecule.positions, found.frames.positions[np.argmin(found.frames.energies)])
    least, middle = found.frames.energies.min(), np.median(found.frames.energies)
    lower = read_trial_set(tmp_path / "set.npz", highest=middle - least)
    assert lower.segments is not None
    np.testing.assert_array_equal(lower.segments, found.segments[found.frames.energies <= middle])
    np.testing.assert_array_equal(lower.frames.positions, good.positions[lower.segments])


def test_known_geometries_are_not_unseen():
    positions = frames(150).positions
    known = positions[[2, 149]] + 1e-7
    np.testing.assert_array_equal(np.flatnonzero(~unseen(positions, known)), [2, 149])


def test_a_fit_uses_the_training_frames_alone():
    whole, rows = trial_set(), np.arange(30)
    part = TrialSet("part", whole.molecule, whole.frames.subset(rows), whole.start, None)
    fits = [each.fit("harmonic", rows, gate=trials.GateOptions(gate="none")).result for each in (whole, part)]
    np.testing.assert_array_equal(fits[0].end.values, fits[1].end.values)
    assert fits[0].energy_offset == fits[1].energy_offset
