import numpy as np
import pytest
from synthetic import class2, data, moved, unbounded

from hybridff.fitting.linear_fit import fit_linear
from hybridff.fitting.options import FitOptions
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField


def fitted(start: ForceField, truth: ForceField, n: int) -> FitResult:
    return fit_linear([(start, data(truth, n, energy=0.5, force=20.0))], FitOptions())


def test_what_data_cannot_determine_is_named() -> None:
    start = class2("propyne")
    frames = data(moved(start, 0.2), 40, energy=0.5, force=20.0)
    few, many = fitted(start, moved(start, 0.2), 3), fit_linear([(start, frames)], FitOptions())
    free = start.parameter_table.adjustable
    assert few.undetermined.sum() > many.undetermined.sum() > 0
    assert not few.undetermined[~free].any()
    named = [q for q, unknown in zip(many.end.quantities, many.undetermined, strict=True) if unknown]
    assert not {"bond 2", "angle 2"} & set(named)
    assert (many.deviations <= many.start.prior_widths * (1 + 1e-9)).all()


def test_coefficients_at_their_bounds_are_named() -> None:
    start = class2("propyne")
    free = unbounded(start)
    p = start.parameter_table
    values = p.values.copy()
    values[[q == "bond 4" for q in p.quantities]] = -100.0
    result = fitted(start, free.with_values(values), 40)
    named = [q for q, held in zip(result.end.quantities, result.at_bound, strict=True) if held]
    assert named
    assert set(named) <= {"bond 2", "bond 4", "angle 2", "angle 4", "out of plane 2"}
    assert "bond 4" in named
    # Rounding, in units of kJ/mol.
    assert np.abs(result.end.values[result.at_bound]).max() < 1e-9


def test_the_largest_moves_are_in_units_of_the_priors() -> None:
    start = class2("propyne")
    result = fitted(start, moved(start, 0.5), 40)
    first, *rest = result.largest_moves(10)
    moves = np.abs(result.end.values - result.start.values) / np.where(
        result.start.adjustable, result.start.prior_widths, np.inf
    )
    assert moves[first] == moves.max()
    assert (np.diff(moves[[first, *rest]]) <= 0).all()


def test_losses_are_sums_of_squares_in_units_of_the_noise() -> None:
    start = class2("propyne")
    result = fitted(start, moved(start, 0.2), 40)
    n = 40 * 7 * 3
    # Chi squared of n forces and 40 energies, less the coefficients.
    assert 0.5 * (n - 156) < result.loss_end < 0.5 * (1.2 * n + 40)
    assert result.loss_start > 10 * result.loss_end


def test_the_offset_is_the_mean_of_what_energies_differ_by() -> None:
    start = class2("propyne")
    truth = moved(start, 0.2)
    frames, result = data(truth, 40, energy=0.5, force=20.0), fitted(start, truth, 40)
    assert result.energy_offset == pytest.approx(
        (frames.energies - predict(result.force_field, frames.positions)[0]).mean(), rel=1e-14
    )
