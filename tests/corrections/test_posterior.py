import numpy as np
import pytest
import torch
from models import distorted, molecule

from hybridff.corrections.covariance import Points, internal_basis, projected
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.posterior import KernelPrior, Priors, Targets, cross_covariance, mean_force_variance, solve

N_FRAMES = 24
ATOMS = ((0, 1, 2, 8), (1, 3, 4, 5))


def fragments() -> list[Fragment]:
    return [Fragment(atoms, Descriptor(4), torch.arange(4)[None]) for atoms in ATOMS]


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, list[Points]]:
    """Geometries of ethanol, directions, and the geometries as the two kernels see them."""
    x = torch.as_tensor(distorted("ethanol", N_FRAMES, seed=seed))
    basis = internal_basis(x)
    return x, basis, [fragment.points(x, basis) for fragment in fragments()]


def prior(width: float, amplitude: float, points: Points) -> KernelPrior:
    """Prior of the first kernel, for forces of an amplitude [kJ/mol/nm]."""
    return KernelPrior(width, amplitude**2 / mean_force_variance(points, fragments()[0], width))


def spring(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Energies and forces of ½ k (r - r0)² between two atoms that only the first kernel sees together."""
    x = x.clone().requires_grad_()
    energy = 1500 * ((x[:, 0] - x[:, 8]).norm(dim=-1) - 0.3) ** 2
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    return energy.detach(), -gradient


def targets(energies: torch.Tensor, forces: torch.Tensor, basis: torch.Tensor) -> Targets:
    own = projected(forces, basis).ravel()
    values = torch.cat([own, energies])
    offset = values.new_zeros(len(values), 1)
    offset[len(own) :] = 1000.0
    return Targets(values, len(own), offset @ offset.T)


def test_the_covariance_is_symmetric_and_one_for_the_energy_of_a_geometry() -> None:
    _, _, points = data()
    matrix = cross_covariance(points[0], points[0], fragments()[0], 7.0)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(matrix.diagonal()[N_FRAMES * 21 :], 1.0, rtol=1e-12)


def test_the_mean_variance_of_forces_is_that_of_frames_drawn_from_the_prior() -> None:
    """Its root is the root mean square of the forces that a kernel of unit variance gives."""
    _, _, points = data()
    n = points[0].n_forces
    mean = mean_force_variance(points[0], fragments()[0], 7.0)
    matrix = cross_covariance(points[0], points[0], fragments()[0], 7.0)[:n, :n].numpy()
    values, vectors = np.linalg.eigh(matrix)
    drawn = vectors @ (np.sqrt(values.clip(0))[:, None] * np.random.default_rng(0).normal(size=(n, 4000)))
    assert (drawn**2).mean() == pytest.approx(mean, rel=0.02)


def test_the_trained_kernels_explain_the_data_and_unseen_ones() -> None:
    x, basis, points = data()
    wanted = targets(*spring(x), basis)
    found = Priors((prior(60.0, 300.0, points[0]), KernelPrior(2.0, 0.0)), 1e-3, 1e-3)
    terms, _ = solve(Targets(wanted.values, wanted.n_forces, wanted.known.clone()), fragments(), points, found)
    (term,) = terms
    assert term.atoms == ATOMS[0]
    new = torch.as_tensor(distorted("ethanol", 10, seed=1))
    for frames, share in ((x, 1e-3), (new, 0.15)):
        expected_energies, expected_forces = spring(frames)
        energies, forces = term.energy_forces(frames)
        assert float((forces - expected_forces).norm()) < share * float(expected_forces.norm())
        differences = energies - expected_energies
        assert float(differences.std()) < share * float(expected_energies.std())


def test_the_weights_give_the_mean_of_whatever_goes_with_the_data() -> None:
    x, basis, points = data()
    energies, forces = spring(x)
    column = torch.cat([projected(forces, basis).ravel(), energies])
    known = 9 * torch.outer(column, column)
    found = Priors((prior(2.0, 1.0, points[0]), KernelPrior(2.0, 0.0)), 1e-2, 1e-2)
    _, weights = solve(Targets(column, N_FRAMES * 21, known), fragments(), points, found)
    assert float(9 * column @ weights) == pytest.approx(1.0, rel=1e-3)


def test_a_fragment_is_found_with_the_permutations_that_its_frames_reach() -> None:
    x = torch.as_tensor(distorted("ethanol", 40, width=0.004))
    turned = torch.cat([x[:20], x[20:, [0, 1, 2, 4, 5, 3, 6, 7, 8]]])
    fragment = Fragment.find(molecule("ethanol"), [0, 3, 4, 5], turned)
    assert fragment.atoms == (0, 3, 4, 5)
    assert [0, 2, 3, 1] in fragment.permutations.tolist()
