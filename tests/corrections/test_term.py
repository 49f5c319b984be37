import numpy as np
import pytest
import torch
from helpers import openmm_energy_forces
from models import distorted

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError

ATOMS = (2, 8, 1, 6)
PERMUTATIONS = torch.tensor([[0, 1, 2, 3], [1, 2, 0, 3], [2, 0, 1, 3]])
DESCRIPTORS = (Descriptor(4), Descriptor(4, angles=((0, 1, 2), (1, 2, 0), (2, 0, 1)), torsions=()))


def term(descriptor: Descriptor, n_points: int = 4, *, energies: bool = True) -> KernelTerm:
    random = torch.Generator().manual_seed(0)
    x = torch.as_tensor(distorted("ethanol", n_points))[:, list(ATOMS)]
    weights = torch.randn(n_points, len(descriptor), generator=random, dtype=torch.float64) * 50
    own = torch.randn(n_points, generator=random, dtype=torch.float64) * 10 if energies else None
    return KernelTerm(ATOMS, KernelExpansion(descriptor, descriptor.of(x), weights, own, PERMUTATIONS, 9.0, -4.0))


def check(model: KernelTerm) -> None:
    x = distorted("ethanol", 3, seed=5)
    energies, forces = model.energy_forces(torch.as_tensor(x))
    expected_energies, expected_forces = openmm_energy_forces(model.openmm_forces(), x)
    np.testing.assert_allclose(energies, expected_energies, rtol=1e-10)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-10 * np.abs(expected_forces).max())
    add = model.compiled()
    for frame, energy, own in zip(x, energies, forces, strict=True):
        total = np.ones_like(frame)
        assert add(frame, total) == pytest.approx(float(energy), rel=1e-11)
        np.testing.assert_allclose(total - 1, own, atol=1e-10 * np.abs(expected_forces).max())


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
@pytest.mark.parametrize("energies", [True, False])
def test_torch_openmm_and_the_compiled_function_agree(descriptor: Descriptor, *, energies: bool) -> None:
    model = term(descriptor, energies=energies)
    check(model)


@pytest.mark.parametrize("n_points", [1, 3, 9])
def test_the_compiled_function_sums_over_any_number_of_points(n_points: int) -> None:
    model, x = term(DESCRIPTORS[1], n_points), distorted("ethanol", 1, seed=5)[0]
    energy, forces = model.energy_forces(torch.as_tensor(x))
    found = np.zeros_like(x)
    assert model.compiled()(x, found) == pytest.approx(float(energy), rel=1e-11)
    np.testing.assert_allclose(found, forces, atol=1e-10 * np.abs(forces.numpy()).max())


def test_a_torsion_in_the_descriptor_is_the_same_in_openmm() -> None:
    descriptor = Descriptor(4, torsions=((0, 2, 1, 3),))
    model = term(descriptor, energies=False)
    model = KernelTerm(ATOMS, KernelExpansion(*_without_permutations(model.expansion)))
    check(model)


def _without_permutations(old: KernelExpansion) -> tuple:
    identity = torch.arange(4)[None]
    return (old.descriptor, old.points, old.force_weights, old.energy_weights, identity, old.width, old.constant)


def test_a_training_point_has_finite_forces_in_openmm_too() -> None:
    x = distorted("ethanol", 4)
    _, forces = openmm_energy_forces(term(DESCRIPTORS[0]).openmm_forces(), x)
    assert np.isfinite(forces).all()


def test_other_atoms_feel_nothing() -> None:
    _, forces = term(DESCRIPTORS[0]).energy_forces(torch.as_tensor(distorted("ethanol", 1)[0]))
    others = [atom for atom in range(9) if atom not in ATOMS]
    assert not forces[others].any()
    np.testing.assert_allclose(forces.sum(0), 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("atoms", "message"), [((0, 1, 2), "is one of 4 atoms, not of 3"), ((0, 1, 2, 2), "an atom occurs twice")]
)
def test_atoms_that_do_not_fit_are_refused(atoms: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        KernelTerm(atoms, term(DESCRIPTORS[0]).expansion)


def test_energies_and_forces_are_those_of_the_expansion() -> None:
    model = term(Descriptor(4))
    positions = torch.as_tensor(distorted("ethanol", 6)).requires_grad_()
    expected = model.expansion.energy(positions[:, list(model.atoms)])
    (gradient,) = torch.autograd.grad(expected.sum(), positions)
    energies, forces = model.energy_forces(positions)
    torch.testing.assert_close(energies, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(forces, -gradient, rtol=1e-10, atol=1e-10 * float(gradient.abs().max()))
    single = model.energy(positions.detach().float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected.detach(), rtol=1e-4, atol=1e-4)
