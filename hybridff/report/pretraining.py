"""What a cheap level knew before the fit, and what the reference data changed of it."""

import numpy as np

from hybridff.document.blocks import Section, Table
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import Errors
from hybridff.jobs.fitting import FittedMolecule, errors_of_parts
from hybridff.jobs.pretraining import Pretraining
from hybridff.jobs.reading import parts_of
from hybridff.units import FORCE_KCAL, KCAL_MOL

_FAMILIES = 10
"""Most families of terms that are listed."""


def pretraining_section(item: FittedMolecule, pretraining: Pretraining) -> Section:
    """Errors of the start, of what the cheap level taught, and of the fit; and which families of terms moved."""
    parts = parts_of(item.data.frames, item.split)
    taught = errors_of_parts(pretraining.force_field, parts, None)
    rows = [
        (name, part, str(errors.n_frames), *_errors(errors))
        for part in item.after
        for name, errors in (
            ("stock GAFF", item.before[part]),
            (pretraining.source, taught[part]),
            ("this model", item.after[part]),
        )
    ]
    table = Table(
        ("force field", "frames", "number", "energy RMSE [kcal/mol]", "force RMSE [kcal/mol/Å]"),
        tuple(rows),
        "Errors of the start, of what the fit began with, and of the fit, by the reference data; energies less a "
        "constant fitted to the training frames.",
    )
    moved = (_moves(item.result),) if len(item.result.force_fields) == 1 else ()
    return Section("What the cheap level knew", pretraining.sentences(), table, more=moved)


def _errors(errors: Errors) -> tuple[str, str]:
    force = "–" if errors.force_rmse is None else f"{errors.force_rmse / FORCE_KCAL:.2f}"
    return f"{errors.energy_rmse / KCAL_MOL:.2f}", force


def _moves(result: FitResult) -> Table:
    """How far the coefficients of each family moved, those that moved most first."""
    start, fitted = result.start, result.deviations > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.where(fitted, (result.end.values - start.values) / start.prior_widths, 0.0)
    names = np.array(start.quantities)
    families = [(name, moves[own]) for name in np.unique(names[fitted]) if (own := fitted & (names == name)).any()]
    families.sort(key=lambda family: -float((family[1] ** 2).sum()))
    rows = tuple(
        (str(name), str(len(own)), f"{np.sqrt((own**2).mean()):.2f}", f"{np.abs(own).max():.1f}")
        for name, own in families[:_FAMILIES]
    )
    caption = (
        "What the reference data changed: coefficients of each family of terms, in units of the prior widths around "
        "what the cheap level taught."
    )
    return Table(("family", "coefficients", "RMS change", "largest"), rows, caption)
