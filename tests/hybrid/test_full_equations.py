import numpy as np
import torch
from ethanol import class2_fit, energies_of_kernels, real_frames, real_training, usual

from hybridff.hybrid.full_equations import CoefficientRowsCache, solve_full
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual


def test_kept_rows_are_those_that_would_be_made_anew() -> None:
    start, posterior = class2_fit()
    cache, training = CoefficientRowsCache(), real_training(start, posterior=posterior)
    whole = cache.rows(training).clone()
    held = training.holding(np.array([0, 3])).holding(np.array([5]))
    assert held.posterior is not None
    new = held.residual.coefficient_rows(held.posterior)
    scale = float(whole.abs().max())
    torch.testing.assert_close(cache.rows(held), new, rtol=0, atol=1e-9 * scale)
    assert float((new - whole).abs().max()) > 1e-3 * scale


def test_rows_are_made_once(monkeypatch) -> None:
    start, posterior = class2_fit()
    made = []
    rows = Residual.coefficient_rows

    def counted(self: Residual, *arguments):
        made.append(len(self))
        return rows(self, *arguments)

    monkeypatch.setattr(Residual, "coefficient_rows", counted)
    cache, training = CoefficientRowsCache(), real_training(start, posterior=posterior)
    cache.rows(training)
    cache.rows(training.holding(np.array([1])))
    assert made == [40]
    more = training.with_pseudo_frames(PseudoFrames.at(real_frames(100, 2).positions, 0.1))
    assert cache.rows(more).shape[1] == training.residual.n_values + 2
    assert made == [40, 40]
    cache.rows(more.with_pseudo_energy(3.0))
    assert made == [40, 40]


def test_kernels_and_coefficients_explain_the_frames_together() -> None:
    """With next to no noise nothing is left but what single directions of 40 frames cannot tell."""
    start, posterior = class2_fit()
    training = real_training(start, posterior=posterior)
    terms, moves = solve_full(training, usual(), CoefficientRowsCache())
    values = start.parameter_table.values.copy()
    values[posterior.fitted] += posterior.spread.T @ moves
    found = Residual.of(start.with_values(values).with_corrections(terms), real_frames(), range(9))
    assert np.std(found.energies) < 0.1 * np.std(training.residual.energies)
    assert np.std(found.forces) < 0.5 * np.std(training.residual.forces)
    x = training.residual.positions
    assert np.std(energies_of_kernels(start.with_corrections(terms), x)) > 0.1 * np.std(training.residual.energies)
    assert np.abs(moves).max() > 1e-3
