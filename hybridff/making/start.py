"""What the first round begins with: charges, stock GAFF, and what a cheap level teaches before there is any label."""

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from hybridff.errors import InputError
from hybridff.export.modelfile import FILE_NAME, SavedModel, write_model
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.jobs.fitting import atoms_of_kernels
from hybridff.jobs.job import FitJob
from hybridff.jobs.options import PretrainOptions
from hybridff.jobs.pretraining import Untaught, pretrained
from hybridff.jobs.provenance import provenance
from hybridff.jobs.set_files import is_set, read_set, write_set
from hybridff.jobs.starting import form_at_start
from hybridff.making.job import MakeJob
from hybridff.making.rounds import write_text_once
from hybridff.making.sampling import TEMPERATURE, conformers_of, dynamics_of
from hybridff.molecules.molecule import Molecule
from hybridff.output import new_folder
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.levels import level_of

_CHARGES, _TAUGHT = "charges.txt", "pretrained"
"""Names of the file of charges, and of the folder of what the cheap level taught, or of the parameter set."""
_GIVEN = 100
"""Geometries of dynamics with stock GAFF around which frames of the cheap level are made."""


@dataclass(frozen=True, eq=False)
class Start:
    """What fits begin with."""

    molecule: Molecule
    """The molecule at the geometry that its charges are of."""
    stock: ForceField
    """Stock GAFF."""
    force_field: ForceField
    """The form that is fitted, as it begins: what the cheap level or a parameter set taught, or stock GAFF."""
    fit_job: FitJob
    """The fit of each round."""

    @property
    def sampler(self) -> ForceField:
        """The force field that samples before there is a fit."""
        return self.stock if self.fit_job.pretraining.pretrain == "none" else self.force_field


def prepared_start(
    molecule: Molecule,
    job: MakeJob,
    pretraining: PretrainOptions,
    folder: Path,
    say: Say = quiet,
    progress: Progress = silent,
) -> Start:
    """The start of a molecule, kept in a folder: what is there is not made again.

    Raises ``InputError`` where GAFF or the cheap level cannot describe the molecule, and for a damaged folder.
    """
    if job.correction and pretraining.pretrain == "none":
        raise InputError(
            "option correction is for kernels that a cheap level teaches, and there is none: give pretrain."
        )
    placed, options = molecule.placed(), charged(molecule, job.start, folder, say)
    parameters = starting_parameters(placed, options)
    stock = ForceField.build(placed, parameters)
    fit_job = FitJob(start=options, fit=job.fit, gate=job.gate)
    if pretraining.pretrain == "none":
        conformers = conformers_of(stock, job.choosing.seed)
        around_these = dynamics_of(stock, conformers, _GIVEN, TEMPERATURE, job.choosing.seed)
        return Start(placed, stock, form_at_start(placed, parameters, fit_job, around_these), fit_job)
    taught = folder / _TAUGHT
    if is_set(pretraining.pretrain) and not is_set(taught):
        with new_folder(taught, overwrite=True) as place:
            write_set(read_set(pretraining.pretrain), place)
    if not is_set(taught) and not (taught / FILE_NAME).is_file():
        begin = perf_counter()
        model = _taught(Start(placed, stock, stock, replace(fit_job, pretraining=pretraining)), job, say, progress)
        with new_folder(taught, overwrite=True) as place:
            write_model(model, place)
        say(f"{placed.name}: pre-training took {perf_counter() - begin:.0f} s.")
    fit_job = replace(fit_job, pretraining=PretrainOptions(pretrain=str(taught)))
    none = Frames(placed.numbers, np.zeros((0, len(placed.numbers), 3)), np.zeros(0), None)
    (found,) = pretrained([Untaught(placed, parameters, none)], fit_job)
    return Start(placed, stock, found.force_field, fit_job)


def charged(molecule: Molecule, options: StartOptions, folder: Path, say: Say = quiet) -> StartOptions:
    """Options whose charges are in a file of a folder, made unless it is there: fits of all rounds have the same.

    A start of the user's own brings its charges. Raises ``InputError`` where charges cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if options.start is not None:
        return options
    path, placed = folder / _CHARGES, molecule.placed()
    if not path.is_file():
        say(f"{molecule.name}: charges and atom types …")
        charges = starting_parameters(placed, options).nonbonded.charge
        write_text_once(path, "".join(f"{charge!r}\n" for charge in charges.tolist()))
    return replace(options, charges=str(path))


def _taught(start: Start, job: MakeJob, say: Say, progress: Progress) -> SavedModel:
    """What a cheap level teaches, from frames around dynamics of stock GAFF where frames are to be made."""
    pretraining, molecule, seed = start.fit_job.pretraining, start.molecule, job.choosing.seed
    conformers = conformers_of(start.stock, seed)
    geometries = dynamics_of(start.stock, conformers, _GIVEN, TEMPERATURE, seed)
    given = Frames(molecule.numbers, geometries, np.zeros(len(geometries)), None)
    if pretraining.is_level:
        given = labelled_frames(level_of(pretraining.pretrain), molecule, geometries)
    parameters = starting_parameters(molecule, start.fit_job.start)
    atoms = tuple(atoms_of_kernels(job.correction, molecule, geometries))
    (found,) = pretrained(
        [Untaught(molecule, parameters, given, atoms)], replace(start.fit_job, correction=job.correction), say, progress
    )
    about = {**provenance(pretraining.files), "pretrained": list(found.sentences())}
    return SavedModel(found.force_field, None, about)
