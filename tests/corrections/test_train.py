from typing import Literal

import numpy as np
import pytest
import torch
from models import distorted

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.train import KernelOptions, judge, train_forces
from hybridff.errors import InputError

IDENTITY = torch.arange(4)[None]
DESCRIPTOR = Descriptor(4)


def geometries(n_frames: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(distorted("ethanol", n_frames, seed=seed)[:, :4])


def forces(model: KernelExpansion, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.energy(x).sum(), x)
    return -gradient


def spring_forces(x: torch.Tensor) -> torch.Tensor:
    """Of ½ k (r - r0)² between the first and the last atom, k = 1000 kJ/mol/nm²."""
    x = x.clone().requires_grad_()
    r = (x[:, 0] - x[:, 3]).norm(dim=-1)
    (gradient,) = torch.autograd.grad((500 * (r - 0.25) ** 2).sum(), x)
    return -gradient


def test_without_noise_the_training_forces_come_back() -> None:
    x = geometries(12)
    model = train_forces(DESCRIPTOR, x, spring_forces(x), IDENTITY, width=20.0, ridge=1e-10)
    np.testing.assert_allclose(forces(model, x), spring_forces(x), atol=1e-4 * float(spring_forces(x).abs().max()))


def test_unseen_forces_and_energies_are_those_of_the_potential() -> None:
    x, new = geometries(150), geometries(20, seed=1)
    model = train_forces(DESCRIPTOR, x, spring_forces(x), IDENTITY, width=60.0, ridge=1e-8)
    expected = spring_forces(new)
    error = (forces(model, new) - expected).square().mean().sqrt()
    assert float(error) < 0.05 * float(expected.square().mean().sqrt())


def test_a_singular_covariance_is_refused_with_what_to_do() -> None:
    x = geometries(3)[[0, 0, 0]]
    with pytest.raises(InputError, match="use a larger ridge"):
        train_forces(DESCRIPTOR, x, torch.ones_like(x), IDENTITY, width=20.0, ridge=0.0)


def test_the_evidence_finds_the_noise() -> None:
    x = geometries(80)
    clean = spring_forces(x)
    noise = 5.0
    noisy = clean + noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = judge(DESCRIPTOR, x, noisy, IDENTITY, KernelOptions())
    assert found.wanted
    assert found.noise == pytest.approx(noise, rel=0.15)


def test_noise_alone_switches_the_kernel_off_or_all_but() -> None:
    x = geometries(80)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = judge(DESCRIPTOR, x, noise, IDENTITY, KernelOptions())
    assert found.gain < 0.02
    assert found.noise == pytest.approx(1.0, rel=0.1)


def test_a_given_width_and_ridge_are_kept() -> None:
    x = geometries(20)
    found = judge(DESCRIPTOR, x, spring_forces(x), IDENTITY, KernelOptions(width=11.0, ridge=1e-3))
    assert (found.width, found.ridge) == (11.0, 1e-3)


@pytest.mark.parametrize("name", ["width", "ridge"])
def test_a_width_or_ridge_that_is_not_positive_is_refused(name: Literal["width", "ridge"]) -> None:
    with pytest.raises(InputError, match=f"option {name} has to be a positive number, not 0"):
        KernelOptions(width=0.0) if name == "width" else KernelOptions(ridge=0.0)
