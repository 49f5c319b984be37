import numpy as np
import pytest
import torch
from models import distorted
from scipy.spatial.transform import Rotation

from hybridff.corrections.descriptor import Descriptor
from hybridff.geometry import angle, torsion

RICH = Descriptor(5, angles=((0, 1, 2), (1, 2, 3)), torsions=((0, 1, 2, 3), (1, 2, 3, 4)))


def geometries(n_frames: int, n_atoms: int = 5) -> torch.Tensor:
    return torch.as_tensor(distorted("ethanol", n_frames)[:, :n_atoms])


def test_the_entries_are_inverse_distances_then_cosines_of_angles_and_regular_ones_of_torsions() -> None:
    x = torch.tensor([[[0.1, 0, 0], [0, 0, 0], [0, 0.2, 0], [0, 0.2, 0.1]]], dtype=torch.float64)
    entries = Descriptor(4, angles=((0, 1, 2),), torsions=((0, 1, 2, 3),), angular_scale=3.0).of(x)[0].numpy()
    lengths = [0.1, 0.05**0.5, 0.06**0.5, 0.2, 0.05**0.5, 0.1]
    np.testing.assert_allclose(entries[:6], 1 / np.array(lengths), rtol=1e-12)
    np.testing.assert_allclose(entries[6:], [0.0, 0.0], atol=1e-12)


def test_angular_entries_are_those_of_the_angles_and_torsions_themselves() -> None:
    x = geometries(6)
    entries = RICH.of(x)[:, len(RICH.pairs) :] / RICH.angular_scale
    for k, atoms in enumerate(RICH.angles):
        torch.testing.assert_close(entries[:, k], torch.cos(angle(x[:, atoms])))
    for k, four in enumerate(RICH.torsions, start=len(RICH.angles)):
        sines = torch.sin(angle(x[:, four[:3]])) * torch.sin(angle(x[:, four[1:]]))
        torch.testing.assert_close(entries[:, k], sines * torch.cos(torsion(x[:, four])))


def test_turning_shifting_and_mirroring_change_nothing() -> None:
    x = geometries(4)
    turn = torch.as_tensor(Rotation.from_euler("xyz", [0.3, 1.1, -2.0]).as_matrix())
    moved = x @ turn + torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    mirrored = x * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    for other in (moved, mirrored):
        np.testing.assert_allclose(RICH.of(other), RICH.of(x), rtol=1e-11)


def test_the_jacobian_is_that_of_finite_differences() -> None:
    x, step = geometries(2), 1e-6
    jacobian = RICH.jacobian(x)
    assert jacobian.shape == (2, len(RICH), 15)
    for k in range(15):
        shift = torch.zeros(15, dtype=torch.float64)
        shift[k] = step
        there, here = (RICH.of(x + sign * shift.reshape(5, 3)) for sign in (1, -1))
        # Central differences of a function of size 30 with third derivatives up to 1e5.
        np.testing.assert_allclose(jacobian[..., k], (there - here) / (2 * step), atol=1e-5)


def test_permuting_atoms_permutes_entries() -> None:
    descriptor = Descriptor(4, angles=((0, 1, 2), (1, 2, 3)), torsions=((0, 1, 2, 3),))
    x, permutation = geometries(3, 4), [3, 2, 1, 0]
    np.testing.assert_allclose(
        descriptor.of(x[:, permutation]), descriptor.of(x)[:, descriptor.permuted(permutation)], rtol=1e-13
    )


def test_a_permutation_to_an_angle_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        Descriptor(4, angles=((0, 1, 2),)).permuted([3, 2, 1, 0])
