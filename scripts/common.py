"""What the scripts share: where data are, options, tables in Markdown, and results that are kept in files."""

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from time import strftime
from typing import Any

import numpy as np

from hybridff.comparison.benchmark_sets import BenchmarkSet, read_benchmark_set
from hybridff.comparison.torsion_tasks import TASKS
from hybridff.frames.accuracy import Errors
from hybridff.output import new_file
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
"""Folder of the sets of frames."""
_RMD17 = ("aspirin", "azobenzene", "benzene", "ethanol", "malonaldehyde", "naphthalene", "paracetamol", "salicylic")
_B3LYP = ("butane", "decane", "hexane", "nma", "octane", "tropolone")
_OTHERS = ("3bpa_300k", "acac_300k", "alanine_dipeptide_wb97x", "dimethyl_ether_dlpno", "toluene_rmd17", "uracil_rmd17")
MOLECULES = (*_OTHERS, *(f"{own}_rmd17" for own in _RMD17), *(f"{own}_b3lyp" for own in _B3LYP))
"""A set of frames with forces for each of twenty molecules."""
PUBLISHED_DATA, PICTURES = Path("docs/data"), Path("docs/images")
"""Folders of what scripts have made for others to read, and of the pictures that the documentation shows."""


def read_set(name: str, highest: float = float("inf")) -> BenchmarkSet:
    """The benchmark set of this name, its frames up to an energy above the lowest [kcal/mol]."""
    return read_benchmark_set(DATA / f"{name}.npz", highest=highest * KCAL_MOL)


def read_task(name: str) -> BenchmarkSet:
    """The benchmark set of a task of ``torsion_tasks``; that of malonaldehyde is published here."""
    file = f"{TASKS[name].set}.npz"
    return read_benchmark_set(PUBLISHED_DATA / file if name == "malonaldehyde" else DATA / file)


def options_of(usage: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the docstring of the script as it is written."""
    return argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown, each row as soon as it is there."""
    for row in chain([header, ["---"] * len(header)], rows):
        print("|" + "".join(f" {cell} |" if cell else " |" for cell in row), flush=True)


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{strftime('%H:%M:%S')} {text}", flush=True)


def kcal(errors: Errors) -> tuple[float, float]:
    """Root mean square errors of energies [kcal/mol] and of force components [kcal/mol/Å]."""
    return errors.energy_rmse / KCAL_MOL, (errors.force_rmse or np.nan) / FORCE_KCAL


def write(path: Path, content: bytes) -> None:
    """Write a file whole, into a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as part:
        part.write_bytes(content)


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write an npz file, which appears under its name only when it is whole."""
    with new_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def kept_arrays(path: Path, compute: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Arrays that an earlier run has written to an npz file, or new ones, which are written."""
    if not path.is_file():
        write_arrays(path, **compute())
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
