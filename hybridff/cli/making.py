"""``hybridff make`` and ``hybridff extend``: force fields from a molecule alone."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.cli.common import Flat
from hybridff.cli.terminal import progress, say, show
from hybridff.document.blocks import Document, Section
from hybridff.jobs.reading import read_structure
from hybridff.making.job import ChoosingOptions, MakeJob, PiecesOptions
from hybridff.molecules.lists import listed_molecules
from hybridff.molecules.pieces import pieces_of
from hybridff.output import new_file
from hybridff.reference.level_options import LevelOptions
from hybridff.reference.levels import KNOWN
from hybridff.report.pieces import pieces_table
from hybridff.workflows.extending import extend_force_field
from hybridff.workflows.making import make_force_field
from hybridff.workflows.making_several import make_force_fields

for _kind in (ChoosingOptions, LevelOptions, PiecesOptions, MakeJob):
    Flat(_kind)


def make(
    molecule: str,
    /,
    *,
    level: Annotated[str, Parameter(help=f"Level of theory of the labels: {KNOWN}.")],
    out: Annotated[Path, Parameter(help="Folder of the model, its labels and rounds; made, or gone on with.")],
    job: Annotated[MakeJob | None, Flat] = None,
) -> None:
    """Make a force field from a molecule alone: sample, choose, label, fit, until the predicted error is small enough.

    What is done is kept, whatever ends the command: the same command goes on, and several may run at once. Exits with
    code 1 where one of several molecules fails.

    Parameters
    ----------
    molecule
        SMILES, or an SDF or MOL2 file; or a file of several molecules, each of which gets a folder of its name: a
        SMILES on each line (.smi), or an SDF file of several records.
    """
    several = listed_molecules(molecule)
    with progress("make") as advance, _kept(out):
        if several is None:
            say(make_force_field(molecule, level, out, job, say=say, progress=advance).summary.sentence)
            say(f"Written to {out}.")
            return
        found = make_force_fields(several, level, out, job, say=say, progress=advance)
    show(Document("Force fields made", (Section(f"At {level}", table=found.table()),)))
    if found.failures:
        raise SystemExit(1)


def extend(
    folder: Path,
    /,
    *,
    budget: Annotated[int, Parameter(help="Labels at most that are added.")] = 20,
    processes: Annotated[int | None, Parameter(help="Processes that label, in place of those of make.")] = None,
    scheduler: Annotated[
        str | None, Parameter(help="Dask scheduler whose cluster labels, in place of what make was given.")
    ] = None,
) -> None:
    """Label conformers that a force field of make does not know, with frames around them, and fit again.

    What is done is kept, whatever ends the command: the same command goes on.

    Parameters
    ----------
    folder
        Folder in which make has ended.
    """
    with progress("extend") as advance, _kept(folder):
        found = extend_force_field(folder, budget, processes=processes, scheduler=scheduler, say=say, progress=advance)
        say(found.summary.sentence)
    say(f"Written to {folder}.")


def pieces(
    molecule: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="File for their SMILES and names, .smi, which make reads.")] = None,
) -> None:
    """The overlapping pieces that make labels in place of a large molecule.

    Parameters
    ----------
    molecule
        SMILES, or an SDF or MOL2 file.
    """
    whole = read_structure(molecule).molecule
    found = pieces_of(whole)
    if not found:
        say(f"{whole.name} has no pieces: too few of its bonds may be cut. make labels it whole.")
        return
    show(Document(f"Pieces of {whole.name}", (Section("Pieces", table=pieces_table(found)),)))
    if out is not None:
        with new_file(out) as part:
            lines = [f"{own.molecule.name} piece-{number}\n" for number, own in enumerate(found, start=1)]
            part.write_text("".join(lines), encoding="utf-8")
        say(f"Written to {out}.")


@contextmanager
def _kept(out: Path) -> Iterator[None]:
    """Say that what is done is kept, where the command is interrupted."""
    try:
        yield
    except KeyboardInterrupt as stop:
        say(f"interrupted; what is done is kept in {out}: the same command goes on.")
        raise SystemExit(128 + (stop.args[0] if stop.args else signal.SIGINT)) from None
