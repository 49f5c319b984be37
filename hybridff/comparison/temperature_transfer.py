"""Fits to cool frames measured on hotter ones: errors by temperature, and how well a fit knows its own errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkModel, BenchmarkSet, fit_as_the_command_does
from hybridff.frames.accuracy import Errors, evaluate, predict
from hybridff.frames.dataset import Frames, Split
from hybridff.units import ANGSTROM, EV

_MEV = EV / 1000
"""One meV [kJ/mol]."""


@dataclass(frozen=True)
class ExtrapolationRow:
    """Errors of fits to several choices of training frames, in meV and meV/Å."""

    energy: str
    """Errors of energies on each of the test sets: mean ± half the range over the choices."""
    force: str
    """Errors of force components on each of them."""
    gate: str
    """How many fits passed the stability gate."""
    verdicts: tuple[str, ...]
    """What the gate, and what kernels are, says of each fit."""


def fitted_rows(
    data: BenchmarkSet, tests: Sequence[Frames], how: BenchmarkFit, sizes: tuple[int, int], seeds: int
) -> ExtrapolationRow:
    """Fit to some frames, of which the second number validates kernels; several choices of them where there are.

    Frames are drawn from all of the set.
    """
    size, n_validation = min(sizes[0], len(data.frames)), sizes[1]
    errors, verdicts, passed = [], [], 0
    choices = range(1 if size == len(data.frames) else seeds)
    for seed in choices:
        rows = data.frames.split(size, 0, seed).train
        split = Split(rows[: size - n_validation], rows[size - n_validation :], np.array([], dtype=int))
        fitted = fit_as_the_command_does(data, split, replace(how, seed=seed))
        errors.append([_mev(evaluate(fitted.force_field, frames, fitted.energy_offset)) for frames in tests])
        verdicts += [
            f"seed {seed}: {sentence}" for sentence in _sentences(fitted, data.frames.subset(split.train), tests)
        ]
        passed += fitted.passed
    gate = "not asked for" if how.gate.gate == "none" else f"{passed} of {len(choices)} passed ({how.gate.gate})"
    energy, force = (" / ".join(_spread(column) for column in np.array(errors)[:, :, i].T) for i in (0, 1))
    return ExtrapolationRow(energy, force, gate, tuple(verdicts))


def _sentences(fitted: BenchmarkModel, train: Frames, tests: Sequence[Frames]) -> list[str]:
    """What kernels are and what the terms are without them; then what the gate said."""
    found = []
    if fitted.corrected is not None:
        alone = fitted.force_field.with_corrections(())
        zero = evaluate(alone, train).energy_offset
        cells = zip(*(_mev(evaluate(alone, each, zero)) for each in tests), strict=True)
        energy, force = (" / ".join(f"{value:.1f}" for value in column) for column in cells)
        found += [f"the terms alone have {energy} meV and {force} meV/Å.", *fitted.corrected.sentences()]
    said = [sentence for report in fitted.reports for sentence in report.sentences()]
    return [*found, " ".join([*fitted.remarks, *said]) or "no gate."]


def _mev(errors: Errors) -> tuple[float, float]:
    """Root mean square errors of energies [meV] and forces [meV/Å]."""
    return errors.energy_rmse / _MEV, (errors.force_rmse or np.nan) / (_MEV / ANGSTROM)


def _spread(values: Float[np.ndarray, " n"]) -> str:
    """Mean ± half the range, where there are several."""
    return f"{values.mean():.1f}" + (f" ± {np.ptp(values) / 2:.1f}" if len(values) > 1 else "")


@dataclass(frozen=True, eq=False)
class FrameDeviations:
    """Deviations of frames, the first row as a fit predicts them and the second as they are."""

    energy: Float[np.ndarray, "two frames"]
    """Deviations of energies [kJ/mol]."""
    force: Float[np.ndarray, "two frames"]
    """Root mean squares over the force components of a frame [kJ/mol/nm]."""

    def rank_correlations(self) -> tuple[float, float]:
        """Spearman's of predicted and actual deviations, of forces and of energies."""
        return float(spearmanr(*self.force).statistic), float(spearmanr(*self.energy).statistic)

    @classmethod
    def joined(cls, parts: Sequence["FrameDeviations"]) -> "FrameDeviations":
        """Those of several sets of frames."""
        return cls(
            np.concatenate([own.energy for own in parts], axis=1), np.concatenate([own.force for own in parts], axis=1)
        )


def frame_deviations(fitted: BenchmarkModel, frames: Frames) -> FrameDeviations:
    """Deviations that the posterior of a linear fit predicts, and the actual ones."""
    assert frames.forces is not None
    result = fitted.result
    energy, force = result.posteriors[0].deviations(result.force_field, frames.positions)
    energies, forces = predict(result.force_field, frames.positions)
    energy_error = np.abs(energies + result.energy_offset - frames.energies)
    force_error = np.sqrt(((forces - frames.forces) ** 2).mean((1, 2)))
    return FrameDeviations(np.stack([energy, energy_error]), np.stack([force, force_error]))
