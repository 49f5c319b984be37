"""A force field from a molecule alone: labelled whole, or in pieces where it is large."""

from dataclasses import replace
from pathlib import Path

from hybridff.jobs.reading import read_structure
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.pieces import wanted_pieces
from hybridff.molecules.completing import isomer_note, leaves_stereochemistry_open, with_stereochemistry
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.reference.level import Species, labeller_of
from hybridff.reference.levels import level_of
from hybridff.workflows.labelling import level_options
from hybridff.workflows.making_pieces import make_from_pieces
from hybridff.workflows.making_rounds import Made
from hybridff.workflows.making_whole import make_whole


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
        say(isomer_note(own))
    labeller_of(level_of(level, level_options(level, job.labelling.options)), Species.of(own))
    pieces = wanted_pieces(own, level, job)
    if pieces and job.parts.check_level is not None:
        labeller_of(level_of(job.parts.check_level), Species.of(own))
    job = replace(job, parts=replace(job.parts, pieces="yes" if pieces else "no"))
    folder = MakeFolder.opened(Path(out), own, level, job)
    job = replace(job, pretrain=folder.job.pretrain)
    if pieces:
        return make_from_pieces(folder, pieces, job, say=say, progress=progress)
    return make_whole(folder, job, say=say, progress=progress)
