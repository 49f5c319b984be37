"""The geometries of a round, chosen from what a force field visits."""

import numpy as np
from jaxtyping import Float

from hybridff.fitting.choosing import Choice, choose_at_random, choose_by_posterior, choose_farthest
from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.gaff.forcefield import ForceField
from hybridff.making.job import ChoosingOptions
from hybridff.making.learning import Learnt
from hybridff.making.rounds import Chosen
from hybridff.making.sampling import Sampled
from hybridff.making.start import Start
from hybridff.units import FORCE_KCAL, KCAL_MOL

_FIRST_NOISE = Noise(energy=0.5 * KCAL_MOL, force=1.0 * FORCE_KCAL)
"""What a fit is expected to miss, before there is one."""
_REASONS = {
    "posterior": "each is the one that takes most of the predicted variance of forces at 300 K, given those before",
    "farthest": "each is the one farthest from those before and from all labelled ones",
    "random": "at random",
}


def choose(
    start: Start,
    learnt: Learnt | None,
    sampled: Sampled,
    known: Float[np.ndarray, "known atoms 3"],
    options: ChoosingOptions,
    wanted: int,
) -> Chosen:
    """Choose from what was sampled, by what the fit to all labels is unsure of; by the priors where there is no fit.

    ``known`` geometries [nm] have labels.
    """
    force_field, posterior, noise = _knowledge(start, learnt)
    seed = options.seed + len(known)
    found: Choice
    if options.choose == "posterior":
        found = choose_by_posterior(posterior, force_field, noise, sampled.candidates, sampled.targets, wanted, known)
    elif options.choose == "farthest":
        found = choose_farthest(sampled.candidates, wanted, known)
    else:
        found = choose_at_random(len(sampled.candidates), wanted, seed)
    positions = sampled.candidates[found.rows]
    _, deviations = posterior.deviations(force_field, positions)
    return Chosen(
        positions,
        tuple(sampled.origins[row] for row in found.rows),
        _REASONS[options.choose],
        deviations,
        found.left,
        len(sampled.candidates),
    )


def _knowledge(start: Start, learnt: Learnt | None) -> tuple[ForceField, Posterior, Noise]:
    """The force field whose coefficients are known so well, and what it misses."""
    if learnt is None:
        return start.force_field, Posterior.of_priors(start.force_field), _FIRST_NOISE
    return learnt.force_field, learnt.posterior, learnt.fitted.result.noise
