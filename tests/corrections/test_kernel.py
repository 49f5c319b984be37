import numpy as np
import pytest
import torch
from models import distorted

from hybridff.corrections.covariance import Points, energy_blocks, force_blocks, internal_basis, projected
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion, matern

WIDTH = 7.0
IDENTITY = torch.arange(4)[None]
SWAPPED = torch.tensor([[0, 1, 2, 3], [1, 0, 2, 3]])


def geometries(n_frames: int) -> torch.Tensor:
    return torch.as_tensor(distorted("ethanol", n_frames)[:, :4])


def expansion(permutations: torch.Tensor, n_points: int = 3) -> KernelExpansion:
    descriptor = Descriptor(4)
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(n_points, len(descriptor), generator=random, dtype=torch.float64)
    energies = torch.randn(n_points, generator=random, dtype=torch.float64)
    return KernelExpansion(descriptor, descriptor.of(geometries(n_points)), weights, energies, permutations, WIDTH, 2.5)


def test_the_factors_are_the_derivatives_of_the_kernel() -> None:
    x = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3
    other = torch.zeros(5, dtype=torch.float64)
    value, first, second = matern(x - other, WIDTH, "value", "first", "second")

    def kernel(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return matern(left - right, WIDTH, "value")[0]

    s = np.sqrt(5) / WIDTH
    d = float(x.norm())
    np.testing.assert_allclose(float(value), (1 + s * d + (s * d) ** 2 / 3) * np.exp(-s * d), rtol=1e-14)
    slope = torch.func.grad(kernel)(x, other)
    np.testing.assert_allclose(slope, -first * x, rtol=1e-12)
    curvature = torch.func.jacrev(torch.func.grad(kernel), argnums=1)(x, other)
    np.testing.assert_allclose(
        curvature, first * torch.eye(5, dtype=torch.float64) - second * torch.outer(x, x), rtol=1e-11, atol=1e-15
    )


def test_the_energy_is_the_sum_over_points_and_permutations() -> None:
    model, x = expansion(SWAPPED), geometries(5)[3:]
    expected = np.full(2, model.constant)
    for frame in range(2):
        own = model.descriptor.of(x[frame])
        assert model.energy_weights is not None
        for point, weight, energy in zip(model.points, model.force_weights, model.energy_weights, strict=True):
            for permutation in SWAPPED.tolist():
                index = model.descriptor.permuted(permutation)
                value, first = matern(own - point[index], WIDTH, "value", "first")
                expected[frame] += float(energy * value - first * (own - point[index]) @ weight[index])
    np.testing.assert_allclose(model.energy(x), expected, rtol=1e-13)


def test_permuting_equivalent_atoms_changes_nothing() -> None:
    model, x = expansion(SWAPPED), geometries(5)
    np.testing.assert_allclose(model.energy(x[:, [1, 0, 2, 3]]), model.energy(x), rtol=1e-13)
    assert not np.allclose(model.energy(x[:, [2, 1, 0, 3]]), model.energy(x), rtol=1e-3)


def test_forces_are_finite_at_a_training_point() -> None:
    model, x = expansion(IDENTITY), geometries(3).requires_grad_()
    (gradient,) = torch.autograd.grad(model.energy(x).sum(), x)
    assert torch.isfinite(gradient).all()


def test_the_covariance_of_forces_is_the_second_derivative_of_the_kernel() -> None:
    descriptor, x = Descriptor(4), geometries(3)
    basis = internal_basis(x)
    points = Points.of(descriptor, x, basis)
    index = torch.stack([torch.as_tensor(descriptor.permuted(p)) for p in SWAPPED.tolist()])
    blocks = force_blocks(points, points, index, WIDTH)

    def kernel(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        moved = descriptor.of(right)[index]
        return matern(descriptor.of(left) - moved, WIDTH, "value")[0].sum()

    # Between different geometries: at one and the same, the kernel's square root has no second derivative for autograd.
    for i, j in [(0, 1), (2, 0), (1, 2)]:
        hessian = torch.func.jacrev(torch.func.grad(kernel), argnums=1)(x[i], x[j]).reshape(12, 12)
        expected = basis[i].T @ hessian @ basis[j]
        np.testing.assert_allclose(blocks[6 * i : 6 * i + 6, 6 * j : 6 * j + 6], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(blocks, blocks.T, rtol=1e-11, atol=1e-9)
    assert float(torch.linalg.eigvalsh(blocks)[0]) > -1e-9 * float(blocks.diagonal().max())
    lower = force_blocks(points, points, index, WIDTH, lower=True)
    np.testing.assert_array_equal(np.tril(lower), np.tril(blocks))


def test_the_covariances_with_energies_are_the_kernel_and_its_first_derivative() -> None:
    descriptor, x = Descriptor(4), geometries(5)
    basis = internal_basis(x)
    points = Points.of(descriptor, x, basis)
    left, right = (Points(points.x[part], points.slopes[part]) for part in (slice(0, 2), slice(2, 5)))
    index = torch.stack([torch.as_tensor(descriptor.permuted(p)) for p in SWAPPED.tolist()])
    energies, forces = energy_blocks(left, right, index, WIDTH)

    def kernel(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return matern(descriptor.of(one) - descriptor.of(other)[index], WIDTH, "value")[0].sum()

    for i in range(2):
        for j in range(3):
            assert float(energies[i, j]) == pytest.approx(float(kernel(x[i], x[2 + j])), rel=1e-13)
            expected = -torch.func.grad(kernel, argnums=1)(x[i], x[2 + j]).flatten() @ basis[2 + j]
            np.testing.assert_allclose(forces[i, 6 * j : 6 * j + 6], expected, rtol=1e-9, atol=1e-11)


def test_the_basis_holds_all_forces_without_net_force_and_torque() -> None:
    x = geometries(4)
    basis = internal_basis(x)
    np.testing.assert_allclose(basis.mT @ basis, torch.eye(6).expand(4, 6, 6), atol=1e-12)
    shift = torch.ones(4, 4, 3, dtype=torch.float64)
    turn = torch.linalg.cross(x, torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64).expand_as(x))
    np.testing.assert_allclose(projected(shift, basis), 0.0, atol=1e-10)
    np.testing.assert_allclose(projected(turn, basis), 0.0, atol=1e-10)


def test_two_atoms_have_one_direction() -> None:
    x = geometries(2)[:, :2]
    along = (x[:, 1] - x[:, 0]) / (x[:, 1] - x[:, 0]).norm(dim=-1, keepdim=True)
    basis = internal_basis(x)[..., 0].reshape(2, 2, 3)
    np.testing.assert_allclose((basis[:, 1] * along).sum(-1).abs(), 0.5**0.5, rtol=1e-12)
    np.testing.assert_allclose(basis.sum(1), 0.0, atol=1e-12)


def test_many_blocks_have_the_energies_and_derivatives_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = expansion(SWAPPED)
    found = []
    for block in (2**22, 40):
        monkeypatch.setattr("hybridff.corrections.kernel._BLOCK", block)
        x = model.descriptor.of(geometries(7)).requires_grad_()
        energy = model.of_descriptors(x)
        found.append((energy.detach(), *torch.autograd.grad(energy.sum(), x)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)
