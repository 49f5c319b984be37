from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from synthetic import class2, data, dense, moved

from hybridff.fitting.equations import EnergyRows, NormalEquations, QuadraticForm, normal_equations
from hybridff.fitting.linear_problem import LinearProblem, data_equations, move_columns
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import DesignMatrix
from hybridff.gaff.forcefield import ForceField

NAME = "propyne"


def of_moves(model: ForceField, frames: Frames) -> NormalEquations:
    return data_equations(LinearProblem.of([(model, frames)], []), [frames])


@cache
def example() -> tuple[ForceField, Frames]:
    model = class2(NAME)
    return model, data(moved(model, 0.2), 5, energy=1.0, force=30.0)


def close(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for rounding: sums of products of numbers that are themselves differences of numbers 1e4 larger."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def random_rows(seed: int = 0, n: int = 4, n_energies: int = 7) -> EnergyRows:
    random = np.random.default_rng(seed)
    return EnergyRows(random.normal(size=(n, n_energies)), random.normal(size=n_energies))


def random_form(seed: int = 0) -> QuadraticForm:
    return random_rows(seed).quadratic


WEIGHTS = np.array([1.0, -0.3, 2.0, 0.7])


def test_a_quadratic_form_is_the_sum_of_squared_residuals() -> None:
    rows = random_rows()
    expected = float(((rows.targets - WEIGHTS @ rows.rows) ** 2).sum())
    assert rows.square(WEIGHTS) == pytest.approx(expected, rel=1e-14)
    assert rows.quadratic.value(WEIGHTS) == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_a_quadratic_form_is_that_of_differences() -> None:
    form, step = random_form(), 1e-3
    for i, way in enumerate(step * np.eye(4)):
        # quadratic: differences have no error but rounding
        slope = (form.value(WEIGHTS + way) - form.value(WEIGHTS - way)) / (2 * step)
        assert 2 * form.half_gradient(WEIGHTS)[i] == pytest.approx(slope, rel=1e-9)


def test_a_frame_of_weight_two_counts_as_one_that_is_there_twice_and_one_of_weight_zero_not_at_all() -> None:
    model, frames = example()
    twice = of_moves(model, frames.subset(np.array([0, 1, 2, 2, 4])))
    weighted = of_moves(model, replace(frames, weights=np.array([1.0, 1.0, 2.0, 0.0, 1.0])))
    close(weighted.force.matrix, twice.force.matrix)
    close(weighted.force.vector, twice.force.vector)
    close(weighted.energy.quadratic.matrix, twice.energy.quadratic.matrix)
    close(weighted.energy.quadratic.vector, twice.energy.quadratic.vector)
    close(weighted.means[0], twice.means[0])


def test_forms_add_up_and_scale() -> None:
    one, other = random_form(0), random_form(1)
    expected = one.value(WEIGHTS) + 0.5 * other.value(WEIGHTS)
    assert (one + other.scaled(0.5)).value(WEIGHTS) == pytest.approx(expected, rel=1e-12)


def test_from_a_start_the_first_weight_stays_and_the_others_change() -> None:
    rows, start = random_rows(), np.array([1.0, 0.5, -1.0, 2.0])
    changes = WEIGHTS[1:] - start[1:]
    assert rows.from_start(start).square(changes) == pytest.approx(rows.square(WEIGHTS), rel=1e-12)
    assert rows.quadratic.from_start(start).value(changes) == pytest.approx(rows.square(WEIGHTS), rel=1e-12)


def test_weights_left_out_are_zero() -> None:
    rows, kept = random_rows(), np.array([True, False, True, True])
    whole = np.where(kept, WEIGHTS, 0.0)
    assert rows.subset(kept).square(WEIGHTS[kept]) == pytest.approx(rows.square(whole), rel=1e-12)
    assert rows.quadratic.subset(kept).value(WEIGHTS[kept]) == pytest.approx(rows.square(whole), rel=1e-12)


def test_energies_in_units_of_a_deviation_have_residuals_in_that_unit() -> None:
    rows = random_rows()
    assert rows.in_units_of(3.0).square(WEIGHTS) == pytest.approx(rows.square(WEIGHTS) / 9, rel=1e-12)
    assert len(rows + rows) == 2 * len(rows) == 14
    assert (rows + rows).square(WEIGHTS) == pytest.approx(2 * rows.square(WEIGHTS), rel=1e-12)


def test_centred_energies_do_not_depend_on_their_zero() -> None:
    rows = random_rows()
    shifted = EnergyRows(rows.rows + np.arange(4)[:, None], rows.targets - 4e5)
    both = [NormalEquations(random_form(), 3, own).centred() for own in (rows, shifted)]
    # numbers of 4e5 in double precision
    assert both[0].energy.square(WEIGHTS) == pytest.approx(both[1].energy.square(WEIGHTS), rel=1e-8)
    np.testing.assert_allclose(both[0].energy.rows.sum(1), 0.0, atol=1e-12)
    np.testing.assert_allclose(both[0].means[0], rows.rows.mean(1), rtol=1e-14)


def test_centred_equations_refuse_a_start() -> None:
    centred = NormalEquations(random_form(), 3, random_rows()).centred()
    with pytest.raises(AssertionError, match="lost the means"):
        centred.from_start(WEIGHTS)


def test_the_sums_are_those_of_a_dense_design_matrix() -> None:
    energies, forces, energy_left, force_left = dense(*example())
    found = of_moves(*example())
    close(found.force.matrix, forces.T @ forces)
    close(found.force.vector, forces.T @ force_left)
    assert found.force.constant == pytest.approx(force_left @ force_left, rel=1e-9)
    close(found.energy.rows, (energies - energies.mean(0)).T)
    # The reference energies are -4e5 kJ/mol, known to 1e-10.
    np.testing.assert_allclose(found.energy.targets, energy_left - energy_left.mean(), atol=1e-8)
    close(found.means[0], energies.mean(0))
    assert found.n_forces == 5 * 7 * 3


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_blocks_of_frames_do_not_matter(n_frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, frames = example()
    problem = LinearProblem.of([(model, frames)], [])
    n_columns, values = len(problem.fitted) + 1, model.parameter_table.values
    table = move_columns(model.table, problem, problem.positions[0])
    whole = normal_equations(table, n_columns, values, frames)
    monkeypatch.setattr(DesignMatrix, "frames_of", lambda self, n_bytes: n_frames)
    done: list[float] = []
    found = normal_equations(table, n_columns, values, frames, lambda fraction, what="": done.append(fraction))
    assert done == pytest.approx([*np.arange(n_frames, 5, n_frames) / 5, 1.0])
    close(found.force.matrix, whole.force.matrix)
    close(found.force.vector, whole.force.vector)
    np.testing.assert_array_equal(found.energy.rows, whole.energy.rows)


def test_squares_are_those_of_the_force_field_itself() -> None:
    model, frames = example()
    assert frames.forces is not None
    p, found = model.parameter_table, of_moves(model, frames)
    moves = 0.1 * np.random.default_rng(5).normal(size=p.adjustable.sum())
    values = p.values.copy()
    values[p.adjustable] += moves * p.prior_widths[p.adjustable]
    energies, forces = predict(model.with_values(values), frames.positions)
    difference = frames.energies - energies
    squares = found.squares(moves)
    assert squares.force == pytest.approx(((frames.forces - forces) ** 2).sum(), rel=1e-9)
    assert squares.energy == pytest.approx(((difference - difference.mean()) ** 2).sum(), rel=1e-9)


def test_a_part_of_the_moves_is_what_the_whole_says_with_the_others_at_zero() -> None:
    found = of_moves(*example())
    random = np.random.default_rng(0)
    kept = random.random(len(found.force.vector)) < 0.3
    moves = np.where(kept, random.normal(size=len(kept)), 0.0)
    part = found.subset(kept)
    assert part.force_square(moves[kept]) == pytest.approx(found.force_square(moves), rel=1e-12)
    assert part.energy.square(moves[kept]) == pytest.approx(found.energy.square(moves), rel=1e-12)
    assert part.means[0].tolist() == found.means[0][kept].tolist()


def test_molecules_add_up_with_an_energy_zero_each() -> None:
    models = [class2(NAME), class2("acetaldehyde")]
    pairs = [(model, data(moved(model, 0.2), n)) for model, n in zip(models, (3, 4), strict=True)]
    problem = LinearProblem.of(pairs, [])
    every = [frames for _, frames in pairs]
    total = data_equations(problem, every)
    parts = [
        data_equations(
            LinearProblem(tuple(pairs[i : i + 1]), (), problem.start, problem.positions[i : i + 1], problem.fitted),
            [own],
        )
        for i, own in enumerate(every)
    ]
    moves = 0.1 * np.random.default_rng(0).normal(size=len(problem.fitted))
    expected = parts[0].squares(moves) + parts[1].squares(moves)
    assert total.squares(moves).force == pytest.approx(expected.force, rel=1e-9)
    assert total.squares(moves).energy == pytest.approx(expected.energy, rel=1e-9)
    assert len(total.energy) == 7
    assert total.n_forces == 3 * 7 * 3 + 4 * 7 * 3
    for mean, part in zip(total.means, parts, strict=True):
        np.testing.assert_array_equal(mean, part.means[0])


def test_forces_alone_say_nothing_of_energies() -> None:
    found = of_moves(*example())
    alone = found.forces_alone(0.1)
    moves = 0.1 * np.random.default_rng(0).normal(size=len(found.force.vector))
    assert alone.force_square(moves) == pytest.approx(0.1 * found.force_square(moves), rel=1e-9)
    assert alone.energy.square(moves) == 0.0
    both = alone + found
    assert both.energy.square(moves) == found.energy.square(moves)
    assert len(both.means) == 1
