"""A large molecule made from labels of its pieces: one fit to all of them, whose rows the whole molecule shares."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hybridff.errors import InputError
from hybridff.fitting.fits import fit_together
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.fitting.result import FitResult
from hybridff.fitting.shared_parameters import common_parameters
from hybridff.frames.checks import usable_frames
from hybridff.frames.dataset import Frames
from hybridff.frames.label_folder import read_label_folder
from hybridff.gaff.charges import METHODS
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
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
from hybridff.progress import Progress, Say, quiet, silent

_LARGEST = 2 / 3
"""Part of a molecule's atoms that a piece may have, for cutting to be worth it."""


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
class JointStart:
    """All pieces as one fit to them begins."""

    pieces: tuple[LabelledPiece, ...]
    """The pieces with their labels."""
    job: FitJob
    """How to fit."""
    forms: tuple[ForceField, ...]
    """The fitted form of each, as stock GAFF has it."""
    taught: tuple[Pretraining, ...]
    """What a cheap level has taught each; empty without one."""

    def fit(self, prior_scale: float | None = None) -> FitResult:
        """Fit all pieces together; labels of the tests scale the deviations that are predicted.

        With a factor on all prior widths, if one is given. Raises ``FitError`` as fits do.
        """
        begun = [own.force_field for own in self.taught] or self.forms
        pairs = list(zip(begun, (own.train for own in self.pieces), strict=True))
        options = self.job.fit if prior_scale is None else replace(self.job.fit, prior_scale=prior_scale)
        return fit_together(pairs, options, [own.test for own in self.pieces])

    def saved_set(self, result: FitResult) -> SavedSet:
        """The parameter set that a fit gives, which counts from stock GAFF."""
        origin = common_parameters(self.forms)[0] if self.taught else None
        about = {
            **provenance([file for own in self.pieces for file in (own.folder / "labels", own.folder / "test")]),
            "options": self.job.model_options(),
            "prior scale": result.prior_scale,
            "molecules": {own.molecule.name: own.molecule.smiles for own in self.pieces},
            **({"pretrained": [text for own in self.taught for text in own.sentences()]} if self.taught else {}),
        }
        return SavedSet(ParameterSet.of_fit(result, origin), self.job.start.gaff, self.job.start.charges, about)


def wanted_pieces(molecule: Molecule, level: str, job: MakeJob) -> list[Piece]:
    """The pieces that a force field of a molecule is made from by labels of a level; none where it is made whole.

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
    if found:
        _check_options(molecule, level, job)
    return found


def joint_start(
    pieces: Sequence[LabelledPiece], level: str, job: MakeJob, *, say: Say = quiet, progress: Progress = silent
) -> JointStart:
    """How one fit to all pieces begins, rows shared by environment: with what a cheap level teaches, if there is one.

    Raises ``FitError`` and ``InputError`` as pre-training does.
    """
    form = FormOptions(form="class2", share="environment")
    fit_job = FitJob(start=job.start, fit=job.fit, form=form, pretraining=job.pretraining(level))
    forms = [form_at_start(own.molecule, own.parameters, fit_job, own.train.positions) for own in pieces]
    taught: list[Pretraining] = []
    if fit_job.pretraining.pretrain != "none":
        untaught = [Untaught(own.molecule, own.parameters, own.train) for own in pieces]
        taught = pretrained(untaught, fit_job, say, progress)
    return JointStart(tuple(pieces), fit_job, tuple(forms), tuple(taught))


def _check_options(molecule: Molecule, level: str, job: MakeJob) -> None:
    """Refuse options that say something of the atoms of the whole molecule, which pieces do not have."""
    taught = job.pretraining(level)
    of_the_whole = {
        "correction": bool(job.correction),
        "start": job.start.start is not None,
        "charges": job.start.start is None and job.start.charges not in METHODS,
        "pretrain": not (taught.is_level or taught.pretrain == "none"),
    }
    name = next((name for name, given in of_the_whole.items() if given), None)
    if name is not None:
        raise InputError(
            f"{molecule.name} is to be made from its pieces, and option {name} is of the whole molecule as given; "
            "choose otherwise, or give pieces no."
        )


def _usable(path: Path, molecule: Molecule) -> Frames:
    """Labels of a folder that can be used."""
    return usable_frames(read_label_folder(path), molecule, where=str(path))[0]
