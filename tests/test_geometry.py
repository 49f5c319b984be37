from collections.abc import Callable

import ase.geometry
import numpy as np
import openmm
import pytest
import torch
from helpers import openmm_energy_forces
from torch import Tensor

from hybridff.geometry import COORDINATES, angle, bend_product, distance, out_of_plane, torsion

FUNCTIONS = {"bond": distance, "angle": angle, "torsion": torsion, "out_of_plane": out_of_plane, "bends": bend_product}
KINDS = tuple(FUNCTIONS)
VARIABLES = [(kind, name) for kind, coordinate in COORDINATES.items() for name in coordinate.variables]


def random_atoms(kind: str, n: int = 20, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    shape = (n, COORDINATES[kind].n_atoms if kind in COORDINATES else 4, 3)
    return 0.2 * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def chain(phi: float) -> Tensor:
    """Four atoms with right angles and the torsion phi."""
    atoms = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [np.cos(phi), np.sin(phi), 1.0]]
    return torch.tensor(atoms, dtype=torch.float64)


def bent(theta: float) -> Tensor:
    """Three atoms with unequal bonds and the angle theta."""
    atoms = [[0.15, 0.0, 0.0], [0.0, 0.0, 0.0], [0.11 * np.cos(theta), 0.11 * np.sin(theta), 0.0]]
    return torch.tensor(atoms, dtype=torch.float64)


def test_values_are_those_of_ase() -> None:
    pairs, triples, chains = (random_atoms(kind).numpy() for kind in ("bond", "angle", "torsion"))
    # ASE's acos loses a few digits more than atan2.
    np.testing.assert_allclose(distance(torch.tensor(pairs)), np.linalg.norm(pairs[:, 1] - pairs[:, 0], axis=1))
    degrees = ase.geometry.get_angles(triples[:, 0] - triples[:, 1], triples[:, 2] - triples[:, 1])
    np.testing.assert_allclose(np.degrees(angle(torch.tensor(triples)).numpy()), degrees, rtol=1e-12)
    degrees = ase.geometry.get_dihedrals(*(chains[:, i + 1] - chains[:, i] for i in range(3)))
    np.testing.assert_allclose(np.degrees(torsion(torch.tensor(chains)).numpy()) % 360, degrees, rtol=1e-10)


def test_the_angles_of_a_torsion_are_those_of_ase() -> None:
    chains = random_atoms("torsion")
    for name, i in (("theta1", 0), ("theta2", 1)):
        u, v = (chains[:, i + end].numpy() - chains[:, i + 1].numpy() for end in (0, 2))
        theta = COORDINATES["torsion"].variables[name].of(chains)
        np.testing.assert_allclose(np.degrees(theta.numpy()), ase.geometry.get_angles(u, v), rtol=1e-12)


