"""Parameter sets made of fits, and the folders of models that they give molecules without data."""

from collections.abc import Sequence
from pathlib import Path

from hybridff.document.blocks import Document
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.fitting.posterior import POSTERIOR
from hybridff.fitting.shared_parameters import common_parameters
from hybridff.jobs.fitting import FittedMolecule
from hybridff.jobs.parameter_sets import AppliedSet
from hybridff.jobs.set_files import SavedSet
from hybridff.output import new_folder
from hybridff.report.applied_sets import applied_document
from hybridff.workflows.folder import write_documented


def set_of(molecules: Sequence[FittedMolecule]) -> SavedSet:
    """The set that a fit of some molecules with rows shared by environment makes.

    Raises ``FitError`` for other fits.
    """
    first = molecules[0]
    start = first.job.start
    names = {item.data.molecule.name: item.data.molecule.smiles for item in molecules}
    about = {**first.model.provenance, "molecules": names}
    for key in ("frames", "renumbered frames", "errors before", "errors after", "stability", "fitted together with"):
        about.pop(key, None)
    origin = None
    if first.pretraining is not None:
        about["pretrained"] = [text for item in molecules if item.pretraining for text in item.pretraining.sentences()]
        origin, _ = common_parameters([item.untaught for item in molecules])
    return SavedSet(ParameterSet.of_fit(first.result, origin), start.gaff, start.charges, about)


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
