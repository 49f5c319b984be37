"""A fit to the labels of a round, with what it knows of itself: errors that it predicts of any geometry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hybridff.fitting.left_out import LeftOutErrors, left_out_errors
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import predict
from hybridff.frames.checks import usable_frames
from hybridff.frames.dataset import Frames, Split, joined
from hybridff.gaff.forcefield import ForceField
from hybridff.jobs.fitting import FittedMolecule, errors_of_parts, fit_data, outcome
from hybridff.jobs.job import FitJob
from hybridff.jobs.options import DataOptions, SplitOptions
from hybridff.jobs.provenance import provenance
from hybridff.jobs.reading import Data, parts_of
from hybridff.making.start import Start
from hybridff.progress import Progress, Say, quiet, silent


@dataclass(frozen=True, eq=False)
class Learnt:
    """A fit to some labels."""

    fitted: FittedMolecule
    """The fit."""
    left_out: LeftOutErrors
    """Errors of training frames, each by a fit without it."""
    posterior: Posterior
    """What is known of the coefficients, its deviations scaled by these errors."""

    @property
    def force_field(self) -> ForceField:
        """The force field."""
        return self.fitted.model.force_field

    @property
    def stable(self) -> bool | None:
        """Whether it passed the stability gate; None without one."""
        return None if self.fitted.stability is None else self.fitted.stability.passed

    def predicted_errors(self, positions: Float[np.ndarray, "frames atoms 3"]) -> tuple[float, float]:
        """Root mean square of the errors predicted of energies [kJ/mol] and forces [kJ/mol/nm] of geometries [nm]."""
        return self.posterior.predicted_errors(self.force_field, positions)

    def force_error(self, frames: Frames) -> float:
        """Root mean square error of the forces of labelled frames [kJ/mol/nm]."""
        _, forces = predict(self.force_field, frames.positions)
        return float(np.sqrt(np.mean((forces - frames.forces) ** 2)))


def learnt_from(start: Start, labels: Frames, folder: Path, *, say: Say = quiet, progress: Progress = silent) -> Learnt:
    """Fit the form of a start to labels, which are in a folder; raises as ``fit_data`` does."""
    usable, report = usable_frames(labels, start.molecule, where=str(folder))
    job = replace(start.fit_job, split=SplitOptions(train=len(usable), validation=0, in_order=True))
    data = Data(start.molecule, usable, report, (folder,), DataOptions())
    (fitted,) = fit_data([data], job, say=say, progress=progress)
    assert fitted.posterior is not None, "the form is linear in its coefficients"
    found = left_out_errors(fitted.posterior, fitted.model.force_field, usable, fitted.result.noise)
    posterior = replace(fitted.posterior, scale=found.scale)
    return Learnt(replace(fitted, posterior=posterior), found, posterior)


def with_test(learnt: Learnt, test: Frames, folders: Sequence[Path], job: FitJob | None = None) -> FittedMolecule:
    """The fit with frames that nothing was fitted to as its test; ``folders`` are of its labels and of these."""
    fitted = learnt.fitted
    usable, report = usable_frames(test, fitted.model.force_field.molecule, where=str(folders[-1]))
    frames, n_train = joined([fitted.data.frames, usable]), len(fitted.data.frames)
    rows = Split(np.arange(n_train), np.arange(0), np.arange(n_train, len(frames)))
    parts = parts_of(frames, rows)
    before = errors_of_parts(fitted.start, parts, None)
    after = errors_of_parts(fitted.model.force_field, parts, fitted.model.energy_offset)
    own = fitted.data.report
    whole = replace(own, n_frames=own.n_frames + report.n_frames, n_used=own.n_used + report.n_used)
    data = replace(fitted.data, frames=frames, report=whole, files=tuple(folders))
    inputs = provenance([*folders, *fitted.job.starting.files, *fitted.job.pretraining.files])
    about = {**fitted.model.provenance, **inputs, **outcome(data, rows, before, after)}
    model = replace(fitted.model, provenance=about)
    return replace(fitted, job=job or fitted.job, model=model, data=data, split=rows, before=before, after=after)
