import numpy as np
import pytest
from ethanol import class2_fit, real_frames, real_training, usual
from models import force_field

from hybridff.errors import InputError
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.solver import solver_of
from hybridff.hybrid.trained import moved, train


def left(model: ForceField) -> float:
    own = real_frames()
    assert own.forces is not None
    return float(np.sqrt(np.mean((predict(model, own.positions)[1] - own.forces) ** 2)))


@pytest.fixture
def narrow_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so near that most trainings leave them."""
    table = type(class2_fit()[0].parameter_table)
    narrow = property(lambda self: (self.values - 1e-2 * self.prior_widths, self.values + 1e-2 * self.prior_widths))
    monkeypatch.setattr(table, "bounds", narrow)


@pytest.mark.parametrize("n_points", [None, 15])
def test_kernels_take_up_what_the_terms_leave_and_held_coefficients_stay(n_points: int | None) -> None:
    start, posterior = class2_fit()
    places = np.array([0, 3, 5])
    training = real_training(start, n_points, posterior=posterior).holding(places)
    found = train(training, usual(), solver_of(training))
    hybrid = found.hybrid()
    assert left(hybrid) < 0.8 * left(start)
    before, after = (model.parameter_table.values[posterior.fitted] for model in (start, hybrid))
    moves = np.abs(after - before) / start.parameter_table.prior_widths[posterior.fitted]
    # an orthogonal projection in double precision
    assert moves[places].max() < 1e-9
    assert np.delete(moves, places).max() > 1e-3
    assert found.training.held[0] is training.held[0]


@pytest.mark.usefixtures("narrow_bounds")
@pytest.mark.parametrize("n_points", [None, 15])
def test_coefficients_that_would_leave_their_bounds_are_held(n_points: int | None) -> None:
    start, posterior = class2_fit()
    training = real_training(start, n_points, posterior=posterior)
    found = train(training, usual(), solver_of(training))
    assert found.training.held
    before, after = (model.parameter_table.values[posterior.fitted] for model in (start, found.hybrid()))
    moves = np.abs(after - before) / start.parameter_table.prior_widths[posterior.fitted]
    held = np.concatenate([one.places for one in found.training.held])
    assert moves[held].max() < 1e-9
    assert 1e-4 < moves.max() <= 1e-2 + 1e-12
    # all later trainings hold them too, though nothing would leave its bounds
    again = train(found.training, usual(), solver_of(training))
    assert len(again.training.held) == len(found.training.held)


def test_without_a_posterior_the_terms_stay_what_they_are() -> None:
    training = real_training(force_field("ethanol"))
    found = train(training, usual(), solver_of(training))
    assert len(found.hybrid().corrections) == 1
    assert found.training is training
    before, after = (model.parameter_table.values for model in (force_field("ethanol"), found.hybrid()))
    np.testing.assert_array_equal(before, after)


@pytest.mark.usefixtures("narrow_bounds")
def test_where_double_precision_fails_there_is_no_force_field_but_what_is_held() -> None:
    start, posterior = class2_fit()
    training, calls = real_training(start, posterior=posterior), [0]

    def solver(own, state):
        calls[0] += 1
        if calls[0] > 1:
            raise InputError("too little noise")
        moves = np.zeros(len(posterior.spread))
        moves[0] = 1e6
        return [], moves

    found = train(training, usual(), solver)
    assert found.force_field is None
    assert len(found.training.held) == 1
    with pytest.raises(InputError, match="too little noise"):
        found.hybrid()


@pytest.mark.usefixtures("narrow_bounds")
def test_moves_end_at_the_bounds() -> None:
    start, posterior = class2_fit()
    moves = np.random.default_rng(0).normal(0, 1e-3, len(posterior.spread))
    values, none = moved(real_training(start, posterior=posterior), moves)
    table, fitted = start.parameter_table, posterior.fitted
    assert len(none) == 0
    np.testing.assert_allclose(values[fitted] - table.values[fitted], posterior.spread.T @ moves, atol=1e-12)
    far, out = moved(real_training(start, posterior=posterior), 1e6 * moves)
    assert len(out) > 0
    lower, upper = table.bounds
    assert ((far >= lower) & (far <= upper)).all()
    at_bounds = (far[fitted] == lower[fitted]) | (far[fitted] == upper[fitted])
    assert at_bounds[out].all()
