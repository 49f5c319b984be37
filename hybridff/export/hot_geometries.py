"""Geometries of Langevin dynamics: of any System from any starts, and of hot dynamics with a force field."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.context import (
    langevin,
    new_context,
    openmm_seed,
    positions_in,
    raise_interruption,
    raise_unless_nan,
)
from hybridff.export.routes import to_openmm
from hybridff.gaff.forcefield import ForceField

_APART, _EACH = 300, 10
"""Steps from one geometry to the next, and geometries of a run: the first are half as hot as the last."""
_NO_NUMBERS = "positions are no longer finite"


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How runs of dynamics go, all of one temperature."""

    temperature: float
    """Temperature [K]."""
    apart: int
    """Steps from one geometry to the next."""
    warm: int = 0
    """Steps before the first of these."""
    friction: float = 2.0
    """Friction [1/ps]."""
    step: float = 0.001
    """Time step [ps]."""
    seed: int = 0
    """Seed of velocities and random forces."""


@dataclass(frozen=True, eq=False)
class BrokenRun:
    """Why a run of dynamics cannot go on."""

    reason: str
    """The reason in words."""
    failure: Exception | None = None
    """What a program that OpenMM calls has failed with; None where numbers are no longer finite."""


def walked(
    system: openmm.System,
    starts: Float[np.ndarray, "runs atoms 3"],
    counts: list[int],
    walk: Walk,
) -> Iterator[Float[np.ndarray, "atoms 3"] | BrokenRun]:
    """Geometries [nm] of one run after the other from each start [nm], as many as ``counts`` says; deterministic.

    A run that cannot go on (its numbers are no longer finite, or a program that OpenMM calls fails) ends in a
    ``BrokenRun``, and the next one begins.
    """
    integrator = langevin(walk.temperature, walk.friction, walk.step, walk.seed)
    context = new_context(system, integrator)
    for run, (start, count) in enumerate(zip(starts, counts, strict=True)):
        yield from one_run(context, start, count, replace(walk, seed=walk.seed + run), integrator.step)


def one_run(
    context: openmm.Context,
    start: Float[np.ndarray, "atoms 3"],
    count: int,
    walk: Walk,
    advance: Callable[[int], None],
) -> Iterator[Float[np.ndarray, "atoms 3"] | BrokenRun]:
    """So many geometries [nm] of a run from a start [nm]; ``advance`` takes steps in the context.

    What cannot go on ends in a ``BrokenRun``.
    """
    context.setPositions(start)
    for number in range(count):
        try:
            if number == 0:
                context.setVelocitiesToTemperature(walk.temperature, openmm_seed(walk.seed))
                advance(walk.warm)
            advance(walk.apart)
            positions = positions_in(context.getState(getPositions=True))
        except (openmm.OpenMMException, ValueError) as error:
            yield _broken(error)
            return
        if not np.isfinite(positions).all():
            yield BrokenRun(_NO_NUMBERS)
            return
        yield positions


def hot_geometries(
    force_field: ForceField,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    temperature: float,
    seed: int = 0,
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries [nm] of dynamics at a temperature [K], ten from each of some of the ``starts`` [nm]; deterministic.

    They are fewer than ``wanted`` where a run ends in no numbers.
    """
    random, n_runs = np.random.default_rng(seed), -(-wanted // _EACH)
    chosen = [int(random.integers(len(starts))) for _ in range(n_runs)]
    counts = [min(_EACH, wanted - run * _EACH) for run in range(n_runs)]
    walk = Walk(temperature=temperature, apart=_APART, seed=seed)
    found = []
    for own in walked(to_openmm(force_field, "compiled"), starts[chosen], counts, walk):
        if not isinstance(own, BrokenRun):
            found.append(own)
        elif own.failure is not None:
            raise own.failure
    return np.array(found).reshape(-1, *starts.shape[1:])


def _broken(error: Exception) -> BrokenRun:
    """Why a run cannot go on; an interruption is raised again."""
    raise_interruption(error)
    try:
        raise_unless_nan(error)
    except (openmm.OpenMMException, ValueError):
        return BrokenRun((str(error).strip().splitlines() or ["unknown"])[-1], error)
    return BrokenRun(_NO_NUMBERS)
