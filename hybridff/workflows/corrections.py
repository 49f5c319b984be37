"""Kernels added to a model in one call: read, check, train, pass the gate, evaluate; then write the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridff.document.blocks import Document
from hybridff.export.modelfile import SavedModel, read_model
from hybridff.frames.accuracy import Errors
from hybridff.jobs.correcting import CorrectedMolecule, correct_data
from hybridff.jobs.job import CorrectionJob
from hybridff.jobs.options import DataOptions
from hybridff.jobs.provenance import read_timing, write_timing
from hybridff.jobs.reading import Data, read_data
from hybridff.output import check_new_folder, new_folder
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.report.documents import correction_document
from hybridff.report.sections import correction_page_sections
from hybridff.workflows.folder import read_posterior, write_documented


@dataclass(frozen=True, eq=False)
class CorrectionRun:
    """What kernels made of a model."""

    job: CorrectionJob
    start: Path
    """Folder of the model that was corrected."""
    files: tuple[Path, ...]
    """Data files as they were named."""
    molecule: CorrectedMolecule
    """Model, errors, split and verdict of the gate."""

    @property
    def model(self) -> SavedModel:
        """The corrected model."""
        return self.molecule.model

    @property
    def after(self) -> dict[str, Errors]:
        """Errors on the training, validation and test frames, by these names."""
        return self.molecule.after

    def report(self, progress: Progress = silent) -> Document:
        """What there is to say, with all that ``job.report`` asks for: ``.html()``, ``.markdown()``."""
        return self.document(None, progress)

    def document(self, out: str | Path | None, progress: Progress = silent) -> Document:
        """A report that names the folder ``out`` in the command that does the correction again."""
        page = correction_page_sections(self.molecule, self.start, self.files, out, progress)
        return correction_document(self.molecule, page)

    def write(self, folder: str | Path, *, overwrite: bool = False, progress: Progress = silent) -> Document:
        """Write model and report. The folder is written whole or not at all. Returns the report.

        Raises ``InputError`` for a folder that exists, unless ``overwrite`` is set.
        """
        out = Path(folder)
        check_new_folder(out, overwrite=overwrite)
        document = self.document(out, progress)
        before = 0.0 if self.job.alone else read_timing(self.start)
        with new_folder(out, overwrite=overwrite) as place:
            write_documented(self.model, document, place)
            if before is not None:
                write_timing(before + self.molecule.seconds, place)
        return document

    def _repr_html_(self) -> str:
        """What a notebook shows: title, headline and errors."""
        return correction_document(self.molecule).notebook_html("Errors", "Correction", "Stability")


def correct_model(
    model: str | Path,
    data: str | Path | Sequence[str | Path],
    job: CorrectionJob,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> CorrectionRun:
    """Add kernels to a model, as ``hybridff correct`` does: read, check, train, prove stable, evaluate.

    ``model`` is a folder that a fit or ``parametrize`` wrote; with the posterior that ``keep_posterior`` leaves there,
    the coefficients of the terms move too. ``data`` are one or several files of its molecule.

    Raises ``InputError`` for files and options that cannot be used, ``FitError`` for data that cannot train kernels.
    """
    saved = read_model(model)
    files = [data] if isinstance(data, str | Path) else list(data)
    item = read_data_of(saved, files, job.reading, say)
    found = correct_data(saved, item, job, posterior=read_posterior(model), say=say, progress=progress)
    return CorrectionRun(job, Path(model), tuple(map(Path, files)), found)


def read_data_of(saved: SavedModel, files: Sequence[str | Path], options: DataOptions | None, say: Say = quiet) -> Data:
    """Reference data of a model's molecule; ``say`` is told what is odd about them.

    Raises ``InputError`` for files that cannot be read or are of another molecule.
    """
    (item,) = read_data(files, saved.force_field.molecule, options)
    for message in item.report.messages():
        say(f"Note: {message}")
    return item
