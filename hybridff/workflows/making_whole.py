"""A force field from labels of a molecule: start, choose, label, fit, and again, until the predicted error is small."""

from functools import partial
from pathlib import Path
from time import perf_counter

from hybridff.making.choice import choose
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.rounds import ROUNDS_OF_EXTENSION, Chosen, outcome_file, read_extensions, read_outcome
from hybridff.making.start import prepared_start
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.units import FORCE_KCAL
from hybridff.workflows.making_rounds import Made, Rounds

_START = 0.1
"""What the progress is once the start is made: charges, and what a cheap level teaches."""


def make_whole(folder: MakeFolder, job: MakeJob, *, say: Say = quiet, progress: Progress = silent) -> Made:
    """Make a force field of the molecule of a folder from labels of it, as far as that is not done.

    Raises ``InputError`` for what cannot be used, and ``FitError`` where too few geometries can be labelled.
    """
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
