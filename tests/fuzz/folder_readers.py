"""Readers of the files in folders that commands go on with: labels, rounds of make, results kept for another time."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from models import distorted, molecule, small_set
from mutations import JSON, NPZ
from reader import Reader

from hybridff.cache import cached_arrays, cached_json
from hybridff.frames.claims import take
from hybridff.frames.label_folder import CONTENTS, Contents, LabelFolder, read_label_folder, read_labels
from hybridff.jobs.set_files import read_set, write_set
from hybridff.making.folder import CONTENTS as MADE_OF
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.rounds import (
    Chosen,
    Extension,
    Outcome,
    chosen_file,
    read_chosen,
    read_extensions,
    read_outcome,
    read_rounds,
    write_chosen,
    write_extension,
    write_outcome,
)
from hybridff.making.summary import FILE_NAME as NUMBERS
from hybridff.making.summary import Summary

KEY = "0123456789abcdef"
JOB = MakeJob.of(charges="am1bcc", pretrain="none")


def labels(folder: Path) -> LabelFolder:
    """A folder of two labels and one failure."""
    own = molecule("ethanol")
    numbers = tuple(own.numbers.tolist())
    words = {"level": "hf/sto-3g", "settings": "HF/STO-3G", "theory": "HF/STO-3G (PySCF)", "options": {"conv": 1e-9}}
    made = LabelFolder.opened(
        folder,
        Contents(**words, name="ethanol", smiles=own.smiles, numbers=numbers, charge=0),  # type: ignore[arg-type]
    )
    first, second, third = distorted("ethanol", 3)
    made.write(KEY, first, -5.0, 9.0 * first, seconds=1.5)
    made.write(KEY[::-1], second, -6.0, 9.0 * second, seconds=2.5)
    made.write_failure("f" * 16, third, ["it does not converge", "it does not converge"])
    return made


def read_all_labels(path: Path) -> Any:
    folder = LabelFolder.read(path.parent)
    return read_label_folder(path.parent), read_labels(folder, [KEY]), LabelFolder.opened(path.parent, folder.contents)


def write_claim(path: Path) -> None:
    owner = {"host": "another", "pid": 12345, "time": "2026-01-01 00:00:00"}
    path.write_text(json.dumps(owner), encoding="utf-8")


def take_claim(path: Path) -> None:
    claim = take(path.parent, path.name.partition(".")[0])
    if claim is not None:
        claim.give_back()


def made(folder: Path) -> MakeFolder:
    return MakeFolder.opened(folder, molecule("ethanol"), "gfn2-xtb", JOB)


def write_chosen_file(path: Path) -> None:
    values = np.array([1.0, 2.0, np.nan])
    origins = ("dynamics at 300 K", "conformer", "torsion C1-C2-O3-H9")
    write_chosen(path, Chosen(distorted("ethanol", 3), origins, "what tells most", values, values, 40))


def write_outcome_file(path: Path) -> None:
    numbers = {"predicted_force": 90.0, "predicted_energy": 2.0, "predicted_torsions": None, "left_out": 80.0}
    numbers |= {"scale": 1.5, "batch_predicted": 100.0, "batch_actual": 120.0, "label_seconds": 9.0}
    whole = Outcome(n_train=10, n_failed=0, stable=True, wall_seconds=9.0, other_seconds=3.0, **numbers)  # type: ignore[arg-type]
    write_outcome(path, whole)


def write_whole_round(path: Path) -> None:
    write_chosen_file(chosen_file(path.parents[1], 1))
    write_outcome_file(path)


def read_outcome_and_use(path: Path) -> Any:
    found = read_outcome(path), read_rounds(path.parents[1])
    return found[0].confirmed_force


def write_numbers(path: Path) -> None:
    errors = dict.fromkeys(("predicted_force", "actual_force", "predicted_energy", "actual_energy"), 4.0)
    times = dict.fromkeys(("label_seconds", "wall_seconds", "other_seconds"), 9.0)
    Summary(name="ethanol", rounds=3, n_train=50, n_test=10, stable=None, **errors, **times).write(path.parent)


def read_numbers(path: Path) -> Any:
    found = Summary.read(path.parent)
    return found and (found.sentence, found.cells)


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    before = os.environ.get("HYBRIDFF_CACHE")
    os.environ["HYBRIDFF_CACHE"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("HYBRIDFF_CACHE")
        if before is not None:
            os.environ["HYBRIDFF_CACHE"] = before


def kept(path: Path) -> Any:
    with cache_in(path.parent):
        if path.suffix == ".json":
            return cached_json("it", lambda: [1.5, 2.5])
        return cached_arrays("it", lambda: {"a": np.arange(6.0), "b": np.eye(3)})


DIGEST = hashlib.sha256(json.dumps("it").encode()).hexdigest()
FOLDERS = {
    "labels.json": Reader(CONTENTS, lambda path: labels(path.parent), read_all_labels, JSON, 30),
    "label": Reader(f"{KEY}.npz", lambda path: labels(path.parent), read_all_labels, NPZ, 30),
    "failed label": Reader(
        f"{'f' * 16}.failed.json",
        lambda path: labels(path.parent),
        lambda path: LabelFolder.read(path.parent).reasons("f" * 16),
        JSON,
        forgives=True,
    ),
    "claim": Reader(f"{KEY}.claim.0", write_claim, take_claim, JSON, forgives=True),
    "make.json": Reader(MADE_OF, lambda path: made(path.parent), lambda path: made(path.parent), JSON, 30),
    "choice of a round": Reader(
        "rounds/01-chosen.json", write_chosen_file, lambda path: (read_chosen(path), read_rounds(path.parents[1])), JSON
    ),
    "outcome of a round": Reader("rounds/01-outcome.json", write_whole_round, read_outcome_and_use, JSON),
    "extension": Reader(
        "rounds/04-extension.json",
        lambda path: write_extension(path.parents[1], Extension(4, 20)),
        lambda path: read_extensions(path.parents[1]),
        JSON,
    ),
    "made.json": Reader(NUMBERS, write_numbers, read_numbers, JSON),
    "set.npz": Reader(
        "set.npz", lambda path: write_set(small_set(), path.parent), lambda path: read_set(path.parent), NPZ
    ),
    "kept result": Reader(f"{DIGEST}.json", kept, kept, JSON, forgives=True),
    "kept arrays": Reader(f"{DIGEST}.npz", kept, kept, NPZ, forgives=True),
}
