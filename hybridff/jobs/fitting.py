"""A fit from checked data to models with their errors: start, terms, fit, stability gate, kernels, evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.corrections.select import chosen_atoms
from hybridff.errors import FitError, InputError
from hybridff.export.modelfile import SavedModel
from hybridff.fitting.both_errors import rise_sentences
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.refit_until_stable import StableFit, fit_stable
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.frames.dataset import Frames, Split
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import programs_of, starting_parameters
from hybridff.hybrid.result import Corrected
from hybridff.jobs.job import FitJob
from hybridff.jobs.kernels import check_kernels, kernels_beside, task_of
from hybridff.jobs.pretraining import Pretraining, Untaught, pretrained, with_level
from hybridff.jobs.provenance import provenance
from hybridff.jobs.reading import Data, parts_of, split_frames
from hybridff.jobs.starting import form_at_start
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.stability.gate import StabilityReport

_PRETRAINING, _FIT = 0.5, 0.5
"""Shares of the progress that pre-training takes, and the fit of what is left, where there are kernels."""


@dataclass(frozen=True, eq=False)
class FittedMolecule:
    """All that a fit did to one molecule."""

    job: FitJob
    model: SavedModel
    data: Data
    split: Split
    start: ForceField
    """Force field that the fit began from, in GAFF's own form."""
    untaught: ForceField
    """The form that was fitted, as the start has it: before a cheap level taught anything."""
    before: dict[str, Errors]
    """Errors of the starting force field on the training, validation and test frames that there are."""
    after: dict[str, Errors]
    """Errors of the model on the same frames."""
    result: FitResult
    stability: StabilityReport | None
    """Verdict of the gate; None where none was asked for."""
    remarks: tuple[str, ...]
    """What had to be done to pass the gate."""
    posterior: Posterior | None
    """Posterior of this molecule's coefficients, if the form is linear in them."""
    correction: Corrected | None = None
    """What became of the kernels that were asked for."""
    unseen: str = ""
    """A sentence on conformers that no training frame shows, if there are such."""
    pretraining: Pretraining | None = None
    """What a cheap level had taught the molecule before the fit, if that was asked for."""

    @property
    def seconds(self) -> float:
        """Time of the fit and its kernels, without charges and the stability gate [s]."""
        return self.result.seconds + (0.0 if self.correction is None else self.correction.seconds)


@dataclass(frozen=True, eq=False)
class _Member:
    """One molecule before the fit."""

    data: Data
    split: Split
    parts: dict[str, Frames]
    stock: ForceField
    parameters: ClassOneParameters
    """Stock parameters."""
    force_field: ForceField
    """The form that is fitted, at its start."""
    untaught: ForceField
    """The start before a cheap level taught anything."""
    kernel_atoms: list[tuple[int, ...]]
    pretraining: Pretraining | None = None

    @property
    def validation(self) -> Frames:
        return self.data.frames.subset(self.split.validation)


def fit_data(
    data: Sequence[Data], job: FitJob | None = None, *, say: Say = quiet, progress: Progress = silent
) -> list[FittedMolecule]:
    """Fit the molecules of ``data`` together, let them pass the stability gate, and evaluate before and after.

    Kernels are solved together with the coefficients of a form that is linear.

    Raises ``FitError`` for data without forces, and ``InputError`` for kernels on atoms that are not there.
    """
    job = job or FitJob()
    for item in data:
        if item.frames.forces is None:
            names = ", ".join(map(str, item.files))
            notes = item.frames.notes or ("calculate them at the same level of theory.",)
            raise FitError(f"{names}: the data have no forces, which a fit needs; {notes[-1]}")
    members = [_member(item, job, say) for item in data]
    begin, most = 0.0, max(len(member.split.train) for member in members)
    teaching = with_level(job, members[0].force_field, most)
    for member in members:
        if member.kernel_atoms:  # before the fit, which takes longer than to see that a correction cannot be
            name, taught = member.force_field.molecule.name, teaching.pretraining.teaches_kernels
            check_kernels(name, member.parts["train"], member.validation, member.kernel_atoms, taught=taught)
    if teaching.pretraining.pretrain != "none":
        members, begin = _taught(members, teaching, say, part(progress, 0.0, _PRETRAINING)), _PRETRAINING
    share = begin + (1.0 - begin) * (_FIT if any(member.kernel_atoms for member in members) else 1.0)
    stable = fit_stable(
        [(member.force_field, member.parts["train"]) for member in members],
        job.fit,
        [member.validation for member in members],
        job.gate,
        part(progress, begin, share, "fit"),
        say,
    )
    kernels = part(progress, share, 1.0, "kernels")
    return [_fitted(member, i, members, stable, job, say, kernels) for i, member in enumerate(members)]


def atoms_of_kernels(
    corrections: Sequence[str], molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]
) -> list[tuple[int, ...]]:
    """The sets of atoms that all corrections name, see ``chosen_atoms``; none for "none".

    Raises ``InputError`` where "none" stands beside another.
    """
    if "none" in corrections and len(corrections) > 1:
        raise InputError("correction none stands alone; leave it or the others out.")
    return [atoms for text in corrections if text != "none" for atoms in chosen_atoms(text, molecule, positions)]


