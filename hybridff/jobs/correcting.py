"""Kernels added to a model, from checked data to a model with its errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridff.corrections.select import LOCAL
from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import Errors
from hybridff.frames.dataset import Split
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.material import CorrectionTask, check_uncorrected
from hybridff.hybrid.result import Corrected
from hybridff.jobs.fitting import atoms_of_kernels, errors_of_parts, outcome
from hybridff.jobs.job import CorrectionJob, plain_options
from hybridff.jobs.provenance import provenance
from hybridff.jobs.reading import Data, parts_of, split_frames, split_of
from hybridff.progress import Progress, Say, quiet, silent


@dataclass(frozen=True, eq=False)
class CorrectedMolecule:
    """All that a correction did to a model."""

    job: CorrectionJob
    model: SavedModel
    data: Data
    split: Split
    start: ForceField
    """Force field of the model without the correction."""
    before: dict[str, Errors]
    """Errors of the model without the correction on the training, validation and test frames that there are."""
    after: dict[str, Errors]
    """Errors of the corrected model on the same frames."""
    result: Corrected

    @property
    def seconds(self) -> float:
        """Time of the correction, without the stability gate [s]."""
        return self.result.seconds


def correct_data(
    saved: SavedModel,
    data: Data,
    job: CorrectionJob,
    *,
    posterior: Posterior | None = None,
    say: Say = quiet,
    progress: Progress = silent,
) -> CorrectedMolecule:
    """Add kernels to a model, on the atoms that the job names: see ``chosen_atoms``.

    Without a split of the job, frames that the model was fitted to train the kernels too, and those that tested it test
    the result, if they are of the same files; other data are split anew. With the ``posterior`` of the model's fit, its
    coefficients are solved for together with the kernels.

    Raises ``InputError`` where no correction is asked for, and where kernels alone would leave atoms out; ``FitError``
    for a model that has kernels.
    """
    check_uncorrected(saved.force_field)
    rows = _rows(saved, data, job, say)
    parts = parts_of(data.frames, rows)
    atoms = atoms_of_kernels(job.correction, data.molecule, parts["train"].positions)
    _check(atoms, data, alone=job.alone)
    task = CorrectionTask(
        force_field=saved.force_field.without_terms() if job.alone else saved.force_field,
        frames=parts["train"],
        validation=parts.get("validation"),
        atoms=atoms,
        options=job.kernels,
        posterior=None if job.alone else posterior,
        together=LOCAL in job.correction,
        seed=0 if job.split is None else job.split.seed,
    )
    result = correct_stable(task, job.gate, say=say, progress=progress)
    before = errors_of_parts(saved.force_field, parts, saved.energy_offset)
    after = errors_of_parts(result.force_field, parts, result.energy_offset)
    own = provenance(data.files)
    about = {
        **saved.provenance,
        **own,
        "inputs": {**saved.provenance.get("inputs", {}), **own["inputs"]},
        "corrections": list(job.correction),
        "correction options": plain_options(job.kernels) | {"alone": job.alone},
        "corrected": list(result.sentences()),
        **outcome(data, rows, before, after),
    }
    if result.report is not None:
        about["stability"] = list(result.report.sentences())
    model = SavedModel(result.force_field, result.energy_offset, about)
    return CorrectedMolecule(job, model, data, rows, saved.force_field, before, after, result)


def _rows(saved: SavedModel, data: Data, job: CorrectionJob, say: Say) -> Split:
    """The split that the job asks for, else that of the model's fit, else a new one."""
    own = split_of(saved, data)
    rows = own if job.split is None and own is not None else split_frames(data.frames, job.split)
    if own is not None and not job.alone:
        seen = len(np.intersect1d(own.train, np.concatenate([rows.validation, rows.test])))
        if seen:
            say(
                f"Note: {seen} of the validation and test frames trained the model's own terms: errors on them look "
                "better than they are."
            )
    return rows


def _check(atoms: Sequence[tuple[int, ...]], data: Data, *, alone: bool) -> None:
    if not atoms:
        raise InputError(
            "a correction is all, local, auto, n-pi-star, or atom numbers such as 1,2,8; name at least one."
        )
    left_out = set(range(len(data.molecule.numbers))) - {atom for group in atoms for atom in group}
    if alone and left_out:
        names = ", ".join(data.molecule.label(atom) for atom in sorted(left_out))
        raise InputError(f"option alone: no kernel is on {names}, which nothing would hold; take correction all.")
