"""What more training frames would be worth: the same fit to fewer of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybridff.document.blocks import Section, Table
from hybridff.fitting.fits import fit_together
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.gaff.start import starting_parameters
from hybridff.jobs.fitting import FittedMolecule
from hybridff.jobs.starting import form_at_start
from hybridff.progress import Progress, silent
from hybridff.report import pictures
from hybridff.units import FORCE_KCAL, KCAL_MOL

_PARTS = (8, 4, 2)
_LEAST = 4
"""Training frames below which no fit is worth its while."""


@dataclass(frozen=True)
class Point:
    """A fit to some of the training frames."""

    frames: int
    """Number of training frames."""
    errors: Errors
    """Errors on the test frames."""


def learning_curves(fitted: Sequence[FittedMolecule], progress: Progress = silent) -> list[list[Point]]:
    """Each molecule fitted to 1/8, 1/4, 1/2 of its training frames, without stability gate, and the fit itself.

    Kernels are left out. All molecules need test frames.
    """
    job = fitted[0].job
    found: list[list[Point]] = [[] for _ in fitted]
    parameters = [starting_parameters(item.start.molecule, job.starting) for item in fitted]
    for number, part in enumerate(_PARTS):
        pairs = []
        for item, own in zip(fitted, parameters, strict=True):
            frames = item.data.frames.subset(item.split.train[: max(_LEAST, len(item.split.train) // part)])
            built = form_at_start(item.start.molecule, own, job, frames.positions)
            pairs.append((built, frames))
        validation = [item.data.frames.subset(item.split.validation) for item in fitted]
        result = fit_together(pairs, job.fit, validation)
        for i, (item, (_, frames)) in enumerate(zip(fitted, pairs, strict=True)):
            test = item.data.frames.subset(item.split.test)
            errors = evaluate(result.force_fields[i], test, result.energy_offsets[i])
            found[i].append(Point(len(frames), errors))
        progress((number + 1) / len(_PARTS))
    for i, item in enumerate(fitted):
        test = item.data.frames.subset(item.split.test)
        errors = evaluate(item.result.force_fields[i], test, item.result.energy_offsets[i])
        found[i].append(Point(len(item.split.train), errors))
    return found


def learning_section(item: FittedMolecule, points: Sequence[Point]) -> Section:
    """Errors on the same test frames against the number of training frames."""
    start, sizes = item.before["test"], [point.frames for point in points]
    forces = [(point.errors.force_rmse or 0.0) / FORCE_KCAL for point in points]
    energies = [point.errors.energy_rmse / KCAL_MOL for point in points]
    assert start.force_rmse is not None
    gain = 100 * (1 - forces[-1] / forces[-2])
    sentences = [
        f"The same form fitted to fewer frames, without the stability gate; errors are those of the same "
        f"{points[0].errors.n_frames} test frames. The last doubling of the training frames made forces {gain:.0f} % "
        + ("better: more frames would help." if gain > 5 else "better: the form, not the frames, is the limit.")
    ]
    if item.correction is not None:
        sentences.append("These are the terms alone, without kernels.")
    rows = tuple(
        (str(size), f"{energy:.2f}", f"{force:.2f}")
        for size, energy, force in zip(sizes, energies, forces, strict=True)
    )
    header = ("training frames", "energy RMSE [kcal/mol]", "force RMSE [kcal/mol/Å]")
    drawn = (
        pictures.learning(sizes, forces, start.force_rmse / FORCE_KCAL, "force", "kcal/mol/Å"),
        pictures.learning(sizes, energies, start.energy_rmse / KCAL_MOL, "energy", "kcal/mol"),
    )
    return Section("Learning curve", tuple(sentences), Table(header, rows), drawn, page_only=True)