def errors_of_parts(force_field: ForceField, parts: dict[str, Frames], offset: float | None) -> dict[str, Errors]:
    """Errors on each part of the frames, with an energy offset [kJ/mol], or with that of the training frames."""
    if offset is None:
        offset = evaluate(force_field, parts["train"]).energy_offset
    return {name: evaluate(force_field, frames, offset) for name, frames in parts.items()}


def outcome(data: Data, rows: Split, before: dict[str, Errors], after: dict[str, Errors]) -> dict[str, Any]:
    """Which frames did what, which were renumbered, and the errors, for the provenance.

    Rows count from 0: those of a split among the usable frames, those that were renumbered among all.
    """
    renumbered = [one.frame for one in data.report.renumbered]
    return {
        "frames": {name: sorted(getattr(rows, name).tolist()) for name in rows._fields},
        **({"renumbered frames": renumbered} if renumbered else {}),
        "errors before": {name: errors.in_field_units() for name, errors in before.items()},
        "errors after": {name: errors.in_field_units() for name, errors in after.items()},
    }


def _member(item: Data, job: FitJob, say: Say) -> _Member:
    """A molecule with charges, types and terms, as the fit begins."""
    rows = split_frames(item.frames, job.split)
    parts = parts_of(item.frames, rows)
    lowest = rows.train[np.argmin(item.frames.energies[rows.train])]
    placed = replace(item.molecule, positions=item.frames.positions[lowest])
    say(f"{placed.name}: charges and atom types …")
    parameters = starting_parameters(placed, job.starting)
    stock = ForceField.build(placed, parameters)
    force_field = form_at_start(placed, parameters, job, parts["train"].positions)
    for row in job.form.unmatched(force_field.parameter_table):
        say(f"Note: {placed.name}: nothing in the molecule fits the row {row!r} of {job.form.form}.")
    atoms = atoms_of_kernels(job.correction, placed, parts["train"].positions)
    return _Member(item, rows, parts, stock, parameters, force_field, force_field, atoms)


def _taught(members: list[_Member], job: FitJob, say: Say, progress: Progress) -> list[_Member]:
    """The molecules with what a cheap level has taught them as the start of the fit."""
    untaught = [
        Untaught(own.stock.molecule, own.parameters, own.parts["train"], tuple(own.kernel_atoms)) for own in members
    ]
    found = pretrained(untaught, job, say, progress)
    return [replace(own, force_field=one.force_field, pretraining=one) for own, one in zip(members, found, strict=True)]


def _fitted(
    member: _Member, i: int, members: list[_Member], stable: StableFit, job: FitJob, say: Say, progress: Progress
) -> FittedMolecule:
    """What the fit made of one molecule, with its kernels."""
    result, name = stable.result, member.data.molecule.name
    force_field, offset = result.force_fields[i], result.energy_offsets[i]
    report = stable.reports[i] if stable.reports else None
    posterior = result.posteriors[i] if result.posteriors else None
    unseen = result.unseen[i] if result.unseen else ""
    before = errors_of_parts(member.stock, member.parts, None)
    if unseen:
        say(f"Note: {name}: {unseen}")
    correction = None
    if member.kernel_atoms:
        validation = member.parts.get("validation")
        task = task_of(job, force_field, posterior, member.parts["train"], validation, member.kernel_atoms)
        share = part(progress, i / len(members), (i + 1) / len(members))
        correction = kernels_beside(member.force_field, task, job, say=say, progress=share)
    if correction is not None:
        force_field, offset = correction.force_field, correction.energy_offset
        report = correction.report or report
    after = errors_of_parts(force_field, member.parts, offset)
    risen = rise_sentences([(member.stock, member.parts["train"])], [force_field])
    for sentence in risen:
        say(f"Note: {sentence}")
    about = {
        **provenance(_files(members, job)),
        "programs": programs_of(job.starting),
        "options": job.model_options(),
        "prior scale": result.prior_scale,
        "theory": member.data.frames.theory,
        "fitted together with": [other.data.molecule.name for other in members if other is not member],
        **outcome(member.data, member.split, before, after),
    }
    if correction is not None:
        about["corrected"] = list(correction.sentences())
    if force_field.corrections or correction is not None:
        about["corrections"] = list(job.correction)
    if report is not None:
        about["stability"] = [*stable.remarks, *report.sentences()]
    about |= {"risen": risen} if risen else {}
    about |= {"unseen": unseen} if unseen else {}
    about |= {} if member.pretraining is None else {"pretrained": list(member.pretraining.sentences())}
    return FittedMolecule(
        job=job,
        model=SavedModel(force_field, offset, about),
        data=member.data,
        split=member.split,
        start=member.stock,
        untaught=member.untaught,
        before=before,
        after=after,
        result=result,
        stability=report,
        remarks=stable.remarks,
        posterior=posterior,
        correction=correction,
        unseen=unseen,
        pretraining=member.pretraining,
    )


def _files(members: list[_Member], job: FitJob) -> list[Path]:
    """Everything that was read: data, the molecule's own file, the start's and the form's."""
    own = [] if job.molecule is None or len(job.molecule) >= 256 else [Path(job.molecule)]
    data = [file for member in members for file in member.data.files]
    return [
        *data,
        *(path for path in own if path.is_file()),
        *job.starting.files,
        *job.form.files,
        *job.pretraining.files,
    ]
