"""Class II fitted to few labels of a benchmark set, with or without a cheap level first."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, EV, FORCE_KCAL

MACE = {
    "aspirin": (17.0, 43.9),
    "azobenzene": (5.4, 17.7),
    "benzene": (0.7, 2.7),
    "ethanol": (6.7, 32.6),
    "malonaldehyde": (10.0, 43.3),
    "naphthalene": (2.1, 9.2),
    "paracetamol": (9.7, 31.5),
    "salicylic": (6.5, 28.4),
    "toluene": (3.1, 12.1),
    "uracil": (4.4, 25.9),
}
"""Published errors of MACE: energy [meV] and force [meV/Å], MAE."""
MEV = EV / 1000


def fitted(
    data: BenchmarkSet, n_train: int, seed: int, pretrain: str, gate: GateOptions, *, kernels: bool = False
) -> tuple[Errors, bool, float]:
    """Errors on frames that nothing saw, whether the fit passed the gate, and seconds of pre-training and fit.

    ``kernels`` on all atoms are taught by the cheap level, if there is one, and by frames that are left out.
    """
    rows, begin = data.split(n_train, 0, len(data.frames), seed), perf_counter()
    how = BenchmarkFit(correction="all" if kernels else None, gate=gate, pretrain=pretrain, seed=seed)
    found = fit_as_the_command_does(data, rows, how)
    errors = evaluate(found.force_field, data.frames.subset(rows.test), found.energy_offset)
    hybrid = None if found.corrected is None else found.corrected.report
    return errors, found.passed if hybrid is None else hybrid.passed, perf_counter() - begin


def cell(found: Sequence[tuple[Errors, bool, float]], gate: GateOptions) -> list[str]:
    """MAE of energies and forces, RMSE of forces, time, and how many passed the gate."""
    maes = [(e.energy_mae / MEV, (e.force_mae or np.nan) / (MEV / ANGSTROM)) for e, _, _ in found]
    energy, force = np.mean(maes, 0)
    rmse = float(np.mean([(e.force_rmse or np.nan) / FORCE_KCAL for e, _, _ in found]))
    passed = "" if gate.gate == "none" else f", {sum(ok for _, ok, _ in found)} of {len(found)} stable"
    return [f"{energy:.1f} / {force:.1f}", f"{rmse:.2f}", f"{np.mean([s for _, _, s in found]):.0f} s{passed}"]
