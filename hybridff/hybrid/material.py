"""What a correction is made from: its data, checked, and all that does not depend on hyperparameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
import torch

from hybridff.corrections.device import chosen
from hybridff.corrections.fragment import Fragment
from hybridff.errors import FitError, InputError
from hybridff.fitting.posterior import Posterior
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.hot_frames import HotFrames, hot_frames_of
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.unseen import UnseenRegion, unseen_region
from hybridff.hybrid.validation import Validation

_LEAST_VALIDATION = 5
"""Least number of validation frames that shows anything."""
_LOCAL_POINTS = 200
"""Points of a kernel on some atoms alone, which dynamics can afford."""
_HOT = 200
"""Hot frames, at most half as many as frames, where kernels with few points leave what the terms say as it is: energies
give or take what the terms leave of those of validation frames, forces more than what they leave of theirs."""
_TINY = 1e-9
"""Deviations that are as good as none [kJ/mol, kJ/mol/nm]."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CorrectionTask:
    """What is to be corrected, by which frames and how."""

    force_field: ForceField
    """Force field whose terms are corrected; kernels that it has stay as they are."""
    frames: Frames
    """Training frames."""
    validation: Frames | None
    """Frames that show how strong kernels should be, and that nothing may have been fitted to."""
    atoms: Sequence[Sequence[int]]
    """Atoms of each kernel, counted from 0."""
    options: CorrectionOptions = field(default_factory=CorrectionOptions)
    posterior: Posterior | None = None
    """Posterior of the fit of the terms, whose coefficients are then unknowns too; None leaves them as they are."""
    together: bool = False
    """Whether the kernels are parts of one, as environments of all bonds are: all or none are kept, and all frames are
    points unless the options say how many."""
    seed: int = 0
    """Seed of the order of the frames, of which the first are points before others."""


@dataclass(frozen=True, eq=False)
class CorrectionInputs:
    """What kernels are trained on and scored by, and what is known before any training."""

    task: CorrectionTask
    residual: Residual
    """What the terms leave of the training frames, in random order."""
    validation: Validation
    candidates: tuple[tuple[Fragment, ...], ...]
    """Fragments of all kernels for each descriptor that may be taken."""
    n_points: int | None
    """Points of each kernel, where these are fewer than frames; None for one at each frame."""
    region: UnseenRegion | None
    """Conformers that no frame shows; None where all is seen, or there are no terms."""
    hot: HotFrames | None
    """Hot frames that the kernels leave to the terms; None where they are not wanted."""
    begun: float
    """When the work began [s], by ``time.perf_counter``."""


def check_correctable(name: str, frames: Frames, validation: Frames | None, atoms: Sequence[Sequence[int]]) -> None:
    """Refuse what no kernels can be trained on and scored by.

    Raises ``FitError`` and ``InputError`` as ``check_trainable`` does, ``FitError`` for too few validation frames.
    """
    check_trainable(name, frames, validation, atoms)
    if validation is None or len(validation) < _LEAST_VALIDATION:
        raise FitError(
            f"{name} has {0 if validation is None else len(validation)} validation frames; a correction needs at least "
            f"{_LEAST_VALIDATION}, which show how strong it should be: set some aside."
        )


def check_trainable(name: str, frames: Frames, validation: Frames | None, atoms: Sequence[Sequence[int]]) -> None:
    """Refuse what no kernels can be trained on.

    Raises ``FitError`` for frames without forces or too few of them, ``InputError`` for two kernels on the same atoms.
    """
    if len({frozenset(group) for group in atoms}) < len(atoms):
        raise InputError("two corrections are on the same atoms; leave one of them out.")
    for kind, part in (("training", frames), ("validation", validation)):
        if part is not None and part.forces is None:
            raise FitError(f"the {kind} frames of {name} have no forces; a correction needs them.")
    if len(frames) < 2:
        raise FitError(f"{name} has {len(frames)} training frame; a correction needs at least two, some tens better.")


def check_uncorrected(force_field: ForceField) -> None:
    """Raise ``FitError`` for a force field that has kernels already."""
    if force_field.corrections:
        raise FitError(f"{force_field.molecule.name} has corrections already; correct the model without them.")


def prepare(task: CorrectionTask, validation: Validation | None = None) -> CorrectionInputs:
    """Check a task, predict its frames with the terms, and find what they do not show.

    ``validation`` are its validation frames with what another fit, which did not see them, leaves of them.

    Raises ``FitError`` and ``InputError`` as ``check_correctable`` does.
    """
    begun = perf_counter()
    if task.posterior is not None:
        task = replace(task, posterior=task.posterior.in_double_precision())
    force_field, frames, options = task.force_field, task.frames, task.options
    check_correctable(force_field.molecule.name, frames, task.validation, task.atoms)
    assert task.validation is not None
    device = chosen(options.device)
    atoms = sorted({atom for group in task.atoms for atom in group})
    residual = Residual.of(force_field, frames, atoms, device)
    validation = validation or Validation.of(force_field, task.validation, atoms, device)
    n_points = points_of_each(task)
    return CorrectionInputs(
        task,
        residual.subset(np.random.default_rng(task.seed).permutation(len(frames))),
        validation,
        candidates(task),
        n_points,
        unseen_region(force_field, frames.positions, validation.deviations()),
        None if n_points is None else hot_frames(task, residual, validation),
        begun,
    )


def candidates(task: CorrectionTask) -> tuple[tuple[Fragment, ...], ...]:
    """Fragments of all kernels for each descriptor that may be taken."""
    positions, molecule = torch.as_tensor(task.frames.positions), task.force_field.molecule
    angular = {"auto": (True, False), "distances": (False,), "angular": (True,)}[task.options.descriptor]
    return tuple(
        tuple(Fragment.find(molecule, group, positions, angular=each) for group in task.atoms) for each in angular
    )


def points_of_each(task: CorrectionTask) -> int | None:
    """Points of each kernel, if they are fewer than there are frames; None otherwise."""
    n = len(task.frames)
    everything = task.together or all(len(group) == task.frames.positions.shape[1] for group in task.atoms)
    wanted = task.options.points or (n if everything else _LOCAL_POINTS)
    return None if wanted >= n else wanted


def hot_frames(task: CorrectionTask, residual: Residual, validation: Validation) -> HotFrames | None:
    """Hot frames for kernels with fewer points than frames: others would have to have these as points too, which cost
    time in dynamics.

    Only beside linear forms with their posterior, which know hot geometries better than kernels do, and harmonic GAFF
    does not.
    """
    if task.posterior is None:
        return None
    force, energy = validation.deviations()
    return hot_frames_of(residual, min(_HOT, len(task.frames) // 2), max(energy, _TINY) / max(force, _TINY))