@pytest.mark.parametrize(("kind", "name"), VARIABLES)
def test_values_and_gradients_are_those_of_openmm(kind: str, name: str) -> None:
    coordinate = COORDINATES[kind]
    variable = coordinate.variables[name]
    x = random_atoms(kind).requires_grad_()
    q = variable.of(x)
    (gradient,) = torch.autograd.grad(q.sum(), x)
    text = variable.openmm.format(*(f"p{i + 1}" for i in variable.places))
    force = openmm.CustomCompoundBondForce(coordinate.n_atoms, text)
    force.addBond(range(coordinate.n_atoms))
    energies, forces = openmm_energy_forces([force], x.detach().numpy())
    # OpenMM's angles and torsions go through acos; the smallest sine here costs it three digits.
    np.testing.assert_allclose(q.detach(), energies, rtol=1e-12)
    np.testing.assert_allclose(gradient, -forces, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_match_finite_differences(kind: str) -> None:
    x = random_atoms(kind, 5).requires_grad_()
    assert torch.autograd.gradcheck(FUNCTIONS[kind], x)
    assert torch.autograd.gradgradcheck(FUNCTIONS[kind], x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_precision_is_kept(kind: str, dtype: torch.dtype) -> None:
    value = FUNCTIONS[kind](random_atoms(kind, dtype=dtype))
    assert value.dtype == dtype
    exact = FUNCTIONS[kind](random_atoms(kind))
    # A torsion of random atoms may have a short lever; 2e-5 is some hundred roundings of float32.
    torch.testing.assert_close(value.double(), exact, rtol=1e-12 if dtype == torch.float64 else 2e-5, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_a_loop(kind: str) -> None:
    x = random_atoms(kind, 6)
    together = FUNCTIONS[kind](x.reshape(2, 3, *x.shape[1:]))
    one_by_one = torch.stack([FUNCTIONS[kind](row) for row in x])
    assert together.shape == (2, 3)
    torch.testing.assert_close(together.reshape(-1), one_by_one, rtol=1e-15, atol=0)
    assert FUNCTIONS[kind](x[0]).shape == ()


@pytest.mark.parametrize("phi", [0.0, 0.5, 1.0, np.pi / 2, 2.0, 3.0, np.pi, -3.0, -np.pi / 2, -0.1])
def test_torsions_have_the_iupac_sign_and_planar_ones_their_exact_value(phi: float) -> None:
    x = chain(phi).requires_grad_()
    value = torsion(x)
    # The third bond turns clockwise, seen along the second, for positive angles.
    assert abs(np.angle(np.exp(1j * (value.item() - phi)))) < 1e-15
    (gradient,) = torch.autograd.grad(value, x)
    # At right angles and unit bonds the outer atoms have unit gradients.
    np.testing.assert_allclose(np.linalg.norm(gradient[[0, 3]], axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("phi", [0.0, np.pi])
def test_cosines_of_planar_torsions_have_the_right_curvature(phi: float) -> None:
    def energy(z: Tensor) -> Tensor:
        return torch.cos(2 * torsion(torch.cat([chain(phi)[:3], z[None]])))

    hessian = torch.autograd.functional.hessian(energy, chain(phi)[3])
    # Only a move out of the plane (y) turns the torsion, by 1 rad per unit.
    np.testing.assert_allclose(hessian, np.diag([0.0, -4.0, 0.0]), atol=1e-14)


def test_a_torsion_about_atoms_in_line_is_zero_with_zero_derivatives() -> None:
    atoms = [[0.0, 0, 0], [0, 0, 0.1], [0, 0, 0.2], [0.1, 0, 0.3]]
    x = torch.tensor(atoms, dtype=torch.float64, requires_grad=True)
    assert torsion(x).item() == 0.0
    (gradient,) = torch.autograd.grad(torsion(x), x, create_graph=True)
    assert not gradient.any()
    hessian = torch.autograd.functional.hessian(lambda y: 1 + torch.cos(3 * torsion(y) - 1.0), x.detach())
    assert not hessian.any()


def test_the_product_of_bends_is_that_of_their_sines_and_the_cosine_of_the_torsion() -> None:
    x = random_atoms("torsion")
    own = {name: variable.of(x) for name, variable in COORDINATES["torsion"].variables.items()}
    expected = torch.sin(own["theta1"]) * torch.sin(own["theta2"]) * torch.cos(own["phi"])
    torch.testing.assert_close(own["bends"], expected, rtol=1e-12, atol=1e-14)


def test_the_product_of_bends_has_its_derivatives_where_all_atoms_are_in_line() -> None:
    """Four atoms in line, 0.1 nm apart: the product of two perpendicular moves over the bonds, in either direction."""
    x = torch.tensor([[0.0, 0.0, 0.1 * i] for i in range(4)], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(bend_product, x)
    for axis in (0, 1):
        levers = torch.tensor([[1.0, -2.0, 1.0, 0.0], [0.0, 1.0, -2.0, 1.0]], dtype=torch.float64) / 0.1
        expected = torch.outer(levers[0], levers[1])
        torch.testing.assert_close(hessian[:, axis, :, axis], expected + expected.T, rtol=1e-12, atol=1e-10)
    third = torch.autograd.functional.jacobian(
        lambda y: torch.autograd.functional.hessian(bend_product, y, create_graph=True), x
    )
    assert torch.isfinite(third).all()


def linear_hessian() -> np.ndarray:
    """Second derivatives of (theta - pi)²/2 for ``bent(pi)``: only moves across the line bend it."""
    lever = np.array([1 / 0.15, -1 / 0.15 - 1 / 0.11, 1 / 0.11])
    hessian = np.zeros((3, 3, 3, 3))
    for axis in (1, 2):
        hessian[:, axis, :, axis] = np.outer(lever, lever)
    return hessian


def linear_energy(x: Tensor) -> Tensor:
    return 0.5 * (angle(x) - np.pi) ** 2


def turned(x: Tensor) -> Tensor:
    return x @ ROTATION.T


# Some rotation: along the axes the cross product would be exactly zero.
ROTATION = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]


@pytest.mark.parametrize("place", [lambda x: x, turned], ids=["on an axis", "turned"])
def test_the_second_derivative_at_a_linear_angle_is_exact(place: Callable[[Tensor], Tensor]) -> None:
    straight = torch.tensor([[0.15, 0, 0], [0, 0, 0], [-0.11, 0, 0]], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda x: linear_energy(place(x)), straight).numpy()
    scale = np.abs(linear_hessian()).max()
    # The smoothing of 1.6e-10 is resolved by double precision to 3e-6 of itself.
    np.testing.assert_allclose(hessian, linear_hessian(), rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("bend", [1e-12, 1e-10, 1e-8, 1e-6, 1e-3])
def test_energy_and_forces_pass_smoothly_through_a_linear_angle(bend: float) -> None:
    x = bent(np.pi - bend).requires_grad_()
    energy = linear_energy(x)
    (gradient,) = torch.autograd.grad(energy, x)
    # The smoothing shifts the energy by half of (1.6e-10)², and the rounding of pi by 1e-16.
    assert energy.item() == pytest.approx(0.5 * bend**2, rel=1e-6, abs=2e-20)
    displacement = np.zeros((3, 3))
    displacement[2, 1] = 0.11 * bend
    expected = np.einsum("iajb,jb->ia", linear_hessian(), displacement)
    np.testing.assert_allclose(gradient[:, 1], expected[:, 1], rtol=2e-6, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("theta", [0.0, np.pi])
def test_derivatives_at_angles_of_0_and_180_degrees_are_finite(theta: float, dtype: torch.dtype) -> None:
    straight = torch.tensor([[0.15, 0, 0], [0, 0, 0], [0.11 * np.cos(theta), 0, 0]], dtype=dtype)
    assert float(angle(straight)) == pytest.approx(theta, abs=1e-4 if dtype == torch.float32 else 1e-9)
    hessian = torch.autograd.functional.hessian(lambda x: 0.5 * (angle(x) - 2.0) ** 2, straight)
    gradient = torch.autograd.functional.jacobian(angle, straight)
    assert torch.isfinite(hessian).all()
    assert torch.all(gradient.abs() < 1e-9), "zero by symmetry, where the slope across the line would be 9 / nm"


def test_float32_has_the_right_stiffness_at_a_linear_angle() -> None:
    straight = torch.tensor([[0.15, 0, 0], [0, 0, 0], [-0.11, 0, 0]], dtype=torch.float32)
    hessian = torch.autograd.functional.hessian(linear_energy, straight).numpy()
    # The smoothing of 5e-5 is resolved by single precision to 0.5 %.
    scale = np.abs(linear_hessian()).max()
    np.testing.assert_allclose(hessian, linear_hessian(), rtol=0, atol=1e-2 * scale)


def trigonal(*neighbours: float, height: float = 0.0) -> Tensor:
    """A centre at some height above the plane of neighbours in these directions [degrees], 0.1, 0.12, 0.14 nm away."""
    at = np.radians(neighbours)
    plane = np.array([0.1, 0.12, 0.14])[:, None] * np.stack([np.cos(at), np.sin(at), 0 * at], 1)
    return torch.tensor(np.vstack([[0.0, 0.0, height], plane]))


def test_out_of_plane_is_the_triple_product_of_unit_vectors() -> None:
    x = random_atoms("out_of_plane").numpy()
    arms = x[:, 1:] - x[:, :1]
    expected = np.linalg.det(arms / np.linalg.norm(arms, axis=2, keepdims=True))
    np.testing.assert_allclose(out_of_plane(torch.tensor(x)), expected, rtol=0, atol=1e-14)


def test_out_of_plane_changes_sign_when_two_neighbours_are_exchanged_and_not_when_all_go_round() -> None:
    x = random_atoms("out_of_plane")
    value = out_of_plane(x)
    for exchanged in ([0, 2, 1, 3], [0, 1, 3, 2], [0, 3, 2, 1]):
        torch.testing.assert_close(out_of_plane(x[:, exchanged]), -value, rtol=0, atol=1e-15)
    torch.testing.assert_close(out_of_plane(x[:, [0, 2, 3, 1]]), value, rtol=0, atol=1e-15)
    torch.testing.assert_close(out_of_plane(-x), -value, rtol=0, atol=1e-15)
    assert value.abs().min() > 1e-4, "the sign is that of something"


def test_out_of_plane_is_zero_in_a_plane_and_rises_with_the_height_of_the_centre() -> None:
    flat = (trigonal(0, 120, 240) @ ROTATION.T).requires_grad_()
    value = out_of_plane(flat)
    assert abs(value.item()) < 1e-15
    (gradient,) = torch.autograd.grad(value, flat)
    # Neighbours at 120 degrees: each turns the value by sin(120°) over its bond, along the normal.
    slopes = np.sin(np.pi / 3) / np.array([0.1, 0.12, 0.14])
    normal = ROTATION.numpy()[:, 2]
    np.testing.assert_allclose(gradient, np.outer([-slopes.sum(), *slopes], normal), rtol=0, atol=1e-13)
    assert out_of_plane(trigonal(0, 120, 240, height=0.01)) < 0 < out_of_plane(trigonal(0, 120, 240, height=-0.01))


@pytest.mark.parametrize("directions", [(0, 100, 250), (10, 180, 200), (0, 120, 240.5)])
def test_openmm_agrees_about_centres_in_their_plane(directions: tuple[float, ...]) -> None:
    variable = COORDINATES["out_of_plane"].variables["s"]
    x = (trigonal(*directions) @ ROTATION.T).requires_grad_()
    value = out_of_plane(x)
    (gradient,) = torch.autograd.grad(value, x)
    force = openmm.CustomCompoundBondForce(4, variable.openmm.format("p1", "p2", "p3", "p4"))
    force.addBond(range(4))
    energies, forces = openmm_energy_forces([force], x.detach().numpy()[None])
    # OpenMM's dihedral goes through asin near 0 and 180 degrees.
    np.testing.assert_allclose(energies, [value.item()], rtol=0, atol=1e-14)
    np.testing.assert_allclose(forces[0], -gradient, rtol=0, atol=1e-12)
