from dataclasses import replace

import numpy as np
import pytest
from models import distorted, force_field, perturbed
from synthetic import data

from hybridff.errors import FitError
from hybridff.fitting import nonlinear_problem
from hybridff.fitting.conformers import DEVIATION, ConformerEnergies
from hybridff.fitting.noise import Noise
from hybridff.fitting.nonlinear_problem import NonlinearProblem, log_posterior, nonlinear_problem_of, with_energies
from hybridff.frames.accuracy import predict
from hybridff.gaff.forms import Form

NAME = "acetaldehyde"
NOISE = Noise(3.0, 200.0)
FORMS: tuple[Form, ...] = ("harmonic", "morse")


def wanted() -> ConformerEnergies:
    return ConformerEnergies(distorted(NAME, 3, seed=5), distorted(NAME, 2, seed=6), np.array([1.0, -4.0, 9.0]))


def problem(form: Form) -> NonlinearProblem:
    start = force_field(NAME, form=form)
    return nonlinear_problem_of([(start, data(perturbed(start, 0.3), 6, energy=1.0, force=50.0))])


def random_moves(own: NonlinearProblem, seed: int = 0) -> np.ndarray:
    return np.clip(0.1 * np.random.default_rng(seed).normal(size=len(own.fitted)), *own.bounds)


@pytest.mark.parametrize("form", FORMS)
def test_squares_are_those_of_the_force_field_itself(form: Form) -> None:
    own = problem(form)
    moves, frames = random_moves(own), own.members[0].frames
    energies, forces = predict(own.force_fields(moves)[0], frames.positions)
    difference = frames.energies - energies
    assert frames.forces is not None
    found = own.squares(moves)
    # small differences of large sums
    assert found.energy == pytest.approx(((difference - difference.mean()) ** 2).sum(), rel=1e-6)
    assert found.force == pytest.approx(((frames.forces - forces) ** 2).sum(), rel=1e-6)
    assert (own.n_frames, own.n_forces) == (6, 6 * 7 * 3)


@pytest.mark.parametrize("form", FORMS)
def test_the_posterior_is_that_of_torchs_energies_and_forces(form: Form) -> None:
    own, conformers = problem(form), wanted()
    moves, frames = random_moves(own), own.members[0].frames
    told = log_posterior(own.with_conformers([conformers]), NOISE, 0.5)(moves)
    plain = log_posterior(own, NOISE, 0.5)(moves)
    squares = own.squares(moves)
    data_part = 0.5 * (squares.energy / NOISE.energy**2 + squares.force / NOISE.force**2)
    assert plain.loss == pytest.approx(data_part + 0.5 * float(moves @ moves) / 0.5**2, rel=1e-9)
    (model,) = own.force_fields(moves)
    assert conformers.energies is not None
    energies = predict(model, conformers.conformers)[0] - predict(model, conformers.references)[0].mean()
    expected = 0.5 * (((energies - conformers.energies) / DEVIATION) ** 2).sum()
    assert told.loss - plain.loss == pytest.approx(expected, rel=1e-4)
    assert len(frames) == 6


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_of_the_posterior_is_that_of_differences(form: Form) -> None:
    own = problem(form).with_conformers([wanted()])
    posterior, moves = log_posterior(own, NOISE, 0.5), 0.5 * random_moves(own)
    way = np.random.default_rng(1).normal(size=len(moves))
    way[(np.abs(np.stack(own.bounds) - moves) < 0.01).any(0)] = 0.0
    step = 1e-4
    slope = (posterior(moves + step * way).loss - posterior(moves - step * way).loss) / (2 * step)
    assert posterior(moves).gradient @ way == pytest.approx(slope, rel=1e-4)


def test_only_forms_that_are_not_linear_everywhere_visit_frames_again(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = {form: problem(form) for form in FORMS}
    visits: list[int] = []
    visit = nonlinear_problem.visit_frames

    def counted(*arguments):
        visits.append(1)
        return visit(*arguments)

    monkeypatch.setattr(nonlinear_problem, "visit_frames", counted)
    counts = {}
    for form, own in problems.items():
        posterior = log_posterior(own, NOISE, 1.0)
        for moves in (np.zeros(len(own.fitted)), random_moves(own), np.zeros(len(own.fitted))):
            posterior(moves)
        counts[form], visits = len(visits), []
    assert counts == {"harmonic": 0, "morse": 1}


def test_quantities_that_are_frozen_do_not_move() -> None:
    start = force_field(NAME)
    own = nonlinear_problem_of([(start, data(start, 3))], ("bond k",))
    assert "bond k" not in {own.start.quantities[i] for i in own.fitted}
    moved = own.parameters(random_moves(own)).values != own.start.values
    assert not moved[np.array(own.start.quantities) == "bond k"].any()
    assert moved.any()


def test_a_start_beyond_its_bounds_may_stay_but_not_move_further_out() -> None:
    start = force_field(NAME)
    values = start.parameter_table.values.copy()
    angle = start.parameter_table.quantities.index("angle k")
    values[angle] = -5.0
    own = nonlinear_problem_of([(start.with_values(values), data(start, 3))])
    column = int(np.flatnonzero(own.fitted == angle)[0])
    moves = np.zeros(len(own.fitted))
    assert own.parameters(moves).values[angle] == -5.0
    moves[column] = -1.0
    assert own.parameters(moves).values[angle] == -5.0
    assert own.bounds[0][column] == 0.0


def test_energies_that_are_not_given_are_those_of_the_force_field() -> None:
    start = force_field(NAME)
    known = with_energies(replace(wanted(), energies=None), start)
    expected = predict(start, known.conformers)[0] - predict(start, known.references)[0].mean()
    np.testing.assert_array_equal(known.energies, expected)
    assert with_energies(known, perturbed(start, 1.0)) is known


def test_frames_without_forces_are_refused() -> None:
    start = force_field(NAME)
    with pytest.raises(FitError, match=r"the training frames of acetaldehyde have no forces; a fit needs them\."):
        nonlinear_problem_of([(start, replace(data(start, 3), forces=None))])
