import contextlib

import numpy as np
import pytest
import torch
from models import distorted, molecule

from hybridff.cache import cache_folder
from hybridff.corrections import iterative
from hybridff.corrections.covariance import Points, internal_basis, projected
from hybridff.corrections.factors import DenseFactor, HeldFactor
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.iterative import Data, IterativeEquations
from hybridff.corrections.posterior import KernelPrior, Priors, Targets, cross_covariance, solve
from hybridff.errors import InputError

FOUND = Priors((KernelPrior(6.0, 1000.0), KernelPrior(9.0, 300.0), KernelPrior(5.0, 0.0)), 5.0, 0.3)
N_FRAMES, N_PSEUDO = 30, 3


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test alone."""
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


class Problem:
    """Two springs in ethanol; kernels on two parts and one that is off, an unknown zero of energy, pseudo-frames."""

    def __init__(self) -> None:
        x = torch.as_tensor(distorted("ethanol", N_FRAMES + N_PSEUDO)).requires_grad_()
        energy = sum(1500 * ((x[:, i] - x[:, j]).norm(dim=-1) - 0.25) ** 2 for i, j in ((0, 8), (1, 5)))
        assert isinstance(energy, torch.Tensor)
        (gradient,) = torch.autograd.grad(energy.sum(), x)
        x = x.detach()
        basis = internal_basis(x[:N_FRAMES])
        forces = projected(-gradient[:N_FRAMES], basis).reshape(-1)
        self.n_forces = len(forces)
        self.values = torch.cat([forces, energy.detach()])
        offset = self.values.new_zeros(len(self.values), 1)
        offset[len(forces) :] = 100.0
        coefficients = torch.as_tensor(np.random.default_rng(0).normal(0, 3.0, (len(self.values), 20)))
        self.offset, self.coefficients, self.held = offset, coefficients, coefficients.new_zeros(20, 0)
        self.pseudo = np.full(N_PSEUDO, 0.2)
        atoms = ((0, 1, 2, 8), (1, 3, 4, 5), (0, 1))
        self.fragments = [Fragment.find(molecule("ethanol"), own, x) for own in atoms]
        self.points = [fragment.points(x, basis) for fragment in self.fragments]

    @property
    def factor(self) -> HeldFactor:
        return HeldFactor(DenseFactor(self.coefficients), 1.0, self.held)

    @property
    def free(self) -> torch.Tensor:
        """What the coefficients do as far as they are not held."""
        whole = self.coefficients.double()
        return whole - whole @ self.held @ self.held.T

    def equations(self, rank: int = 100) -> IterativeEquations:
        data = Data(self.values, self.n_forces, self.offset, [self.factor], self.pseudo)
        return IterativeEquations(data, self.fragments, self.points, FOUND, rank)

    def exact(self) -> torch.Tensor:
        known = sum(factor @ factor.T for factor in (self.offset, self.free))
        assert isinstance(known, torch.Tensor)
        return solve(Targets(self.values, self.n_forces, known, self.pseudo), self.fragments, self.points, FOUND)[1]

    def predicted(self, weights: torch.Tensor) -> torch.Tensor:
        """What all unknowns make of the data, in units of the noise."""
        found = sum(factor @ (factor.T @ weights) for factor in (self.offset, self.free))
        for fragment, own, prior in zip(self.fragments, self.points, FOUND.kernels, strict=True):
            found = found + prior.variance * cross_covariance(own, own, fragment, prior.width) @ weights
        noise = torch.full_like(self.values, FOUND.energy_noise)
        noise[: self.n_forces] = FOUND.force_noise
        noise[-N_PSEUDO:] = FOUND.force_noise * 0.2
        return found / noise


class StoppedError(Exception):
    """A run that is killed."""


def told(equations: IterativeEquations, most: int = 1000) -> list[tuple[float, str]]:
    """What is told after each step, in a run that is killed after so many."""
    found: list[tuple[float, str]] = []

    def tell(share: float, what: str = "", /) -> None:
        if what != "preconditioner":
            found.append((share, what))
            if len(found) > most:
                raise StoppedError

    with contextlib.suppress(StoppedError):
        equations.solve(progress=tell)
    return found


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem()


@pytest.mark.parametrize("tolerance", [0.1, 1e-2, 1e-6])
def test_predictions_are_those_of_the_direct_solution_to_the_tolerance(problem: Problem, tolerance: float) -> None:
    found, exact = (problem.predicted(own) for own in (problem.equations().solve(tolerance=tolerance), problem.exact()))
    wrong = float((found - exact).square().mean().sqrt())
    assert 0 < wrong <= 1.001 * tolerance
    assert float(exact.square().mean().sqrt()) > 5


@pytest.mark.slow
def test_a_better_preconditioner_needs_fewer_steps(problem: Problem) -> None:
    assert len(told(problem.equations(300))) < len(told(problem.equations(10))) / 2


def test_a_guess_that_is_the_solution_needs_no_step(problem: Problem) -> None:
    exact = problem.exact()
    assert torch.equal(problem.equations().solve(exact), exact)


def test_a_preconditioner_of_fewer_data_and_more_unknowns_is_about_as_good() -> None:
    fewer, problem = Problem(), Problem()
    fewer.values, fewer.pseudo, fewer.offset = fewer.values[:-1], fewer.pseudo[:-1], fewer.offset[:-1]
    fewer.coefficients = fewer.coefficients[:-1]
    fewer.points = [Points(own.x[:-1], own.slopes) for own in fewer.points]
    problem.held = torch.linalg.qr(torch.as_tensor(np.random.default_rng(1).normal(size=(20, 3))))[0]
    equations, others = problem.equations(), fewer.equations()
    equations.begin_with(others.factor, others.inverse)
    found, exact = (problem.predicted(own) for own in (equations.solve(), problem.exact()))
    assert float((found - exact).square().mean().sqrt()) <= 0.011
    assert len(told(equations)) < len(told(problem.equations())) + 5


def test_coefficients_may_stand_in_single_precision(problem: Problem) -> None:
    single = Problem()
    single.coefficients = single.coefficients.float()
    found, exact = (problem.predicted(own) for own in (single.equations().solve(), problem.exact()))
    assert float((found - exact).square().mean().sqrt()) <= 0.011


def test_a_solution_that_was_stopped_goes_on_where_it_was(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterative, "_KEPT", 0.0)
    straight = len(told(problem.equations()))
    done = len(told(problem.equations(), straight // 2)) - 1
    assert len(list(cache_folder().glob("*.npz"))) == 1
    other = Problem()
    other.values = other.values + 1.0
    assert len(told(other.equations())) > straight - 3  # another problem, which begins anew
    assert len(told(problem.equations())) == straight - done
    assert not list(cache_folder().glob("*.npz"))


def test_progress_rises_to_the_end_with_residual_and_time_left(problem: Problem) -> None:
    shares, remarks = zip(*told(problem.equations()), strict=True)
    assert all(0 <= share <= 1 for share in shares)
    assert shares[-1] > 0.8
    assert "of the noise" in remarks[-1]
    assert "s left" in remarks[-1]


def test_too_little_noise_gets_a_sentence(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterative, "_MOST", 3)
    with pytest.raises(InputError, match="assume more of it"):
        problem.equations(10).solve()


def test_points_are_not_changed(problem: Problem) -> None:
    before = [Points(own.x.clone(), own.slopes.clone()) for own in problem.points]
    problem.equations().solve()
    for one, other in zip(before, problem.points, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.slopes, other.slopes)
