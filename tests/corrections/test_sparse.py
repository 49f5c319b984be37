from dataclasses import replace

import numpy as np
import pytest
import torch
from models import distorted, molecule

from hybridff.corrections.covariance import Points, internal_basis, projected
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.posterior import KernelPrior, Priors, Targets, solve
from hybridff.corrections.sparse import Block, SparseProblem, farthest
from hybridff.errors import InputError

ATOMS = ((0, 1, 2, 8), (1, 3, 4, 5))
N_FRAMES = 20
LITTLE_NOISE = Priors((KernelPrior(6.0, 1000.0), KernelPrior(9.0, 300.0)), 0.05, 0.003)
FOUND = Priors((KernelPrior(6.0, 1000.0), KernelPrior(9.0, 300.0)), 5.0, 0.3)
FOUND_SECOND = Priors((KernelPrior(9.0, 300.0),), 5.0, 0.3)


def fragments() -> list[Fragment]:
    return [Fragment(atoms, Descriptor(4), torch.arange(4)[None]) for atoms in ATOMS]


def geometries(n: int = N_FRAMES, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(distorted("ethanol", n, seed=seed))


def blocks(size: int, seed: int = 0) -> list[Block]:
    """Forces and energies of two springs, some frames at a time, with an unknown zero of energy."""
    positions = geometries(seed=seed).requires_grad_()
    energy = sum(1500 * ((positions[:, i] - positions[:, j]).norm(dim=-1) - 0.25) ** 2 for i, j in ((0, 8), (1, 5)))
    assert isinstance(energy, torch.Tensor)
    (gradient,) = torch.autograd.grad(energy.sum(), positions)
    found = []
    for first in range(0, N_FRAMES, size):
        x = positions[first : first + size].detach()
        basis = internal_basis(x)
        force = projected(-gradient[first : first + size], basis).reshape(-1)
        own = energy[first : first + size].detach()
        others = torch.cat([torch.zeros_like(force), torch.full_like(own, 100.0)])[None]
        points = [fragment.points(x, basis) for fragment in fragments()]
        found.append(Block(torch.cat([force, own]), len(force), points, others))
    return found


def pseudo_frames(seed: int = 3) -> Block:
    """Geometries whose energies are to be zero, give or take."""
    x = torch.as_tensor(distorted("ethanol", 4, seed=seed))
    points = [fragment.points(x, torch.zeros(0, 27, 21, dtype=torch.float64)) for fragment in fragments()]
    zeros = torch.zeros(4, dtype=torch.float64)
    return Block(zeros, 0, points, torch.full_like(zeros[None], 100.0), np.array([0.1, 0.2, 0.4, 0.6]))


def with_pseudo_frames(frames: Block, others: Block, zero: float) -> tuple[Targets, list[Points]]:
    """As one problem of the full process."""
    values = torch.cat([frames.values, torch.full_like(others.values, zero)])
    effects = torch.cat([frames.others, others.others], 1)
    points = [
        Points(torch.cat([own.x, pseudo.x]), own.slopes)
        for own, pseudo in zip(frames.points, others.points, strict=True)
    ]
    return Targets(values, frames.n_forces, effects.T @ effects, others.pseudo_deviations), points


def without_first(found: list[Block]) -> list[Block]:
    """As the second kernel alone sees them."""
    return [replace(block, points=block.points[1:]) for block in found]


def test_with_every_frame_a_point_it_is_the_full_gaussian_process() -> None:
    """Whatever the amplitudes were that the equations were made with."""
    x = geometries()
    (everything,) = blocks(N_FRAMES)
    known = everything.others.T @ everything.others
    targets = Targets(everything.values, everything.n_forces, known)
    full, _ = solve(targets, fragments(), everything.points, FOUND)
    begin = replace(FOUND, kernels=(KernelPrior(6.0, 90.0), KernelPrior(9.0, 2700.0)))
    sparse, others = SparseProblem.of(blocks(7), fragments(), [x, x], begin).solve(FOUND)
    new = geometries(5, seed=9)
    for one, other in zip(full, sparse, strict=True):
        for a, b in zip(one.energy_forces(new), other.energy_forces(new), strict=True):
            # The normal equations square the condition number of the covariance, 1e7 here.
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert others.shape == (1,)


@pytest.mark.parametrize("later", [True, False])
def test_with_pseudo_frames_it_is_the_full_process_too(*, later: bool) -> None:
    (everything,) = blocks(N_FRAMES)
    targets, points = with_pseudo_frames(everything, pseudo_frames(), 7.0)
    full, _ = solve(targets, fragments(), points, FOUND)
    centres = torch.cat([geometries(), geometries(4, seed=3)])
    problem = SparseProblem.of([*blocks(7), *([] if later else [pseudo_frames()])], fragments(), [centres] * 2, FOUND)
    if later:
        problem.add([pseudo_frames()])
    problem.set_pseudo_energies(np.full(4, 7.0))
    sparse, _ = problem.solve(FOUND)
    new = geometries(5, seed=9)
    for one, other in zip(full, sparse, strict=True):
        for a, b in zip(one.energy_forces(new), other.energy_forces(new), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_kernels_come_the_nearer_to_a_pseudo_frame_the_surer_it_is() -> None:
    (everything,) = blocks(N_FRAMES)
    x, off = geometries(4, seed=3), []
    known = {}
    for deviation in (20.0, 0.2, 0.002):
        own = replace(pseudo_frames(), pseudo_deviations=np.full(4, deviation))
        targets, points = with_pseudo_frames(everything, own, 7.0)
        known[deviation] = targets.known.clone()
        terms, weights = solve(targets, fragments(), points, FOUND)
        energies = sum(term.energy(x) for term in terms)
        assert isinstance(energies, torch.Tensor)
        # the kernels, and the zero of energy, which is the same for frames and pseudo-frames
        found = energies + known[deviation][-4:] @ weights
        off.append(float((found - 7.0).abs().max()))
    assert off == sorted(off, reverse=True)
    assert off[-1] < 0.05
    assert off[0] > 0.5


def test_few_points_explain_more_with_more_of_them() -> None:
    x, (new,) = geometries(), blocks(N_FRAMES, seed=5)
    left = []
    for n_points in (1, 20):
        terms, _ = SparseProblem.of(blocks(10), fragments(), [x[:n_points]] * 2, FOUND).solve(LITTLE_NOISE)
        positions = geometries(seed=5)
        forces = sum(term.energy_forces(positions)[1] for term in terms)
        assert isinstance(forces, torch.Tensor)
        wanted = new.values[: new.n_forces].reshape(N_FRAMES, -1)
        left.append(float((projected(forces, internal_basis(positions)) - wanted).square().mean().sqrt()))
    assert left[1] < 0.7 * left[0]


def test_a_kernel_that_is_switched_off_has_no_points() -> None:
    x = geometries()
    found = Priors((KernelPrior(6.0, 0.0), KernelPrior(9.0, 300.0)), 5.0, 0.3)
    terms, _ = SparseProblem.of(blocks(20), fragments(), [x, x], FOUND).solve(found)
    (alone,), _ = SparseProblem.of(without_first(blocks(20)), fragments()[1:], [x], FOUND_SECOND).solve(FOUND_SECOND)
    assert [term.atoms for term in terms] == [ATOMS[1]]
    new = geometries(5, seed=9)
    torch.testing.assert_close(terms[0].energy(new), alone.energy(new), rtol=1e-6, atol=1e-6)


def test_unknowns_are_kept_out_of_directions() -> None:
    x = geometries()
    random = np.random.default_rng(3)

    def several() -> list[Block]:
        return [
            replace(
                block,
                others=torch.cat(
                    [block.others, block.values + torch.as_tensor(random.normal(0, 50, (3, len(block.values))))]
                ),
            )
            for block in blocks(20)
        ]

    found = several()
    direction = torch.tensor([[0.0], [0.6], [0.0], [0.8]], dtype=torch.float64)
    free = SparseProblem.of(found, fragments(), [x, x], FOUND)
    assert abs(float((direction.T @ free.solve(FOUND)[1])[0])) > 1e-3
    free.project_out(direction.numpy())
    terms, others = free.solve(FOUND)
    assert abs(float((direction.T @ others)[0])) < 1e-9
    (block,) = found
    less = [replace(block, others=block.others - direction @ (direction.T @ block.others))]
    expected, _ = SparseProblem.of(less, fragments(), [x, x], FOUND).solve(FOUND)
    new = geometries(5, seed=9)
    for term, other in zip(terms, expected, strict=True):
        torch.testing.assert_close(term.energy(new), other.energy(new), rtol=1e-6, atol=1e-6)


def test_noise_too_small_for_double_precision_gets_a_sentence() -> None:
    x = geometries()
    problem = SparseProblem.of(blocks(20), fragments(), [x, x], FOUND)
    with pytest.raises(InputError, match="noise is too small for double precision"):
        problem.solve(replace(FOUND, force_noise=1e-12, energy_noise=1e-12))


def test_points_are_chosen_to_be_unlike_each_other() -> None:
    """Of three clusters of geometries, three points take one each."""
    centres = distorted("ethanol", 3, seed=2)
    random = np.random.default_rng(0)
    x = torch.as_tensor(np.concatenate([centre + random.normal(0, 1e-4, (5, 9, 3)) for centre in centres]))
    fragment = Fragment.find(molecule("ethanol"), range(9), x)
    chosen = farthest(fragment, x, 5.0, 3)
    assert sorted(chosen // 5) == [0, 1, 2]
    assert chosen[0] == 0


def test_the_same_geometry_is_no_second_point() -> None:
    x = geometries(2).repeat_interleave(3, 0)
    fragment = Fragment.find(molecule("ethanol"), range(9), x)
    assert len(farthest(fragment, x, 5.0, 6)) == 2
