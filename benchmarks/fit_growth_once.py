"""One fit to a long chain, or to a set of molecules, with its time and memory."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from fit_cases import gasteiger_charges, stock_set
from shared import DATA, peak_memory

from hybridff import FitOptions, ForceField, Frames, Molecule
from hybridff.errors import HybridFFError
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.gaff.assign import gaff_parameters
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

Size = Literal["small", "medium", "full"]
_FEWEST = 4
"""Frames with intact bonds that a molecule of QM-7X has to have."""


def chain(n_atoms: int, n_frames: int, size: Size) -> dict[str, Any]:
    """A fit to frames of an alkane of about so many atoms, rows by symmetry."""
    data = stock_set("chain", max(1, round((n_atoms - 2) / 3)) * "C", n_frames)
    begin = time.perf_counter()
    start = ForceField.build(data.molecule, data.start, form="class2", geometries=data.frames.positions)
    return measured([(start, data.frames)], size, begin)


def molecules(n_molecules: int, size: Size) -> dict[str, Any]:
    """A fit to frames of so many molecules of QM-7X, rows by environment."""
    begin, pairs = time.perf_counter(), []
    for start, frames in started():
        pairs.append((start, frames))
        if len(pairs) == n_molecules:
            break
    return measured(pairs, size, begin)


def started() -> Iterator[tuple[ForceField, Frames]]:
    """Molecules of QM-7X in the order of the file, with their frames whose bonds are intact."""
    with np.load(DATA / "qm7x_200x10.npz") as file:
        arrays = {key: file[key] for key in ("R", "E", "F", "smiles", "topo_ok")}
    for place, text in enumerate(arrays["smiles"]):
        molecule, whole = Molecule.from_smiles(str(text)), arrays["topo_ok"][place]
        positions, forces = (arrays[key][place][whole][:, : len(molecule.numbers)].astype(float) for key in "RF")
        energies = arrays["E"][place][whole] * KCAL_MOL
        if whole.sum() < _FEWEST:
            continue
        frames = Frames(molecule.numbers, positions * ANGSTROM, energies, forces * FORCE_KCAL, name=str(text))
        placed = replace(molecule, positions=frames.positions[energies.argmin()])
        try:
            parameters = gaff_parameters(placed, gasteiger_charges(placed))
            start = ForceField.build(
                placed, parameters, form="class2", share="environment", geometries=frames.positions
            )
        except HybridFFError:
            continue  # GAFF has no parameters of it
        yield start, frames


def measured(pairs: Sequence[tuple[ForceField, Frames]], size: Size, begin: float) -> dict[str, Any]:
    """Numbers of a row: the fit without gate of force fields that have been built since ``begin``."""
    building, before, clock = time.perf_counter() - begin, peak_memory(), time.perf_counter()
    found = fit_stable(pairs, FitOptions(size=size), gate=GateOptions(gate="none"))
    deviations = np.asarray(found.result.deviations)
    return {
        "molecules": len(pairs),
        "atoms": sum(len(start.molecule.numbers) for start, _ in pairs),
        "frames": sum(len(frames) for _, frames in pairs),
        "rows": len(deviations),
        "kept": int((deviations > 0).sum()),
        "building": building,
        "seconds": time.perf_counter() - clock,
        "before": before,
        "peak": peak_memory(),
    }
