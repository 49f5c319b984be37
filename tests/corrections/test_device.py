import pytest
import torch
from models import distorted, molecule

from hybridff.comparison.sgdml_training import train_forces
from hybridff.corrections.covariance import internal_basis, projected
from hybridff.corrections.device import PROCESSOR, chosen, most_rows, within_memory
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.posterior import KernelPrior, Priors, Targets, solve
from hybridff.corrections.sparse import Block, SparseProblem, farthest
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU")
FOUND = Priors((KernelPrior(20.0, 1000.0),), 1.0, 0.1)


def labelled(device: torch.device) -> tuple[Fragment, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A kernel on all of ethanol; positions, energies and forces of a spring."""
    x = torch.as_tensor(distorted("ethanol", 40))
    fragment = Fragment.find(molecule("ethanol"), range(9), x, angular=True)
    x = x.to(device).requires_grad_()
    energies = 1500 * ((x[:, 0] - x[:, 8]).norm(dim=-1) - 0.3) ** 2
    (gradient,) = torch.autograd.grad(energies.sum(), x)
    return fragment, x.detach(), energies.detach(), -gradient


def trained_at_once(device: torch.device) -> KernelTerm:
    fragment, x, energies, forces = labelled(device)
    basis = internal_basis(x)
    values = torch.cat([projected(forces, basis).ravel(), energies])
    targets = Targets(values, len(values) - len(x), values.new_zeros(len(values), len(values)))
    (term,), _ = solve(targets, [fragment], [fragment.points(x, basis)], FOUND)
    return term


def trained_on_few_points(device: torch.device) -> KernelTerm:
    fragment, x, energies, forces = labelled(device)
    basis = internal_basis(x)
    values = torch.cat([projected(forces, basis).ravel(), energies])
    block = Block(values, len(values) - len(x), [fragment.points(x, basis)], torch.ones_like(values[None]))
    centres = x[farthest(fragment, x, 20.0, 10)]
    (term,), _ = SparseProblem.of([block], [fragment], [centres], FOUND).solve(FOUND)
    return term


def trained_on_forces(device: torch.device) -> KernelTerm:
    fragment, x, _, forces = labelled(device)
    kernel = train_forces(fragment.descriptor, x, forces, fragment.permutations, 20.0, 1e-6)
    return KernelTerm(range(9), kernel)


def test_without_a_gpu_kernels_are_trained_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen("auto") == chosen("cpu") == PROCESSOR


def test_a_gpu_that_is_not_there_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="PyTorch finds no GPU that it can use"):
        chosen("cuda")


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, free: float, reserved: float = 0.0) -> None:
    """A GPU with so much free memory, and so much that PyTorch keeps for later [bytes]."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80e9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: reserved)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0.0)


def test_a_large_gpu_takes_more_rows_than_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch, 80e9)
    assert most_rows(chosen("auto")) > most_rows(PROCESSOR)


def test_a_small_gpu_is_taken_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch, 4e9)
    assert chosen("auto") == PROCESSOR
    assert most_rows(chosen("cuda")) < most_rows(PROCESSOR)


def test_memory_that_pytorch_keeps_for_later_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch, 80e9)
    before = most_rows(chosen("cuda"))
    pretend_gpu(monkeypatch, 40e9, reserved=40e9)
    assert most_rows(chosen("cuda")) == before


def test_what_a_gpu_cannot_hold_gets_a_sentence() -> None:
    with pytest.raises(InputError, match="ask for fewer points, or for the processor"), within_memory():
        raise torch.OutOfMemoryError("CUDA out of memory.")


@ON_GPU
@pytest.mark.parametrize("trained", [trained_at_once, trained_on_few_points, trained_on_forces])
def test_kernels_trained_on_a_gpu_are_those_of_the_processor(trained) -> None:
    """Conditions of 1e7 to 1e10 leave that many digits of double precision's sixteen."""
    new = torch.as_tensor(distorted("ethanol", 10, seed=1))
    expected, found = (trained(device).energy_forces(new) for device in (PROCESSOR, torch.device("cuda")))
    for one, other in zip(expected, found, strict=True):
        assert not other.is_cuda
        assert float((one - other).norm()) < 1e-5 * float(one.norm())
