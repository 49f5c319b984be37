from dataclasses import replace

import numpy as np
import pytest
from models import class_one_of, corrected, distorted, force_field, molecule

from hybridff.comparison import benchmark_sets
from hybridff.comparison.benchmark_sets import (
    BenchmarkFit,
    BenchmarkSet,
    fit_as_the_command_does,
    read_benchmark_set,
    read_unseen_by_temperature,
    unseen,
)
from hybridff.errors import InputError
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames, Split
from hybridff.hybrid.options import CorrectionOptions
from hybridff.stability.gate import GateOptions

SEGMENTS = np.repeat(np.arange(12), [5, 1, 7, 3, 1, 6, 4, 8, 2, 9, 5, 9])


def frames(n: int = 60) -> Frames:
    positions = distorted("ethanol", n)
    return Frames(molecule("ethanol").numbers, positions, *predict(force_field("ethanol"), positions))


def benchmark_set(segments: np.ndarray | None = None) -> BenchmarkSet:
    return BenchmarkSet("ethanol", molecule("ethanol"), frames(), class_one_of("ethanol"), segments)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("segments", [None, SEGMENTS])
def test_no_frame_serves_two_purposes(segments, seed):
    train, validation, test = benchmark_set(segments).split(20, 6, 100, seed)
    assert (len(train), len(validation)) == (20, 6)
    assert len(test) > 10
    assert len({*train, *validation, *test}) == len(train) + len(validation) + len(test)


@pytest.mark.parametrize("seed", range(5))
def test_no_segment_serves_two_purposes(seed):
    parts = [set(SEGMENTS[rows]) for rows in benchmark_set(SEGMENTS).split(20, 6, 100, seed)]
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_the_frame_of_the_starting_geometry_tests_nothing():
    lowest = int(np.argmin(frames().energies))
    splits = [benchmark_set().split(5, 0, 100, seed) for seed in range(10)]
    assert any(lowest not in split.train for split in splits)
    assert not any(lowest in split.test for split in splits)


def test_splits_depend_on_the_seed_and_tests_are_limited():
    first, again, other = (benchmark_set(SEGMENTS).split(20, 6, 8, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.train, other.train)
    assert len(first.test) == 8


def test_too_few_frames_in_the_segments_left_are_refused():
    with pytest.raises(InputError, match="ask for fewer"):
        benchmark_set(SEGMENTS).split(50, 6, 100, 0)


def test_sizes_leave_frames_for_the_rest_and_do_not_repeat():
    assert benchmark_set().sizes([10, 25, 1000, 2000], 10, 15) == [10, 25]
    assert benchmark_set().sizes([10, 1000], 10, 15) == [10, 35]


def test_segments_follow_the_frames_that_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_sets, "starting_parameters", lambda molecule, options: class_one_of("ethanol"))
    good = frames()
    assert good.forces is not None
    good.positions[3] = np.nan
    for array in (good.positions, good.energies, good.forces):
        array[40] = array[7]
    names = {"smiles": molecule("ethanol").smiles, "r_unit": "nm", "e_unit": "kj/mol"}
    arrays = {"z": good.numbers, "R": good.positions, "E": good.energies, "F": good.forces}
    np.savez(tmp_path / "set.npz", **arrays, **names, segment=np.arange(60))
    found = read_benchmark_set(tmp_path / "set.npz")
    assert found.segments is not None
    assert not {3, 40} & set(found.segments)
    assert 0 < len(found.segments) < 58  # some of the others have a stretched bond, and are left out as well
    np.testing.assert_array_equal(found.frames.positions, good.positions[found.segments])
    np.testing.assert_array_equal(found.molecule.positions, found.frames.positions[np.argmin(found.frames.energies)])
    least, middle = found.frames.energies.min(), np.median(found.frames.energies)
    lower = read_benchmark_set(tmp_path / "set.npz", highest=middle - least)
    assert lower.segments is not None
    np.testing.assert_array_equal(lower.segments, found.segments[found.frames.energies <= middle])
    np.testing.assert_array_equal(lower.frames.positions, good.positions[lower.segments])


def test_known_geometries_are_not_unseen():
    positions = frames(150).positions
    known = positions[[2, 149]] + 1e-7
    np.testing.assert_array_equal(np.flatnonzero(~unseen(positions, known)), [2, 149])


NO_GATE = GateOptions(gate="none")
NONE = np.array([], dtype=int)


def test_a_fit_uses_the_training_frames_alone():
    whole, rows = benchmark_set(), np.arange(30)
    part = BenchmarkSet("part", whole.molecule, whole.frames.subset(rows), whole.start, None)
    how = BenchmarkFit(form="harmonic", gate=NO_GATE)
    one, other = (fit_as_the_command_does(each, Split(rows, NONE, NONE), how) for each in (whole, part))
    np.testing.assert_array_equal(one.result.end.values, other.result.end.values)
    assert one.energy_offset == other.energy_offset
    assert one.passed


def test_stock_gaff_is_not_fitted_and_has_no_offset():
    data = benchmark_set()
    found = fit_as_the_command_does(data, data.split(20, 0, 10, 0), BenchmarkFit(form=None))
    assert found.terms is None
    assert found.energy_offset is None
    np.testing.assert_array_equal(found.force_field.parameter_table.values, data.stock.parameter_table.values)


def test_kernels_stand_beside_a_fit_where_they_are_asked_for():
    plain, true = benchmark_set(), corrected(force_field("ethanol"))
    labels = predict(true, plain.frames.positions)
    data = replace(plain, frames=Frames(plain.frames.numbers, plain.frames.positions, *labels))
    rows = data.split(20, 10, 20, 0)
    how = BenchmarkFit(form=None, correction="1,3,9", kernels=CorrectionOptions(points=5), gate=NO_GATE)
    found = fit_as_the_command_does(data, rows, how)
    assert found.corrected is not None
    assert found.corrected.atoms == ((0, 2, 8),)
    assert found.energy_offset == found.corrected.energy_offset


def test_unseen_frames_are_told_apart_by_temperature(tmp_path):
    some, kelvin = frames(), np.repeat([300, 600], 30)
    names = {"smiles": molecule("ethanol").smiles, "r_unit": "nm", "e_unit": "kj/mol"}
    arrays = {"z": some.numbers, "R": some.positions, "E": some.energies, "F": some.forces}
    np.savez(tmp_path / "hot.npz", **arrays, **names, temperature=kelvin)
    seen = some.subset(np.array([0, 1, 59]))
    np.savez(tmp_path / "known.npz", z=seen.numbers, R=seen.positions, E=seen.energies, F=seen.forces, **names)
    found = read_unseen_by_temperature(tmp_path / "hot.npz", tmp_path / "known.npz")
    assert {key: len(own) for key, own in found.items()} == {300: 28, 600: 29}
    np.testing.assert_allclose(found[600].energies, some.energies[30:59])
    with pytest.raises(InputError, match="no key temperature"):
        read_unseen_by_temperature(tmp_path / "known.npz", tmp_path / "hot.npz")
