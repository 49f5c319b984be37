"""A force field of a large molecule from labels of its pieces: each made, all fitted together, the whole checked."""

from dataclasses import replace
from time import perf_counter

from hybridff.errors import FitError, HybridFFError
from hybridff.export.modelfile import FILE_NAME
from hybridff.fitting.posterior import POSTERIOR
from hybridff.frames.accuracy import evaluate
from hybridff.frames.checks import usable_frames
from hybridff.frames.dataset import Frames
from hybridff.frames.geometries import Geometries
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.jobs.parameter_sets import AppliedSet, model_by_set
from hybridff.jobs.set_files import write_set
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob, PiecesOptions
from hybridff.making.pieces import JointStart, LabelledPiece, joint_start
from hybridff.making.rounds import Chosen, read_chosen, test_file, write_chosen
from hybridff.making.sampling import independent_frames
from hybridff.making.start import charged
from hybridff.making.summary import FILE_NAME as SUMMARY
from hybridff.making.summary import Summary
from hybridff.molecules.pieces import Piece
from hybridff.output import files_of_folder, new_folder
from hybridff.progress import Progress, Say, part, parts, quiet, silent
from hybridff.report.applied_sets import applied_document
from hybridff.report.pieces import Whole, pieces_sections
from hybridff.stability.gate import StabilityOptions, StabilityReport, check_stability
from hybridff.workflows.folder import write_documented
from hybridff.workflows.labelling import LabelOptions, label_geometries
from hybridff.workflows.making_rounds import Made, labels_of, too_few_left
from hybridff.workflows.making_whole import make_whole

PIECES, SET = "pieces", "set"
"""Names of the folders of the pieces and of the parameter set of all of them."""
_FACTORS = (0.5, 0.5, 0.4, 1.0)
"""Factor by which the priors of the next fit are narrower where the whole molecule is not stable."""
_LABELLED, _FITTED = 0.7, 0.85
"""What the progress is once the pieces are made, and once they are fitted together."""


def make_from_pieces(
    folder: MakeFolder, pieces: list[Piece], job: MakeJob, *, say: Say = quiet, progress: Progress = silent
) -> Made:
    """Make a force field of the molecule of a folder from labels of its pieces, as far as that is not done.

    Raises ``FitError`` where a piece cannot be made or the whole cannot be labelled, and ``InputError`` as
    ``make_force_field`` does.
    """
    say(f"{folder.molecule.name} is made from its pieces: {', '.join(own.molecule.name for own in pieces)}.")
    summaries = _made_pieces(folder, pieces, job, say, part(progress, 0.0, _LABELLED, "pieces"))
    n_labels = sum(own.n_train for own in summaries.values())
    known = Summary.read(folder.path)
    if known is not None and known.n_train == n_labels and (folder.path / FILE_NAME).is_file():
        return Made(folder.path, known, ())
    begin = perf_counter()
    labelled = [LabelledPiece.read(folder.path / PIECES / name) for name in summaries]
    joint = joint_start(labelled, folder.level, job, say=say, progress=part(progress, _LABELLED, _FITTED))
    start = charged(folder.molecule, job.start, folder.start, say)
    applied, report = stable_whole(folder, joint, job.gate.stability, start, say)
    force_field = applied.model.force_field
    seconds, begin = perf_counter() - begin, perf_counter()
    test, label_seconds = _checked(folder, applied, job, say, part(progress, _FITTED, 1.0))
    wall = perf_counter() - begin
    stock = ForceField.build(force_field.molecule, starting_parameters(force_field.molecule, start))
    before, after = evaluate(stock, test), evaluate(force_field, test)
    energy, force = applied.posterior.predicted_errors(force_field, test.positions)
    assert after.force_rmse is not None
    summary = Summary(
        name=folder.molecule.name,
        rounds=0,
        n_train=n_labels,
        n_test=len(test),
        predicted_energy=energy,
        predicted_force=force,
        actual_energy=after.energy_rmse,
        actual_force=after.force_rmse,
        stable=None if report is None else report.passed,
        label_seconds=label_seconds + sum(own.label_seconds for own in summaries.values()),
        wall_seconds=wall + sum(own.wall_seconds for own in summaries.values()),
        other_seconds=seconds + sum(own.other_seconds for own in summaries.values()),
    )
    whole = Whole(folder.level, job.parts.check_level or folder.level, before, after, summary, report)
    document = applied_document(applied, alone=False)
    sections = pieces_sections(folder.molecule, pieces, summaries, whole)
    first, *others = document.sections
    title, lead = (
        f"{summary.name}: made from its pieces",
        f"A class2 force field of {summary.name} by labels of its pieces.",
    )
    document = replace(document, title=title, lead=lead, sections=(*sections, first, *others))
    with files_of_folder(folder.path, last=SUMMARY) as place:
        write_documented(applied.model, document, place)
        applied.posterior.write(place / POSTERIOR)
        summary.write(place)
    return Made(folder.path, summary, ())


