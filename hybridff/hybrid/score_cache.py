"""Scores on disk: a search that was stopped goes on where it was."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from hybridff.cache import cached_json
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.scoring import Scored
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.validation import Validation


def remembered(problem: str, training: TrainingData, state: Hyperparameters, compute: Callable[[], Scored]) -> Scored:
    """The score of some hyperparameters, computed where it is not known, with the coefficients that came to be held.

    ``problem`` is the ``digest`` of all else that it depends on.
    """
    before, computed = len(training.held), []

    def as_json() -> dict[str, Any]:
        found = compute()
        computed.append(found)
        places = [held.places.tolist() for held in found.training.held[before:]]
        return {"score": found.score if math.isfinite(found.score) else None, "held": places}

    key = {"what": "score of kernels, 7", "problem": problem, "held": before, "state": asdict(state)}
    kept = cached_json(key, as_json)
    if computed:
        return computed[0]
    for places in kept["held"]:
        training = training.holding(np.array(places))
    return Scored(math.inf if kept["score"] is None else float(kept["score"]), training)


def digest(training: TrainingData, validation: Validation, options: CorrectionOptions) -> str:
    """A hash of all that scores of a search depend on, before any coefficient is held."""
    residual, posterior = training.residual, training.posterior
    table = residual.force_field.parameter_table
    parts: list[Any] = [
        training.pseudo_frames.positions,
        training.pseudo_frames.deviations,
        table.values,
        *table.bounds,
        residual.positions,
        residual.energies,
        residual.forces,
        validation.frames.positions,
        validation.frames.energies,
        validation.frames.forces,
        training.n_points,
        [fragment.atoms for fragment in training.fragments],
    ]
    if training.hot is not None:
        parts += ["hot frames", training.hot.residual.positions, training.hot.energy_deviation]
    if posterior is not None:
        parts += ["posterior", posterior.fitted, posterior.spread]
    found = hashlib.sha256(f"{version('hybridff')} {options} {table.labels}".encode())
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return found.hexdigest()
