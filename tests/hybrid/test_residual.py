import numpy as np
import pytest
import torch
from ethanol import ATOMS, class2_fit, spring_frames
from models import force_field

from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import predict
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual


def residual(n: int = 6) -> Residual:
    return Residual.of(force_field("ethanol"), spring_frames(n), ATOMS)


def test_it_is_reference_minus_model_with_energies_of_mean_zero() -> None:
    frames, found = spring_frames(6), residual()
    energies, forces = predict(force_field("ethanol"), frames.positions)
    assert frames.forces is not None
    np.testing.assert_allclose(found.forces, frames.forces - forces)
    assert found.energies.mean() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(np.diff(found.energies), np.diff(frames.energies - energies), atol=1e-9)


def test_the_zero_of_energy_is_as_open_as_ten_deviations_of_the_energies() -> None:
    assert residual().energy_scale == pytest.approx(10 * np.std(spring_frames(6).energies))


def test_a_subset_keeps_the_mean_of_all_frames() -> None:
    some = residual().subset(np.array([4, 1]))
    np.testing.assert_array_equal(some.energies, residual().energies[[4, 1]])
    np.testing.assert_array_equal(some.positions, residual().positions[[4, 1]])
    np.testing.assert_array_equal(some.forces, residual().forces[[4, 1]])
    assert some.energy_scale == residual().energy_scale


def test_forces_are_projected_on_what_the_atoms_can_do_by_themselves() -> None:
    """Four atoms have 3n-6 = 6 directions; a spring between two of them lies in these, up to the noise."""
    data = Residual.of(force_field("ethanol"), spring_frames(6, noise=0.0), ATOMS).projected()
    assert residual().n_directions == 6
    assert residual().n_values == len(data.values) == 6 * 7
    assert data.n_forces == 6 * 6
    forces = data.values[:36].reshape(6, 6)
    whole = np.linalg.norm(
        Residual.of(force_field("ethanol"), spring_frames(6, noise=0.0), ATOMS).forces.reshape(6, -1), axis=1
    )
    np.testing.assert_allclose(forces.norm(dim=1).numpy(), whole, rtol=1e-9)


def test_energies_follow_the_forces_and_those_of_pseudo_frames_come_last() -> None:
    pseudo = PseudoFrames.at(spring_frames(2, seed=5).positions, 0.1).with_energy(-4.0)
    data = residual().projected(pseudo)
    np.testing.assert_array_equal(data.values[36:42].numpy(), residual().energies)
    assert data.values[42:].tolist() == [-4.0, -4.0]
    np.testing.assert_array_equal(data.positions[6:].numpy(), pseudo.positions)
    # the zero of energy moves all energies alike and no force
    assert (data.offset[:36] == 0).all()
    assert (data.offset[36:] == residual().energy_scale).all()


def test_rows_of_coefficients_are_what_moving_them_does() -> None:
    start, posterior = class2_fit()
    frames, pseudo = spring_frames(3), PseudoFrames.at(spring_frames(2, seed=5).positions, 0.1)
    own = Residual.of(start, frames, range(9))
    rows = own.coefficient_rows(posterior, pseudo)
    amounts = np.random.default_rng(0).normal(size=len(posterior.spread))
    values = start.parameter_table.values.copy()
    values[posterior.fitted] += posterior.spread.T @ amounts
    changed = start.with_values(values)
    old, new = (predict(model, pseudo.positions)[0] for model in (start, changed))
    moved = (torch.as_tensor(amounts) @ rows).numpy()
    mean = amounts @ posterior.spread @ posterior.mean_energies
    assert abs(mean) > 1
    moved[-5:] += mean
    np.testing.assert_allclose(moved[-2:], new - old, rtol=1e-6, atol=1e-6)
    # reference minus model becomes less by what the model becomes more
    energies, forces = (predict(changed, frames.positions)[i] - predict(start, frames.positions)[i] for i in (0, 1))
    basis = own.projected().basis.numpy()
    np.testing.assert_allclose(moved[-5:-2], energies, rtol=1e-6, atol=1e-6)
    by_force = np.einsum("pcf,pc->pf", basis, forces.reshape(3, -1))
    np.testing.assert_allclose(moved[:-5], by_force.ravel(), rtol=1e-6, atol=1e-4)


def test_some_directions_of_forces_are_combinations_of_all() -> None:
    start, posterior = class2_fit()
    whole = Residual.of(start, spring_frames(5), range(9))
    some = whole.with_directions(4)
    assert (some.n_directions, some.n_values) == (4, 25)
    basis, every = some.projected().basis, whole.projected().basis
    np.testing.assert_allclose(basis.mT @ basis, np.tile(np.eye(4), (5, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(every @ (every.mT @ basis), basis, atol=1e-12)
    rows, both = np.array([3, 1]), some.projected().values.reshape(-1).numpy()
    forces = both[:20].reshape(5, 4)
    np.testing.assert_allclose(some.subset(rows).projected().values[:8].numpy().reshape(2, 4), forces[rows])
    expected = torch.einsum("pcf,npc->npf", basis, _on_atoms(whole, posterior))
    found = some.coefficient_rows(posterior)[:, :20].unflatten(1, (5, 4))
    np.testing.assert_allclose(found, expected, atol=1e-6 * float(expected.abs().max()))


def _on_atoms(whole: Residual, posterior: Posterior) -> torch.Tensor:
    """Forces of the coefficients on all atoms, which have no net force or torque."""
    every = whole.projected().basis
    rows = whole.coefficient_rows(posterior)[:, : whole.n_values - 5].unflatten(1, (5, -1))
    return torch.einsum("pcf,npf->npc", every, rows)


def test_without_a_posterior_no_coefficient_may_move() -> None:
    pseudo = PseudoFrames.at(spring_frames(2, seed=5).positions, 0.1)
    assert residual().coefficient_rows(None, pseudo).shape == (0, 44)
