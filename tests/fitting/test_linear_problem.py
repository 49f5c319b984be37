import numpy as np
import pytest
from models import corrected, distorted, force_field
from synthetic import class2, data, moved
from systems import system_of

from hybridff.fitting.conformers import DEVIATION, ConformerEnergies
from hybridff.fitting.equations import EnergyRows, NormalEquations, QuadraticForm
from hybridff.fitting.linear_problem import (
    LinearProblem,
    conformer_rows,
    data_equations,
    first_noise,
    linear_system,
    restraint_rows,
)
from hybridff.frames.accuracy import predict
from hybridff.gaff.prior_restraints import restraints

NAME = "acetaldehyde"


def problem() -> LinearProblem:
    start = class2(NAME)
    return LinearProblem.of([(start, data(moved(start, 0.2), 6, energy=1.0, force=30.0))], [])


def random_moves(own: LinearProblem, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=len(own.fitted))


def test_moves_are_changes_in_units_of_prior_widths() -> None:
    own = problem()
    moves, p = random_moves(own), class2(NAME).parameter_table
    change = own.parameters(moves).values - p.values
    np.testing.assert_allclose(change[p.adjustable], moves * p.prior_widths[p.adjustable], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(change[~p.adjustable], 0.0)
    np.testing.assert_array_equal(own.force_fields(moves)[0].parameter_table.values, own.parameters(moves).values)


def test_limits_are_where_coefficients_reach_their_bounds() -> None:
    own = problem()
    lower, _ = own.limits
    held = np.isfinite(lower)
    at_limit = own.start.values[own.fitted] + np.where(held, lower, 0.0) * own.widths
    np.testing.assert_allclose(at_limit[held], own.start.bounds[0][own.fitted][held], atol=1e-9)
    assert held.any()
    assert not own.dispensable[held].any()
    assert own.dispensable.any()


def test_terms_left_out_of_a_problem_leave_the_energy_at_the_start_as_it_is() -> None:
    own = problem()
    fewer = own.without(own.dispensable)
    assert len(fewer.fitted) == (~own.dispensable).sum()
    assert not fewer.dispensable.any()
    x = distorted(NAME, 3)
    nothing, less = (predict(each.pairs[0][0], x)[0] for each in (own, fewer))
    np.testing.assert_allclose(nothing, less, rtol=1e-12)


def test_restraints_on_moves_are_those_on_coefficients() -> None:
    own = problem()
    ((model, frames),) = own.pairs
    rows, moves = restraint_rows(own), random_moves(own)
    values = own.parameters(moves).values
    expected = [
        (np.dot(values[list(one.coefficients)], one.weights) - one.target) / one.deviation
        for one in restraints(model.table, model.parameter_table, frames.positions)
    ]
    np.testing.assert_allclose(rows.weights @ moves - rows.targets, expected, rtol=1e-9, atol=1e-9)


def test_rows_of_conformers_are_what_moves_leave_of_the_energies_wanted() -> None:
    own, random = problem(), np.random.default_rng(3)
    wanted = ConformerEnergies(distorted(NAME, 4, seed=5), distorted(NAME, 3, seed=6), random.normal(0, 9, 4))
    assert wanted.energies is not None
    rows, moves = conformer_rows(own, [wanted]), random_moves(own)
    (model,) = own.force_fields(moves)
    energies = predict(model, wanted.conformers)[0] - predict(model, wanted.references)[0].mean()
    # Double precision, of energies of hundreds of kJ/mol.
    np.testing.assert_allclose(moves @ rows.rows - rows.targets, (energies - wanted.energies) / DEVIATION, atol=1e-9)


def test_where_no_energies_are_wanted_those_of_the_start_are() -> None:
    own = problem()
    rows = conformer_rows(own, [ConformerEnergies(distorted(NAME, 4, seed=5), distorted(NAME, 3, seed=6), None)])
    np.testing.assert_array_equal(rows.targets, 0.0)
    assert len(rows) == 4


@pytest.mark.parametrize("wanted", [None, ConformerEnergies(distorted(NAME, 0), distorted(NAME, 3), None)])
def test_without_conformers_there_are_no_rows(wanted: ConformerEnergies | None) -> None:
    own = problem()
    assert conformer_rows(own, [wanted]).rows.shape == (len(own.fitted), 0)


def test_the_first_noise_is_a_small_part_of_what_the_start_leaves() -> None:
    force = QuadraticForm(np.eye(1), np.zeros(1), 400.0)
    equations = NormalEquations(force, 4, EnergyRows(np.zeros((1, 2)), np.array([3.0, -3.0])))
    found = first_noise(equations)
    assert (found.energy, found.force) == pytest.approx((0.09, 0.3))


def test_a_system_knows_the_conformers_that_its_frames_do_not_show() -> None:
    start = class2("ethanol")
    system = system_of(start, data(start, 5))
    (unseen,) = system.problem.unseen
    assert len(system.conformers) == len(unseen.conformers) > 0
    fewer = system.without(system.problem.dispensable)
    assert len(fewer.conformers) == len(system.conformers)
    again = linear_system(fewer.problem, [frames for _, frames in fewer.problem.pairs])
    np.testing.assert_allclose(fewer.data.force.matrix, again.data.force.matrix, rtol=1e-9, atol=1e-3)
    assert data_equations(fewer.problem, [system.problem.pairs[0][1]]).n_forces == system.data.n_forces


def test_wanted_energies_of_conformers_are_those_of_terms_and_kernels_together() -> None:
    hybrid = corrected(force_field("ethanol", form="class2"))
    x, references = distorted("ethanol", 3, seed=1), distorted("ethanol", 4, seed=2)
    problem = LinearProblem.of([(hybrid, data(hybrid, 2))], [])
    wanted = np.array([1.0, 20.0, 300.0])
    rows = conformer_rows(problem, [ConformerEnergies(x, references, wanted)])
    above = predict(hybrid, x)[0] - predict(hybrid, references)[0].mean()
    np.testing.assert_allclose(rows.targets, (wanted - above) / DEVIATION, rtol=0, atol=1e-9)
