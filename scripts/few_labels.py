"""Class II fitted to few labels of a benchmark set, with or without a cheap level first."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np

import hybridff as hf
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.jobs.kernels import kernels_beside, task_of
from hybridff.jobs.pretraining import Untaught, pretrained
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
    job = hf.FitJob.of(pretrain=pretrain, seed=seed, gate=gate.gate, validation=0)
    atoms = (tuple(range(len(data.molecule.numbers))),) if kernels else ()
    train = data.frames.subset(rows.train)
    start = hf.ForceField.build(data.molecule, data.start, form="class2", geometries=train.positions)
    if pretrain != "none":
        untaught = Untaught(data.molecule, data.start, train, atoms)
        (taught,) = pretrained([untaught], job)
        start = taught.force_field
    found = fit_stable([(start, train)], gate=gate)
    force_field, offset, passed = found.result.force_field, found.result.energy_offset, found.passed
    if kernels:
        task = task_of(job, force_field, found.result.posteriors[0], train, None, atoms)
        hybrid = kernels_beside(start, task, job)
        if hybrid is not None:
            force_field, offset = hybrid.force_field, hybrid.energy_offset
            passed = passed if hybrid.report is None else hybrid.report.passed
    errors = evaluate(force_field, data.frames.subset(rows.test), offset)
    return errors, passed, perf_counter() - begin


def cell(found: Sequence[tuple[Errors, bool, float]], gate: GateOptions) -> list[str]:
    """MAE of energies and forces, RMSE of forces, time, and how many passed the gate."""
    maes = [(e.energy_mae / MEV, (e.force_mae or np.nan) / (MEV / ANGSTROM)) for e, _, _ in found]
    energy, force = np.mean(maes, 0)
    rmse = float(np.mean([(e.force_rmse or np.nan) / FORCE_KCAL for e, _, _ in found]))
    passed = "" if gate.gate == "none" else f", {sum(ok for _, ok, _ in found)} of {len(found)} stable"
    return [f"{energy:.1f} / {force:.1f}", f"{rmse:.2f}", f"{np.mean([s for _, _, s in found]):.0f} s{passed}"]
