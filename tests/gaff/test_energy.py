import numpy as np
import pytest
import torch
from tables import TRIAL, frames, table

from hybridff.gaff.energy import TermEnergy
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.geometry import COORDINATES

MIXED = (
    (("harmonic_bond", 0),),
    (("harmonic_bond", 1), ("harmonic_angle", 0)),
    (("fourier", 0), ("coulomb", 1), ("angle_value", 1)),
    (("wagging", 1), ("bent_torsion", 0)),
)


def test_a_term_is_its_coefficient_times_the_product_of_its_features() -> None:
    x = frames()
    r = [np.linalg.norm(x[:, j] - x[:, i], axis=1) for i, j in ((0, 1), (3, 1), (4, 1))]
    u, v = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    theta = np.arccos((u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1))
    terms, parameters = table(
        (("harmonic_bond", 1),),
        (("bond_length", 0), ("coulomb", 1), ("angle_value", 0)),
    )
    r0 = parameters.values[0]
    expected = [-1.7 * 0.5 * (r[1] - r0) ** 2, -0.7 * r[0] * 138.93545764438198 / r[2] * theta]
    actual = TermEnergy(terms, parameters).term_energies(torch.tensor(x))
    # (r - r0)² cancels three digits where r is near r0.
    np.testing.assert_allclose(actual.numpy().T, expected, rtol=1e-11)


def test_a_multiplier_multiplies_its_term() -> None:
    x = torch.tensor(frames())
    plain = TermEnergy(*table(*MIXED)).term_energies(x)
    multiplied = TermEnergy(*table(*MIXED, multipliers=[-1, 1, 0.5, -1])).term_energies(x)
    assert torch.equal(multiplied, plain * torch.tensor([-1, 1, 0.5, -1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_precision_is_that_of_the_positions(dtype: torch.dtype) -> None:
    module = TermEnergy(*table(*MIXED))
    terms = module.term_energies(torch.tensor(frames(), dtype=dtype))
    assert terms.dtype == dtype
    # (r - r0)² at 0.15 nm loses two of float32's seven digits.
    torch.testing.assert_close(terms.double(), module.term_energies(torch.tensor(frames())), rtol=1e-4, atol=1e-6)


def test_a_batch_of_any_shape_equals_a_loop() -> None:
    module = TermEnergy(*table(*MIXED))
    x = torch.tensor(frames(6))
    together = module.term_energies(x.reshape(2, 3, 5, 3))
    assert together.shape == (2, 3, 4)
    one_by_one = torch.stack([module.term_energies(frame) for frame in x])
    torch.testing.assert_close(together.reshape(6, 4), one_by_one, rtol=1e-14, atol=0)
    assert module.term_energies(x[:0]).shape == (0, 4)


def test_second_derivatives_match_finite_differences() -> None:
    module = TermEnergy(*table(*MIXED))
    x = torch.tensor(frames(1), requires_grad=True)
    assert torch.autograd.gradcheck(module.term_energies, x)
    assert torch.autograd.gradgradcheck(module.term_energies, x)


def test_numbers_move_with_the_module() -> None:
    terms, parameters = table(*MIXED)
    module = TermEnergy(terms, parameters)
    arrays = 1 + len(terms.coordinates) + sum(1 + len(rows.parameters) for rows in terms.features) + 3
    assert len(list(module.buffers())) == arrays, "what is no buffer stays behind on the CPU"
    on_meta = module.to("meta").term_energies(torch.tensor(frames(), device="meta"))
    assert on_meta.device.type == "meta"


@pytest.mark.parametrize("order", [1, 3])
def test_a_table_without_terms_has_no_energy_and_no_force(order: int) -> None:
    none = np.empty(0, dtype=int)
    rows = tuple(FeatureRows(feature, none, dict.fromkeys(feature.parameters, none)) for feature in TRIAL.values())
    coordinates = {kind: np.empty((0, coordinate.n_atoms), dtype=int) for kind, coordinate in COORDINATES.items()}
    empty = TermTable(coordinates, rows, np.empty((0, order), dtype=int), np.empty(0), none, ())
    x = torch.tensor(frames(), requires_grad=True)
    energy = TermEnergy(empty, Parameters(np.empty(0), (), ())).term_energies(x).sum(-1)
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    assert energy.tolist() == [0.0] * 4
    assert not gradient.any()
