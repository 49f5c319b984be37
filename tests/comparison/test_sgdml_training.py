import numpy as np
import pytest
import torch
from models import distorted

from hybridff.comparison.sgdml_training import train_forces
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
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
