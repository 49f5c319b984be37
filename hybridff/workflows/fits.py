"""A fit in one call: read, check, fit, pass the stability gate, evaluate; then show, report and write the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridff.document.blocks import Document
from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel
from hybridff.fitting.posterior import POSTERIOR
from hybridff.frames.accuracy import Errors
from hybridff.gaff.forcefield import ForceField
from hybridff.jobs.fitting import FittedMolecule, fit_data
from hybridff.jobs.job import FitJob
from hybridff.jobs.provenance import write_timing
from hybridff.jobs.reading import read_data, read_structure
from hybridff.jobs.set_files import write_set
from hybridff.output import check_new_folder, new_folder
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.report.documents import fit_document
from hybridff.report.fitted_parameters import PARAMETERS, parameter_csv
from hybridff.report.sections import fit_page_sections
from hybridff.workflows.folder import write_documented
from hybridff.workflows.parameter_sets import set_of


@dataclass(frozen=True, eq=False)
class FitRun:
    """What a fit made of one molecule, or of several that were fitted together."""

    job: FitJob
    files: tuple[Path, ...]
    """Data files as they were named."""
    molecules: tuple[FittedMolecule, ...]
    """Models, errors, split, verdict of the gate and posterior, molecule by molecule."""

    @property
    def model(self) -> SavedModel:
        """The model of the only molecule.

        Raises ``InputError`` where there are several: see ``molecules``.
        """
        return self._only.model

    @property
    def force_field(self) -> ForceField:
        """The force field of the only molecule.

        Raises ``InputError`` where there are several: see ``molecules``.
        """
        return self._only.model.force_field

    @property
    def errors(self) -> dict[str, Errors]:
        """Errors of the only molecule on its training, validation and test frames, by these names.

        Raises ``InputError`` where there are several: see ``molecules``.
        """
        return self._only.after

    @property
    def _only(self) -> FittedMolecule:
        if len(self.molecules) > 1:
            names = ", ".join(item.data.molecule.name for item in self.molecules)
            raise InputError(f"the fit has several molecules ({names}); take one of its molecules.")
        return self.molecules[0]

    def report(self, progress: Progress = silent) -> list[Document]:
        """What there is to say of each molecule, with all that ``job.report`` asks for."""
        return self.documents(None, progress)

    def documents(self, out: str | Path | None, progress: Progress = silent) -> list[Document]:
        """Reports that name the folder ``out`` in the command that does the fit again."""
        pages = fit_page_sections(self.molecules, self.files, out, progress)
        return [fit_document(item, page) for item, page in zip(self.molecules, pages, strict=True)]

    def write(self, folder: str | Path, *, overwrite: bool = False, progress: Progress = silent) -> list[Document]:
        """Write model, report, parameters and, where the job asks for it, the posterior; a folder for each molecule.

        A fit with rows shared by environment leaves its parameter set in the folder, too.

        The folder is written whole or not at all. Returns the reports.

        Raises ``InputError`` for a folder that exists, unless ``overwrite`` is set.
        """
        out = Path(folder)
        check_new_folder(out, overwrite=overwrite)
        documents = self.documents(out, progress)
        with new_folder(out, overwrite=overwrite) as place:
            for item, document, name in zip(self.molecules, documents, self.folder_names(), strict=True):
                (place / name).mkdir(exist_ok=True)
                write_fitted(item, document, place / name)
            if self.makes_set:
                write_set(set_of(self.molecules), place)
        return documents

    @property
    def makes_set(self) -> bool:
        """Whether the fit gives a parameter set for other molecules: rows are shared by environment."""
        return self.job.form.share == "environment"

    def folder_names(self) -> list[str]:
        """One molecule goes into the folder itself, several go into folders of their names."""
        if len(self.molecules) == 1:
            return ["."]
        own = [item.data.molecule.name for item in self.molecules]
        names = ["".join(c if c.isalnum() or c in "-_" else "_" for c in name) for name in own]
        return [name if names.count(name) == 1 else f"{name}-{i}" for i, name in enumerate(names, start=1)]

    def _repr_html_(self) -> str:
        """What a notebook shows: title, headline and errors of each molecule."""
        return "\n".join(fit_document(item).notebook_html("Errors", "Stability") for item in self.molecules)


def fit_molecule(
    data: str | Path | Sequence[str | Path],
    job: FitJob | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> FitRun:
    """Fit a force field to reference data, as ``hybridff fit`` does: read, check, fit, prove stable, evaluate.

    ``data`` are one or several files of energies and forces (npz, extended XYZ, or what ASE reads), of one molecule or
    of several that are fitted together. ``say`` is told what a user should know, ``progress`` how far the fit is.

    Raises ``InputError`` for files and options that cannot be used, ``FitError`` for data that cannot be fitted.
    """
    job = job or FitJob()
    files = [data] if isinstance(data, str | Path) else list(data)
    if not files:
        raise InputError("there are no data files to fit to; name at least one.")
    if job.start.bonds_from is not None and job.molecule is None:
        raise InputError("option bonds_from is for a molecule in a .pdb file; name it with option molecule.")
    _ = job.form.parsed  # a form that cannot be read is refused before anything else is
    molecule = None if job.molecule is None else read_structure(job.molecule, job.start).molecule
    read = read_data(files, molecule, job.reading)
    for item in read:
        for message in item.report.messages():
            say(f"Note: {item.molecule.name}: {message}")
    fitted = fit_data(read, job, say=say, progress=progress)
    return FitRun(job, tuple(map(Path, files)), tuple(fitted))


def write_fitted(item: FittedMolecule, document: Document, folder: Path) -> None:
    """Write one molecule of a fit into a folder that exists: model, report, parameters, time, posterior if wanted."""
    write_documented(item.model, document, folder)
    (folder / PARAMETERS).write_text(parameter_csv(item.result, item.model.force_field), encoding="utf-8")
    write_timing(item.seconds, folder)
    if item.job.keep_posterior and item.posterior is not None and not item.model.force_field.corrections:
        item.posterior.write(folder / POSTERIOR)
