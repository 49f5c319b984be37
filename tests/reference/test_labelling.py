import errno
import json
import os
import threading
from collections.abc import Container
from pathlib import Path

import numpy as np
import pytest
from models import distorted, molecule

from hybridff.errors import InputError, MissingProgramError
from hybridff.frames.claims import MOST_OWNERS
from hybridff.frames.label_folder import Contents, LabelFolder
from hybridff.frames.reading import read_frames
from hybridff.reference.labelling import Frame, label_all, label_frame

FRAMES = distorted("ethanol", 30)


@pytest.fixture
def folder(tmp_path: Path) -> LabelFolder:
    numbers = tuple(molecule("ethanol").numbers.tolist())
    own = Contents(level="x", options={}, settings="x", theory="x", name="e", smiles=None, numbers=numbers, charge=0)
    return LabelFolder.opened(tmp_path / "labels", own)


def work(folder: LabelFolder) -> list[Frame]:
    return [Frame(folder.key(frame), frame, number) for number, frame in enumerate(FRAMES, start=1)]


class Springs:
    """Labels frames, and remembers which; the rows in ``bad`` fail, but those in ``harder`` only at first."""

    def __init__(self, bad: Container[int] = (), harder: Container[int] = ()) -> None:
        self.asked: list[tuple[int, bool]] = []
        self.bad, self.harder = bad, harder

    def __call__(self, positions: np.ndarray, /, *, careful: bool = False) -> tuple[float, np.ndarray]:
        (row,) = np.flatnonzero([np.array_equal(positions, own) for own in FRAMES])
        self.asked.append((int(row), careful))
        if row in self.bad or (row in self.harder and not careful):
            raise RuntimeError("no\nconvergence")
        return float(np.sum(positions**2)), -2 * positions


def files(folder: LabelFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_frames_that_fail_are_tried_with_more_care_and_stop_no_others(folder: LabelFolder) -> None:
    springs = Springs(bad=set(range(0, 30, 3)), harder={1, 4})
    label_all(folder, springs, work(folder))
    labelled, failed = folder.done()
    assert (len(labelled), len(failed)) == (20, 10)
    assert sorted(springs.asked) == sorted(
        [(row, False) for row in range(30)] + [(row, True) for row in (*range(0, 30, 3), 1, 4)]
    )
    assert folder.reasons(work(folder)[0].key) == ("RuntimeError: no convergence", "RuntimeError: no convergence")
    assert all(name.endswith((".npz", ".failed.json")) or name == "labels.json" for name in files(folder))
    attempts = [int(np.load(file)["attempts"]) for file in folder.label_files()]
    assert sorted(attempts) == [1] * 18 + [2] * 2
    label_all(folder, springs, work(folder))
    assert len(springs.asked) == 42  # nothing again


def test_threads_share_a_folder_and_label_each_frame_once(folder: LabelFolder) -> None:
    springs = Springs()
    threads = [threading.Thread(target=label_all, args=(folder, springs, work(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(springs.asked) == [(row, False) for row in range(30)]
    found = read_frames(folder.path)
    np.testing.assert_allclose(found.energies, np.sum(found.positions**2, axis=(1, 2)))


def test_what_is_no_number_is_no_label(folder: LabelFolder) -> None:
    frame = work(folder)[0]
    assert label_frame(folder, lambda x, /, *, careful=False: (np.nan, x), frame) == "done"
    assert folder.reasons(frame.key) == ("the energy or a force is no number",) * 2


def test_a_frame_that_ends_one_process_after_the_other_has_failed(folder: LabelFolder) -> None:
    frame, springs = work(folder)[0], Springs()
    for generation in range(MOST_OWNERS):
        path = folder.path / f"{frame.key}.claim.{generation}"
        path.write_text(json.dumps({"host": "elsewhere", "pid": 1}), encoding="utf-8")
        assert label_frame(folder, springs, frame) == "busy"
        os.utime(path, (0, 0))
    assert label_frame(folder, springs, frame) == "done"
    assert springs.asked == []
    assert folder.reasons(frame.key) == ("5 processes ended without a word while they computed it",)
    assert files(folder) == {"labels.json", f"{frame.key}.failed.json"}


@pytest.mark.parametrize("where", ["os.open", "numpy.savez_compressed"])
def test_a_full_disk_ends_the_run_in_a_sentence_and_keeps_what_is_there(
    where: str, folder: LabelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    springs, frames = Springs(), work(folder)
    label_all(folder, springs, frames[:5])
    before = files(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"hybridff.frames.claims.{where}" if where == "os.open" else where, full)
        with pytest.raises(InputError, match="no space left on device"):
            label_all(folder, springs, frames)
    assert files(folder) == before
    label_all(folder, springs, frames)
    assert len(folder.done()[0]) == 30


def test_a_program_that_is_missing_ends_the_run_and_gives_the_claim_back(folder: LabelFolder) -> None:
    def missing(positions: np.ndarray, /, *, careful: bool = False) -> tuple[float, np.ndarray]:
        raise MissingProgramError("it is gone.")

    with pytest.raises(MissingProgramError):
        label_all(folder, missing, work(folder))
    assert files(folder) == {"labels.json"}
