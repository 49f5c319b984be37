"""A large molecule made from labels of its pieces: one fit to all of them, whose rows the whole molecule shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridff.errors import InputError
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.fitting.refit_until_stable import StableFit, fit_stable
from hybridff.fitting.shared_parameters import common_parameters
from hybridff.frames.checks import usable_frames
from hybridff.frames.dataset import Frames
from hybridff.frames.label_folder import LabelFolder, read_labels
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import starting_parameters
from hybridff.jobs.job import FitJob
from hybridff.jobs.pretraining import Pretraining, Untaught, pretrained
from hybridff.jobs.provenance import provenance
from hybridff.jobs.set_files import SavedSet
from hybridff.jobs.starting import form_at_start
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.start import charged
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.pieces import MOST, Piece, pieces_of
from hybridff.progress import Progress, Say, part, quiet, silent

_LARGEST = 2 / 3
"""Part of a molecule's atoms that a piece may have, for cutting to be worth it."""
_TEACHING = 0.6
"""What the progress of a set is once a cheap level has taught it."""


@dataclass(frozen=True, eq=False)
class LabelledPiece:
    """A piece with its labels."""

    folder: Path
    """The folder in which its own force field was made."""
    molecule: Molecule
    """The piece at the geometry that its charges are of."""
    parameters: ClassOneParameters
    """Stock GAFF."""
    train: Frames
    """Labels that its own fit had."""
    test: Frames
    """Labels of the test of that fit."""

    @classmethod
    def read(cls, path: Path) -> "LabelledPiece":
        """The piece of a folder in which a force field was made to the end."""
        folder = MakeFolder.read(path)
        placed = folder.molecule.placed()
        parameters = starting_parameters(placed, charged(placed, folder.job.start, folder.start))
        train, test = (_usable(own, folder.molecule) for own in (folder.labels, folder.test))
        return cls(path, placed, parameters, train, test)


@dataclass(frozen=True, eq=False)
class JointFit:
    """One fit to the labels of all pieces."""

    saved: SavedSet
    """The parameter set that it gives."""
    stable: StableFit
    """The fit, with what the gate says of each piece."""


def wanted_pieces(molecule: Molecule, job: MakeJob) -> list[Piece]:
    """The pieces that a force field of a molecule is made from; none where it is made whole.

    Raises ``InputError`` where pieces are asked for and there are none, and for options that go with the whole only.
    """
    wanted, n_atoms = job.parts.pieces, len(molecule.numbers)
    if wanted == "no" or (wanted == "auto" and n_atoms <= MOST):
        return []
    found = pieces_of(molecule)
    if not found and wanted == "yes":
        raise InputError(
            f"{molecule.name} has no pieces: bonds are cut that are single, in no ring and no conjugated group, and "
            "next to a saturated carbon, and it has too few of them; leave pieces out."
        )
    if wanted == "auto" and found and len(found[0].molecule.numbers) > _LARGEST * n_atoms:
        return []
    if found and job.correction:
        raise InputError("option correction is for molecules that are labelled whole; leave it out, or give pieces no.")
    if found and job.start.start is not None:
        raise InputError("option start is for molecules that are labelled whole; leave it out, or give pieces no.")
    return found


def joint_fit(
    pieces: Sequence[LabelledPiece], level: str, job: MakeJob, *, say: Say = quiet, progress: Progress = silent
) -> JointFit:
    """Fit all pieces together, rows shared by environment; from what a cheap level teaches, where the job has one.

    Labels of the tests scale the deviations that are predicted. Raises ``FitError`` as fits do.
    """
    form = FormOptions(form="class2", share="environment")
    fit_job = FitJob(start=job.start, fit=job.fit, gate=job.gate, form=form, pretraining=job.pretraining(level))
    forms = [form_at_start(own.molecule, own.parameters, fit_job, own.train.positions) for own in pieces]
    taught: list[Pretraining] = []
    if fit_job.pretraining.pretrain != "none":
        untaught = [Untaught(own.molecule, own.parameters, own.train) for own in pieces]
        taught = pretrained(untaught, fit_job, say, part(progress, 0.0, _TEACHING))
    pairs = (
        [(own.force_field, piece.train) for own, piece in zip(taught, pieces, strict=True)]
        if taught
        else [(form, piece.train) for form, piece in zip(forms, pieces, strict=True)]
    )
    say(f"one fit to {sum(len(own.train) for own in pieces)} labels of {len(pieces)} pieces …")
    tests = [own.test for own in pieces]
    stable = fit_stable(pairs, job.fit, tests, job.gate, part(progress, _TEACHING if taught else 0.0, 1.0, "fit"), say)
    origin = common_parameters(forms)[0] if taught else None
    about = {
        **provenance([file for own in pieces for file in (own.folder / "labels", own.folder / "test")]),
        "options": fit_job.model_options(),
        "molecules": {own.molecule.name: own.molecule.smiles for own in pieces},
        **({"pretrained": [text for own in taught for text in own.sentences()]} if taught else {}),
    }
    found = ParameterSet.of_fit(stable.result, origin)
    return JointFit(SavedSet(found, job.start.gaff, job.start.charges, about), stable)


def _usable(path: Path, molecule: Molecule) -> Frames:
    """Labels of a folder that can be used."""
    folder = LabelFolder.read(path)
    labelled, _ = folder.done()
    frames, _ = read_labels(folder, sorted(labelled))
    return usable_frames(frames, molecule, where=str(path))[0]
