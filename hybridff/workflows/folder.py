"""The folder of a model: model.json, summary.md, report.html."""

from pathlib import Path

from hybridff.document.blocks import Document
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.fitting.posterior import POSTERIOR, Posterior


def write_documented(model: SavedModel, document: Document, folder: Path) -> None:
    """Write a model with its summary and its report into a folder that exists."""
    write_model(model, folder)
    (folder / "summary.md").write_text(document.markdown(), encoding="utf-8")
    (folder / "report.html").write_text(document.html(), encoding="utf-8")


def read_posterior(folder: str | Path) -> Posterior | None:
    """The posterior that a fit left beside its model, where it was asked to.

    Raises ``InputError`` for files that are no model or no posterior of it.
    """
    path = Path(folder) / POSTERIOR
    if not path.is_file():
        return None
    return Posterior.read(path, len(read_model(folder).force_field.parameter_table))
