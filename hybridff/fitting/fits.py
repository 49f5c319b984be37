"""Fit force fields to reference energies and forces."""

from collections.abc import Sequence

from hybridff.errors import FitError, InputError
from hybridff.fitting.both_errors import fit_both
from hybridff.fitting.linear_fit import fit_linear
from hybridff.fitting.nonlinear_fit import fit_nonlinear
from hybridff.fitting.options import FitOptions
from hybridff.fitting.result import FitResult
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import check_same_elements
from hybridff.progress import Progress


def fit(
    force_field: ForceField,
    train: Frames,
    options: FitOptions | None = None,
    validation: Frames | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Fit the parameters of one molecule; see ``fit_together``."""
    return fit_together([(force_field, train)], options, [] if validation is None else [validation], progress)


def fit_together(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions | None = None,
    validation: Sequence[Frames] = (),
    progress: Progress | None = None,
) -> FitResult:
    """Fit the intramolecular parameters of several molecules at once.

    Maximises the posterior of all parameters given energies and forces: Gaussian residuals, Gaussian priors around the
    start. The deviations of the residuals weigh energies against forces; they are learnt by turns with the parameters.
    Charges and Lennard-Jones parameters towards other molecules stay as they are. ``validation`` frames, in the order
    of ``pairs``, choose the scale of the priors where the options leave it open. Deterministic; the training loss
    never ends above that of the start. A form with GAFF's own terms is fitted again with other weights where the
    energies or the forces of the training frames alone would be worse than at the start.

    Raises ``InputError`` for frames of another molecule or an option that is not for the form; ``FitError`` without
    forces, with fewer than two frames, or when nothing can be fitted.
    """
    options = options or FitOptions()
    check_request(pairs, options)
    if all(is_linear(force_field) for force_field, _ in pairs):
        return fit_linear(pairs, options, validation, progress)
    return fit_both(pairs, options, lambda own: fit_nonlinear(pairs, own, validation, progress))


def check_request(pairs: Sequence[tuple[ForceField, Frames]], options: FitOptions) -> None:
    """Raise what ``fit_together`` does before it starts."""
    if not any(force_field.parameter_table.adjustable.any() for force_field, _ in pairs):
        raise FitError(f"{pairs[0][0].molecule.name} has no parameter that could be fitted.")
    closed = all(is_linear(force_field) for force_field, _ in pairs)
    misplaced = ("pairs",) if closed else ("size", "widths")
    for name in misplaced:
        if getattr(options, name) != getattr(FitOptions(), name):
            others = "GAFF's own pair interactions" if closed else "forms fitted in closed form, as class2 is"
            raise InputError(f"option {name} is for {others}; leave it out, or choose another form.")
    for force_field, frames in pairs:
        if force_field.corrections and not closed:
            raise FitError(f"{force_field.molecule.name} has corrections; fit it without them, and correct the result.")
        check_same_elements(force_field.molecule, frames.numbers, f"the training data of {force_field.molecule.name}")
        if len(frames) < 2:
            raise FitError(
                f"{force_field.molecule.name} has {len(frames)} training frame; a fit needs at least two, "
                "and some tens to be of use."
            )


def is_linear(force_field: ForceField) -> bool:
    """Whether no parameter of a feature is fitted, only coefficients."""
    adjustable = force_field.parameter_table.adjustable
    return not any(adjustable[index].any() for rows in force_field.table.features for index in rows.parameters.values())
