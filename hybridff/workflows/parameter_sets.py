"""The folder of a model by a parameter set: what a fit leaves of a molecule, without what needs data."""

from pathlib import Path

from hybridff.document.blocks import Document
from hybridff.fitting.posterior import POSTERIOR
from hybridff.jobs.parameter_sets import AppliedSet
from hybridff.output import new_folder
from hybridff.report.applied_sets import applied_document
from hybridff.workflows.folder import write_documented


def write_applied(
    found: AppliedSet, folder: str | Path, *, keep_posterior: bool = False, overwrite: bool = False
) -> Document:
    """Write model, report and, on request, the posterior, from which ``evaluate`` predicts errors; returns the report.

    The folder is written whole or not at all. Raises ``InputError`` for a folder that exists, unless ``overwrite`` is
    set.
    """
    document = applied_document(found)
    with new_folder(folder, overwrite=overwrite) as place:
        write_documented(found.model, document, place)
        if keep_posterior:
            found.posterior.write(place / POSTERIOR)
    return document
