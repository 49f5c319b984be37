"""Errors of a model on reference data, with what the model itself says of them."""

from collections.abc import Sequence
from pathlib import Path

from hybridff.export.modelfile import read_model
from hybridff.fitting.posterior import predicted_errors
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.jobs.options import DataOptions
from hybridff.jobs.provenance import inputs_of
from hybridff.progress import Say, quiet
from hybridff.workflows.corrections import read_data_of
from hybridff.workflows.folder import read_posterior


def evaluate_model(
    model: str | Path, files: Sequence[str | Path], options: DataOptions | None = None, say: Say = quiet
) -> dict[str, float | int | str | None]:
    """Errors of the model in a folder on data files, by name, in kcal/mol and kcal/mol/Å; predicted ones beside them.

    Raises ``InputError`` for files that cannot be read or are of another molecule.
    """
    saved = read_model(model)
    item = read_data_of(saved, files, options, say)
    known = inputs_of(saved, item.files)
    if known:
        say(f"Note: the model was fitted to frames of {', '.join(known)}; these errors include them.")
    posterior = read_posterior(model)
    predicted = {} if posterior is None else predicted_errors(posterior, saved.force_field, item.frames)
    return {
        **evaluate(saved.force_field, item.frames, saved.energy_offset).in_field_units(),
        **predicted,
        **_distances(saved.force_field, item.frames),
        "energy_offset_from": "these frames" if saved.energy_offset is None else "the model's training frames",
    }


def _distances(force_field: ForceField, frames: Frames) -> dict[str, float | int]:
    """How far frames are from those that corrections were trained on."""
    if not force_field.corrections:
        return {}
    found = force_field.distance(frames.positions)
    return {
        "mean_distance_from_training": float(found.mean()),
        "largest_distance_from_training": float(found.max()),
        "frames_beyond_distance_1": int((found > 1).sum()),
    }
