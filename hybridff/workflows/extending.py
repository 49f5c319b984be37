"""A force field that was made, extended by labels of conformers that it does not know."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from hybridff.errors import InputError
from hybridff.export.modelfile import FILE_NAME
from hybridff.jobs.set_files import is_set
from hybridff.making.folder import MakeFolder
from hybridff.making.rounds import (
    ROUNDS_OF_EXTENSION,
    Chosen,
    Extension,
    chosen_file,
    read_chosen,
    read_extensions,
    write_extension,
)
from hybridff.making.summary import Summary
from hybridff.making.unseen import FIRST, SECOND, first_look, second_look
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.workflows.making_pieces import PIECES, SET
from hybridff.workflows.making_rounds import Made, Rounds
from hybridff.workflows.making_whole import begun


def extend_force_field(
    folder: str | Path,
    budget: int = 20,
    *,
    processes: int | None = None,
    scheduler: str | None = None,
    say: Say = quiet,
    progress: Progress = silent,
) -> Made:
    """Add conformers that no label shows to a force field of ``make_force_field``, as ``hybridff extend`` does.

    The lowest of them are relaxed by the fit and labelled with frames around them; after a fit to these, once more.
    ``budget`` labels at most are added, by ``processes`` on this machine or by the Dask cluster of a ``scheduler``; if
    neither is given, where the labels of the folder were first made. What was stopped goes on with the same call.

    Raises ``InputError`` for a folder in which no force field was made to the end, and ``FitError`` as making does.
    """
    if budget < FIRST + SECOND:
        raise InputError(f"option budget has to be at least {FIRST + SECOND}, not {budget}.")
    found = MakeFolder.read(Path(folder))
    known = Summary.read(found.path)
    if known is None or not (found.path / FILE_NAME).is_file():
        raise InputError(f"{folder} has no finished force field; run hybridff make until it ends, then extend it.")
    if is_set(found.path / SET):
        raise InputError(
            f"{folder} was made from pieces; extend the folder of a piece, such as {found.path / PIECES / 'piece-1'}, "
            "then give the command of make again."
        )
    job = found.job
    if processes is not None or scheduler is not None:
        job = replace(job, labelling=replace(job.labelling, processes=processes, scheduler=scheduler))
    extension = _extension(found.path, known.rounds + 1, budget)
    rounds = begun(found, job, say=say, progress=progress)
    number, end = extension.first, extension.first + ROUNDS_OF_EXTENSION
    while number < end and rounds.go_through(number, partial(_next, rounds, extension)):
        number += 1
    if number == extension.first:
        say(f"{known.name}: the labels show all conformers within 15 kcal/mol; there is nothing to add.")
        return rounds.finished(known.rounds)
    return rounds.finished(number - 1)


def _extension(folder: Path, first: int, budget: int) -> Extension:
    """An extension whose first round is the one after all others, or the one that has begun there."""
    begun = next((own for own in read_extensions(folder) if own.first == first), None)
    if chosen_file(folder, first).is_file():
        if begun is None:
            raise InputError(
                f"{folder} has a round of hybridff make that is not done; run make until it ends, then extend it."
            )
        if begun.budget != budget:
            raise InputError(
                f"{folder} is being extended with budget {begun.budget}, not {budget}; give that one to go on."
            )
        return begun
    return Extension(first, budget)


def _next(rounds: Rounds, extension: Extension, number: int) -> Chosen | None:
    """What a round of an extension is to label."""
    learnt, known = rounds.learnt(number - 1), rounds.positions(extension.first - 1)
    assert learnt is not None
    if number == extension.first:
        found = first_look(rounds.start, learnt, known, extension.budget, rounds.seed(number))
        if found is not None:
            write_extension(rounds.path, extension)
        return found
    first = read_chosen(chosen_file(rounds.path, extension.first))
    return second_look(rounds.start, learnt, known, first, rounds.seed(number))
