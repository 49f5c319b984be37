"""A force field from a molecule alone: start, choose, label, fit, and again, until the predicted error is small."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from hybridff.jobs.reading import read_structure
from hybridff.making.choice import choose
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.rounds import ROUNDS_OF_EXTENSION, Chosen, outcome_file, read_extensions, read_outcome
from hybridff.making.start import prepared_start
from hybridff.molecules.completing import leaves_stereochemistry_open, plain_smiles, with_stereochemistry
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.reference.level import Species, labeller_of
from hybridff.reference.levels import level_of
from hybridff.units import FORCE_KCAL
from hybridff.workflows.labelling import level_options
from hybridff.workflows.making_rounds import Made, Rounds

_START = 0.1
"""What the progress is once the start is made: charges, and what a cheap level teaches."""


def make_force_field(
    molecule: str | Molecule,
    level: str,
    out: str | Path,
    job: MakeJob | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> Made:
    """Make a force field from a molecule alone, as ``hybridff make`` does, in a folder that may have been begun.

    ``molecule`` is a SMILES, the name of a file of one molecule, or a molecule that was read already; ``level`` is a
    name such as ``pbe-d3bj/def2-svp``. Labels are computed until the predicted force error of dynamics at 300 K is
    below the target, or the budget is spent. What is done is kept: the same call goes on where it ended, and several
    may work on one folder.

    Raises ``InputError`` for what cannot be used, ``MissingProgramError`` without the program of the level, and
    ``FitError`` where too few geometries can be labelled.
    """
    job, own = job or MakeJob(), molecule
    if isinstance(own, str):
        structure = read_structure(own, job.start)
        own, job = structure.molecule, replace(job, start=structure.start)
    if leaves_stereochemistry_open(own):
        own = with_stereochemistry(own)
        say(f"Note: nothing says which stereoisomer {own.name} is; {plain_smiles(own)} is taken.")
    labeller_of(level_of(level, level_options(level, job.labelling.options)), Species.of(own))
    folder = MakeFolder.opened(Path(out), own, level, job)
    job = replace(job, pretrain=folder.job.pretrain)
    rounds, number = begun(folder, job, say=say, progress=progress), 0
    while rounds.go_through(number + 1, partial(_next, rounds)):
        number += 1
    return rounds.finished(number)


def begun(folder: MakeFolder, job: MakeJob, *, say: Say = quiet, progress: Progress = silent) -> Rounds:
    """A folder with all that its first round begins with, made unless it is there."""
    begin = perf_counter()
    share, rest = part(progress, 0.0, _START, "start"), part(progress, _START, 1.0)
    start = prepared_start(folder.molecule, job, job.pretraining(folder.level), folder.start, say, share)
    return Rounds(folder, job, start, say, rest, other_seconds=perf_counter() - begin)


def _next(rounds: Rounds, number: int) -> Chosen | None:
    """What a new round is to label; None where the last one is good enough, or the budget is spent.

    Labels of an extension are of conformers that no fit knew, and confirm nothing of dynamics: with one that is good
    enough before it, too, there is nothing to do.
    """
    choosing, known = rounds.job.choosing, rounds.positions(number - 1)
    for last in {number - 1, _last_made(rounds.path, number - 1)} - {0}:
        own = read_outcome(outcome_file(rounds.path, last))
        error = own.confirmed_force
        if error is not None and error < choosing.target * FORCE_KCAL and own.stable is not False:
            return None
    wanted = min(choosing.n_batch, choosing.budget - choosing.n_test - len(known))
    if wanted < 1:
        return None
    return choose(rounds.start, rounds.learnt(number - 1), rounds.sampled(number - 1), known, choosing, wanted)


def _last_made(path: Path, number: int) -> int:
    """The last of the first rounds that is of no extension; 0 where there is none."""
    extended = {own.first + i for own in read_extensions(path) for i in range(ROUNDS_OF_EXTENSION)}
    return max((own for own in range(1, number + 1) if own not in extended), default=0)
