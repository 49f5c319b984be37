"""Labelled frames of ethanol, and trainings on them, for tests of kernels beside terms."""

from functools import cache

import numpy as np
import torch
from models import distorted, force_field, molecule

from hybridff import ForceField, Frames, fit, read_frames
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import predict
from hybridff.hybrid.hot_frames import HotFrames
from hybridff.hybrid.material import CorrectionTask
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.training import TrainingData

ATOMS = (0, 1, 2, 8)
"""The chain C-C-O-H."""


def spring_frames(n: int, *, seed: int = 0, noise: float = 2.0, extra: float = 800.0) -> Frames:
    """Frames labelled by stock GAFF, with a spring between the ends of ethanol's chain and noise [kJ/mol/nm]."""
    x = distorted("ethanol", n, seed=seed)
    energies, forces = predict(force_field("ethanol"), x)
    where = torch.as_tensor(x).requires_grad_()
    spring = extra * ((where[:, 0] - where[:, 8]).norm(dim=-1) - 0.3) ** 2
    (gradient,) = torch.autograd.grad(spring.sum(), where)
    random = np.random.default_rng(seed + 1)
    energies = energies + spring.detach().numpy() + random.normal(0, 0.05 * noise, n)
    return Frames(
        molecule("ethanol").numbers, x, energies, forces - gradient.numpy() + random.normal(0, noise, x.shape)
    )


def validation_frames(extra: float = 800.0) -> Frames:
    """Twenty other frames with a spring."""
    return spring_frames(20, seed=9, extra=extra)


def spring_task(n: int = 30, *, points: int | None = None, extra: float = 800.0) -> CorrectionTask:
    """A kernel on the chain for stock GAFF and frames with a spring."""
    return CorrectionTask(
        force_field=force_field("ethanol"),
        frames=spring_frames(n, extra=extra),
        validation=validation_frames(extra),
        atoms=[ATOMS],
        options=CorrectionOptions(points=points, descriptor="distances"),
    )


def real_frames(first: int = 0, n: int = 40) -> Frames:
    """Frames of ethanol from quantum chemistry."""
    return read_frames("hybridff/data/ethanol.npz").subset(np.arange(first, first + n))


@cache
def class2_fit(n: int = 40) -> tuple[ForceField, Posterior]:
    """A class II force field fitted to so many of the real frames, and what the fit has left open."""
    fitted = fit(force_field("ethanol", form="class2"), real_frames(0, n))
    return fitted.force_fields[0], fitted.posteriors[0]


def usual() -> Hyperparameters:
    """Hyperparameters of one kernel."""
    return Hyperparameters.usual(1, 100.0, None, 5.0)


def real_training(
    start: ForceField, n_points: int | None = None, *, posterior: Posterior | None = None, hot: HotFrames | None = None
) -> TrainingData:
    """A kernel on all atoms of ethanol and 40 real frames."""
    frames = real_frames()
    fragment = Fragment.find(start.molecule, range(9), torch.as_tensor(frames.positions))
    residual = Residual.of(start, frames, range(9))
    return TrainingData(residual, (fragment,), usual(), PseudoFrames.none(9), posterior, n_points, hot)


def energies_of_kernels(model: ForceField, positions: np.ndarray) -> np.ndarray:
    """What the only kernel of a model adds to energies [kJ/mol]."""
    (term,) = model.corrections
    return term.energy(torch.as_tensor(positions)).numpy()
