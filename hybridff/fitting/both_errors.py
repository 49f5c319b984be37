"""Fits that worsen neither the energies nor the forces of their training frames.

A fit lowers the sum of both squares, each over the square of its noise. With few frames one of the two may rise for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hybridff.fitting.options import FitOptions
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.units import FORCE_KCAL, KCAL_MOL

Kind = Literal["energies", "forces"]
_ROUNDING = 1e-6
"""Relative increase of an error that is none."""
_FLOORS: dict[Kind, float] = {"energies": 1e-3 * KCAL_MOL, "forces": 1e-3 * FORCE_KCAL}
"""Increase of an error that is none [kJ/mol and kJ/mol/nm]: 0.001 kcal/mol and 0.001 kcal/mol/Å."""
_FACTORS = (8.0, 64.0, 512.0)
"""Weights of the errors that have risen, one after the other, in units of the one that was asked for."""


@dataclass(frozen=True)
class Rise:
    """A root mean square error on training frames that a fit has made larger."""

    molecule: str
    """Name of the molecule."""
    kind: Kind
    """Which error it is."""
    before: float
    """The error at the start [kJ/mol or kJ/mol/nm]."""
    after: float
    """The error after the fit [kJ/mol or kJ/mol/nm]."""


def rises(pairs: Sequence[tuple[ForceField, Frames]], fitted: Sequence[ForceField]) -> list[Rise]:
    """The errors on the frames that are larger with the fitted force fields than with those of ``pairs``.

    Energies are compared up to a constant for each force field; increases below 0.001 kcal/mol and 0.001 kcal/mol/Å
    are none.
    """
    found: list[Rise] = []
    for (start, frames), end in zip(pairs, fitted, strict=True):
        before, after = evaluate(start, frames), evaluate(end, frames)
        errors: list[tuple[Kind, float | None, float | None]] = [
            ("energies", before.energy_rmse, after.energy_rmse),
            ("forces", before.force_rmse, after.force_rmse),
        ]
        found += [
            Rise(start.molecule.name, kind, own, now)
            for kind, own, now in errors
            if own is not None and now is not None and now > own + max(_ROUNDING * own, _FLOORS[kind])
        ]
    return found


def rise_sentences(pairs: Sequence[tuple[ForceField, Frames]], fitted: Sequence[ForceField]) -> list[str]:
    """What to say of errors on the frames that have risen."""
    units = {"energies": (KCAL_MOL, "kcal/mol"), "forces": (FORCE_KCAL, "kcal/mol/Å")}
    found = []
    for rise in rises(pairs, fitted):
        size, unit = units[rise.kind]
        found.append(
            f"{rise.molecule}: the fit makes the {rise.kind} of its own training frames worse than the start has them "
            f"(RMSE {rise.before / size:.2f} → {rise.after / size:.2f} {unit}), so energies and forces contradict each "
            "other, or the frames are too few."
        )
    return found


def fit_both(
    pairs: Sequence[tuple[ForceField, Frames]], options: FitOptions, fit: Callable[[FitOptions], FitResult]
) -> FitResult:
    """The fit, with more weight on the energies or the forces where these would be worse than at the start.

    If no weight helps, the fit with the weights that were asked for.
    """
    first = fit(options)
    risen = {rise.kind for rise in rises(pairs, first.force_fields)}
    if len(risen) != 1:
        return first
    (kind,) = risen
    for factor in _FACTORS:
        weight = options.energy_weight * (factor if kind == "energies" else 1 / factor)
        again = fit(replace(options, energy_weight=weight))
        if not rises(pairs, again.force_fields):
            return again
    return first
