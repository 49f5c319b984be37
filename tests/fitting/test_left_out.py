import numpy as np
import pytest
from models import distorted, force_field, perturbed

from hybridff.fitting.left_out import left_out_errors
from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.units import FORCE_KCAL

NOISE = Noise(energy=1e9, force=FORCE_KCAL)  # energies count for nothing, and so does their constant
N_FRAMES = 5


def fitted(start: ForceField, frames: Frames) -> tuple[ForceField, Posterior]:
    """The posterior mean of the coefficients, and the posterior, by the textbook's formula."""
    prior = Posterior.of_priors(start)
    rows = prior.whitened(start, NOISE, frames.positions).astype(float)[..., :-1].reshape(len(prior.spread), -1)
    _, forces = predict(start, frames.positions)
    missing = (frames.forces - forces).ravel() / NOISE.force
    values, vectors = np.linalg.eigh(np.eye(len(rows)) + rows @ rows.T)
    moves = vectors @ ((vectors.T @ (rows @ missing)) / values)
    coefficients = start.parameter_table.values.copy()
    coefficients[prior.fitted] += moves @ prior.spread
    root = (vectors / np.sqrt(values)) @ vectors.T
    return start.with_values(coefficients), Posterior(prior.fitted, root @ prior.spread, prior.mean_energies)


def test_errors_of_frames_left_out_are_those_of_fits_without_them() -> None:
    start = force_field("acetaldehyde", form="class2")
    positions = distorted("acetaldehyde", N_FRAMES, 0.008, seed=3)
    energies, forces = predict(perturbed(force_field("acetaldehyde"), 1.0), positions)
    frames = Frames(start.molecule.numbers, positions, energies, forces)
    squares, variances = [], []
    for i in range(N_FRAMES):
        model, posterior = fitted(start, frames.subset(np.arange(N_FRAMES) != i))
        _, predicted = predict(model, positions[i : i + 1])
        squares.append(((forces[i] - predicted[0]) ** 2).mean())
        variances.append(posterior.deviations(model, positions[i : i + 1])[1] ** 2)
    model, posterior = fitted(start, frames)
    found = left_out_errors(posterior, model, frames, NOISE)
    assert found.actual == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)  # rows are in single precision
    assert found.predicted == pytest.approx(np.sqrt(np.mean(variances)), rel=1e-3)
    assert found.scale == pytest.approx(found.actual / found.predicted)
