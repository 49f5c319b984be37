from functools import cache

import numpy as np
import pytest
from synthetic import class2, data, dense, moved

from hybridff.fitting import normal
from hybridff.fitting.normal import Normal, normal_equations
from hybridff.fitting.problem import common_parameters
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

NAME = "propyne"


def silent(frames: int) -> None:
    pass


def equations(model: ForceField, frames: Frames) -> Normal:
    common, (position,) = common_parameters([model])
    return normal_equations(model, frames, common, position, np.flatnonzero(common.adjustable), silent)


@cache
def example() -> tuple[ForceField, Frames]:
    model = class2(NAME)
    return model, data(moved(model, 0.2), 5, energy=1.0, force=30.0)


def close(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for rounding: sums of products of numbers that are themselves differences of numbers 1e4 larger."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_the_sums_are_those_of_a_dense_design_matrix() -> None:
    energies, forces, energy_left, force_left = dense(*example())
    found = equations(*example())
    close(found.matrix, forces.T @ forces)
    close(found.vector, forces.T @ force_left)
    assert found.square == pytest.approx(force_left @ force_left, rel=1e-9)
    close(found.rows, (energies - energies.mean(0)).T)
    # The reference energies are -4e5 kJ/mol, known to 1e-10.
    np.testing.assert_allclose(found.residuals, energy_left - energy_left.mean(), atol=1e-8)
    close(found.means[0], energies.mean(0))
    assert (found.n_forces, found.n_molecules) == (5 * 7 * 3, 1)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_blocks_of_frames_do_not_matter(n_frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, frames = example()
    whole = equations(model, frames)
    size = 8 * (len(whole.vector) + 1) * frames.positions[0].size
    monkeypatch.setattr(normal, "_BLOCK_BYTES", n_frames * size)
    parts: list[int] = []
    common, (position,) = common_parameters([model])
    found = normal_equations(model, frames, common, position, np.flatnonzero(common.adjustable), parts.append)
    assert sum(parts) == 5
    assert max(parts) == n_frames
    close(found.matrix, whole.matrix)
    close(found.vector, whole.vector)
    np.testing.assert_array_equal(found.rows, whole.rows)


def test_squares_are_those_of_the_force_field_itself() -> None:
    model, frames = example()
    assert frames.forces is not None
    p, found = model.parameter_table, equations(model, frames)
    moves = 0.1 * np.random.default_rng(5).normal(size=p.adjustable.sum())
    values = p.values.copy()
    values[p.adjustable] += moves * p.prior_widths[p.adjustable]
    energies, forces = predict(model.with_values(values), frames.positions)
    difference = frames.energies - energies
    assert found.force_square(moves) == pytest.approx(((frames.forces - forces) ** 2).sum(), rel=1e-9)
    assert found.energy_square(moves) == pytest.approx(((difference - difference.mean()) ** 2).sum(), rel=1e-9)


def test_a_part_of_the_moves_is_what_the_whole_says_with_the_others_at_zero() -> None:
    found = equations(*example())
    random = np.random.default_rng(0)
    kept = random.random(len(found.vector)) < 0.3
    moves = np.where(kept, random.normal(size=len(kept)), 0.0)
    part = found.subset(kept)
    assert part.force_square(moves[kept]) == pytest.approx(found.force_square(moves), rel=1e-12)
    assert part.energy_square(moves[kept]) == pytest.approx(found.energy_square(moves), rel=1e-12)
    assert part.means[0].tolist() == found.means[0][kept].tolist()


def test_molecules_add_up_with_an_energy_zero_each() -> None:
    models = [class2(NAME), class2("acetaldehyde")]
    frames = [data(moved(model, 0.2), n) for model, n in zip(models, (3, 4), strict=True)]
    common, positions = common_parameters(models)
    fitted = np.flatnonzero(common.adjustable)
    parts = [
        normal_equations(*pair, common, position, fitted, silent)
        for pair, position in zip(zip(models, frames, strict=True), positions, strict=True)
    ]
    total = parts[0] + parts[1]
    moves = 0.1 * np.random.default_rng(0).normal(size=len(fitted))
    for square in ("force_square", "energy_square"):
        expected = sum(getattr(part, square)(moves) for part in parts)
        assert getattr(total, square)(moves) == pytest.approx(expected, rel=1e-9)
    assert len(total.residuals) == 7
    assert (total.n_molecules, total.n_forces) == (2, 3 * 7 * 3 + 4 * 7 * 3)
    for mean, part in zip(total.means, parts, strict=True):
        np.testing.assert_array_equal(mean, part.means[0])


def test_forces_alone_say_nothing_of_energies() -> None:
    found = equations(*example())
    alone = found.forces_alone(0.1)
    moves = 0.1 * np.random.default_rng(0).normal(size=len(found.vector))
    assert alone.force_square(moves) == pytest.approx(0.1 * found.force_square(moves), rel=1e-9)
    assert alone.energy_square(moves) == 0.0
    both = alone + found
    assert both.energy_square(moves) == found.energy_square(moves)
    assert len(both.means) == both.n_molecules == 1
