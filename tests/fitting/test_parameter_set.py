from functools import cache

import numpy as np
import pytest
from models import distorted, force_field

from hybridff.errors import FitError
from hybridff.fitting.fits import fit
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.fitting.related_priors import SHARES, covariance, rows_of
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

SOME = 3
"""Frames whose energies are compared."""


def of(name: str) -> ForceField:
    return force_field(name, form="class2", share="environment")


def frames_of(name: str, n_frames: int = 12) -> Frames:
    """Frames of harmonic GAFF."""
    model, positions = force_field(name), distorted(name, n_frames, width=0.004)
    return Frames(model.molecule.numbers, positions, *predict(model, positions))


@cache
def fitted() -> FitResult:
    return fit(of("propane"), frames_of("propane"))


def test_a_molecule_of_the_set_gets_the_force_field_of_its_fit_and_its_posterior() -> None:
    result = fitted()
    applied = ParameterSet.of_fit(result).apply(of("propane"), frames_of("propane").positions)
    positions = distorted("propane", SOME, seed=1)
    for one, other in zip(predict(applied.force_field, positions), predict(result.force_field, positions), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-6)
    assert applied.counts == {
        "surroundings": len(applied.rows),
        "neighbours": 0,
        "types": 0,
        "elements": 0,
        "guessed": 0,
    }
    for one, other in zip(
        applied.posterior.deviations(applied.force_field, positions),
        result.posteriors[0].deviations(result.force_field, positions),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3)


def test_other_molecules_get_what_the_posterior_of_all_rows_together_says() -> None:
    """Observations of the coefficients of one molecule, with noise, by the algebra of both molecules' rows."""
    known, other = of("propane"), of("ethanol")
    fields = [known.parameter_table, other.parameter_table]
    rows = [rows_of(own, np.flatnonzero(own.adjustable)) for own in fields]
    widths = [own.prior_widths[own.adjustable] for own in fields]
    prior = covariance(rows[0] + rows[1], rows[0] + rows[1], SHARES) * np.outer(*[np.concatenate(widths)] * 2)
    seen, n = np.random.default_rng(0).normal(size=len(rows[0])), len(rows[0])
    gain = np.linalg.solve(prior[:n, :n] + np.eye(n), prior[:n]).T
    mean, left = gain @ seen, prior - gain @ prior[:n]
    values, vectors = np.linalg.eigh(left[:n, :n])
    names = {name: kind.prior_width for name, kind in known.parameter_table.kinds.items() if kind.prior_width}
    spread = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    found = ParameterSet(tuple(rows[0]), mean[:n], spread, names, 1.0, SHARES).apply(
        other, frames_of("ethanol").positions
    )
    moved = found.force_field.parameter_table.values[found.posterior.fitted] - fields[1].values[found.posterior.fitted]
    lower, upper = (
        bound[found.posterior.fitted] - fields[1].values[found.posterior.fitted] for bound in fields[1].bounds
    )
    np.testing.assert_allclose(moved, np.clip(mean[n:], lower, upper), atol=1e-3 * np.abs(mean).max())
    variance = found.posterior.spread.T @ found.posterior.spread
    np.testing.assert_allclose(variance, left[n:, n:], atol=1e-4 * prior.max())
    assert all(found.counts[level] for level in ("neighbours", "types", "guessed"))


def test_rows_that_nobody_knows_stay_at_the_start_with_their_prior() -> None:
    start = of("ethanol")
    applied = ParameterSet.of_fit(fitted()).apply(start, frames_of("ethanol").positions)
    guessed = applied.posterior.fitted[applied.levels < 0]
    assert len(guessed)
    table = start.parameter_table
    np.testing.assert_array_equal(applied.force_field.parameter_table.values[guessed], table.values[guessed])
    deviations = np.sqrt((applied.posterior.spread**2).sum(0))[applied.levels < 0]
    np.testing.assert_allclose(deviations, table.prior_widths[guessed], rtol=1e-6)


def test_a_fit_with_rows_of_one_molecule_makes_no_set() -> None:
    with pytest.raises(FitError, match="share environment"):
        ParameterSet.of_fit(fit(force_field("propane"), frames_of("propane")))


def test_relatives_without_data_end_near_those_with() -> None:
    """Harmonic GAFF has one stiffness for all of its C-H bonds: what propane teaches holds for ethanol's methyl."""
    applied = ParameterSet.of_fit(fitted()).apply(of("ethanol"), frames_of("ethanol").positions)
    frames = frames_of("ethanol")
    assert frames.forces is not None
    before, after = (
        predict(model, frames.positions)[1] - frames.forces for model in (of("ethanol"), applied.force_field)
    )
    methyl = [0, 3, 4, 5]
    assert (after[:, methyl] ** 2).mean() < 0.5 * (before[:, methyl] ** 2).mean()
