import numpy as np
import pytest
import torch
from ethanol import class2_fit, real_frames

from hybridff.fitting.posterior import Posterior
from hybridff.hybrid.coefficients import CoefficientFactor
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual

PSEUDO = PseudoFrames.at(real_frames(100, 2).positions, 0.1)


def factor(atoms: range) -> tuple[CoefficientFactor, torch.Tensor]:
    """The factor of frames of ethanol for kernels on some atoms, and the same as a matrix."""
    start, posterior = class2_fit()
    residual = Residual.of(start, real_frames(n=12), atoms)
    whole = residual.coefficient_rows(posterior, PSEUDO).T
    return CoefficientFactor.of(residual, posterior, PSEUDO), whole


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max()) > 0


@pytest.mark.parametrize("atoms", [range(9), range(4)])
def test_products_are_those_of_the_matrix(atoms: range) -> None:
    found, whole = factor(atoms)
    assert found.shape == tuple(whole.shape)
    random = np.random.default_rng(0)
    values, unknowns = (torch.as_tensor(random.normal(size=n)) for n in whole.shape)
    close(found.times(unknowns), whole @ unknowns)
    close(found.along(values), whole.T @ values)
    columns = torch.as_tensor(random.normal(size=(len(whole), 3)))
    close(found.products(columns), whole.T @ columns)


def test_both_products_are_of_the_same_matrix() -> None:
    """What single precision makes of it: conjugate gradients need that."""
    found, whole = factor(range(9))
    values, unknowns = (torch.as_tensor(np.random.default_rng(0).normal(size=n)) for n in whole.shape)
    assert float(found.times(unknowns) @ values) == pytest.approx(float(found.along(values) @ unknowns), rel=1e-9)


def test_squares_are_those_of_the_matrix_for_whole_molecules_and_no_less_for_parts() -> None:
    for atoms, exact in ((range(9), True), (range(4), False)):
        found, whole = factor(atoms)
        noise = torch.full((len(whole),), 4.0, dtype=torch.float64)
        noise[-14:] = torch.linspace(0.5, 2.0, 14)
        squares = torch.zeros((whole.shape[1],) * 2, dtype=torch.float64)
        found.add_squares(squares, noise)
        squares = squares.tril() + squares.tril(-1).T
        expected = whole.T @ (whole / noise[:, None])
        if exact:
            close(squares, expected)
        least = torch.linalg.eigvalsh(squares - expected).min()
        assert float(least) > -1e-4 * float(expected.diagonal().max())


def test_other_pseudo_frames_change_only_what_they_are_about() -> None:
    found, whole = factor(range(9))
    start, posterior = class2_fit()
    more = PseudoFrames.at(real_frames(110, 3).positions, 0.1)
    changed = found.with_pseudo_frames(start, posterior, more)
    unknowns = torch.as_tensor(np.random.default_rng(0).normal(size=whole.shape[1]))
    expected = Residual.of(start, real_frames(n=12), range(9)).coefficient_rows(posterior, more)
    close(changed.times(unknowns), expected.T @ unknowns)
    assert changed.forces is found.forces


def test_numbers_that_single_precision_has_few_digits_of_are_zero() -> None:
    start, posterior = class2_fit()
    spread = posterior.spread.copy(order="F")
    spread[0] = 1e-40
    tiny = Posterior(posterior.fitted, spread, posterior.mean_energies)
    found = CoefficientFactor.of(Residual.of(start, real_frames(n=3), range(9)), tiny, PSEUDO)
    assert not found.spread[0].any()
    assert found.spread[1:].any(1).all()
    assert found.spread.flags.c_contiguous