def _made_pieces(
    folder: MakeFolder, pieces: list[Piece], job: MakeJob, say: Say, progress: Progress
) -> dict[str, Summary]:
    """A force field of each piece, each in a folder of its own, in numbers."""
    own_job, found = replace(job, parts=PiecesOptions(pieces="no"), report="brief"), {}
    for number, (piece, share) in enumerate(zip(pieces, parts(progress, [1] * len(pieces)), strict=True), start=1):
        name = f"piece-{number}"
        try:
            own = MakeFolder.opened(folder.path / PIECES / name, piece.molecule, folder.level, own_job)
            found[name] = make_whole(own, own_job, say=say, progress=share).summary
        except HybridFFError as error:
            raise FitError(f"{name} of {folder.molecule.name}, {piece.molecule.name}: {error}") from error
        say(found[name].sentence)
    return found


def stable_whole(
    folder: MakeFolder, joint: JointStart, gate: StabilityOptions | None, start: StartOptions, say: Say = quiet
) -> tuple[AppliedSet, StabilityReport | None]:
    """The whole molecule by a set of its pieces, with the gate's verdict where there is a gate.

    The set is fitted again with narrower priors as long as the whole does not pass, a few times at most, and written
    into the folder. Raises as fits and ``model_by_set`` do.
    """
    name, scale = folder.molecule.name, None
    for factor in _FACTORS:
        say(f"{name}: one fit to all {sum(len(own.train) for own in joint.pieces)} labels of its pieces …")
        result = joint.fit(scale)
        saved = joint.saved_set(result)
        with new_folder(folder.path / SET, overwrite=True) as place:
            write_set(saved, place)
        found = model_by_set(saved, folder.path / SET, folder.molecule, start)
        if gate is None:
            return found, None
        say(f"{name}: stability gate …")
        report = check_stability(found.model.force_field, gate)
        if report.passed:
            break
        scale = factor * result.prior_scale
    return found, report


def _checked(
    folder: MakeFolder, applied: AppliedSet, job: MakeJob, say: Say, progress: Progress
) -> tuple[Frames, float]:
    """Labels of the whole from the model's own dynamics at 300 K, and the time that they took [s]."""
    path, level = test_file(folder.path), job.parts.check_level or folder.level
    if not path.is_file():
        positions = independent_frames(applied.model.force_field, job.parts.check, job.choosing.seed)
        forces = applied.posterior.deviations(applied.model.force_field, positions)[1]
        write_chosen(path, Chosen.independent(positions, forces))
    positions = read_chosen(path).positions
    again = too_few_left(folder.test, positions, 2)
    options = LabelOptions(
        options=job.labelling.options if level == folder.level else None,
        processes=job.labelling.processes,
        scheduler=job.labelling.scheduler,
        retry=again,
    )
    say(f"{folder.molecule.name}: {len(positions)} frames of dynamics to label at {level} …")
    given = Geometries(folder.molecule.numbers, positions, folder.molecule.name, folder.molecule)
    label_geometries(given, level, folder.test, options, say=say, progress=progress)
    found, seconds = labels_of(folder.test, positions)
    return usable_frames(found, folder.molecule, where=str(folder.test))[0], seconds
