from dataclasses import replace

import numpy as np
import pytest
import torch
from ethanol import ATOMS, class2_fit, real_frames, spring_frames, spring_task, validation_frames
from models import corrected, force_field

from hybridff.errors import FitError, InputError
from hybridff.frames.accuracy import predict
from hybridff.hybrid.material import CorrectionTask, candidates, check_correctable, hot_frames, points_of_each, prepare
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.validation import Validation


def test_frames_without_forces_are_refused() -> None:
    frames, held = spring_frames(10), validation_frames()
    with pytest.raises(FitError, match="the training frames of ethanol have no forces; a correction needs them"):
        check_correctable("ethanol", replace(frames, forces=None), held, [ATOMS])
    with pytest.raises(FitError, match="the validation frames of ethanol have no forces"):
        check_correctable("ethanol", frames, replace(held, forces=None), [ATOMS])


def test_one_frame_is_refused() -> None:
    with pytest.raises(FitError, match="has 1 training frame; a correction needs at least two"):
        check_correctable("ethanol", spring_frames(1), validation_frames(), [ATOMS])


def test_a_correction_needs_validation_frames() -> None:
    with pytest.raises(FitError, match="has 3 validation frames; a correction needs at least 5"):
        check_correctable("ethanol", spring_frames(10), spring_frames(3), [ATOMS])
    with pytest.raises(FitError, match="has 0 validation frames"):
        check_correctable("ethanol", spring_frames(10), None, [ATOMS])


def test_two_corrections_on_the_same_atoms_are_refused() -> None:
    with pytest.raises(InputError, match="two corrections are on the same atoms"):
        check_correctable("ethanol", spring_frames(10), validation_frames(), [ATOMS, ATOMS[::-1]])


def test_kernels_that_are_there_belong_to_what_the_force_field_says() -> None:
    task = spring_task(10)
    plain, hybrid = force_field("ethanol"), corrected(force_field("ethanol"))
    one, other = (prepare(replace(task, force_field=model)).residual for model in (plain, hybrid))
    _, by_terms = predict(plain, one.positions)
    _, by_sum = predict(hybrid, one.positions)
    np.testing.assert_allclose(one.forces - other.forces, by_sum - by_terms, atol=1e-8)


def test_frames_are_in_the_order_of_the_seed() -> None:
    one, again, other = (prepare(replace(spring_task(10), seed=seed)).residual.positions for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    order = np.random.default_rng(3).permutation(10)
    np.testing.assert_array_equal(one, spring_frames(10).positions[order])


def test_kernels_see_the_atoms_of_all_of_them() -> None:
    task = replace(spring_task(10), atoms=[ATOMS, (2, 5)])
    assert prepare(task).residual.atoms == (0, 1, 2, 5, 8)


def test_there_are_no_unseen_conformers_where_kernels_are_all_the_energy() -> None:
    task = spring_task(10)
    assert prepare(replace(task, force_field=task.force_field.without_terms())).region is None
    assert prepare(task).region is not None


@pytest.mark.parametrize(("descriptor", "n_angles"), [("auto", [2, 0]), ("distances", [0]), ("angular", [2])])
def test_descriptors_are_those_of_the_options(descriptor, n_angles: list[int]) -> None:
    """A chain of four atoms has two angles."""
    found = candidates(replace(spring_task(10), options=CorrectionOptions(descriptor=descriptor)))
    assert [len(own.descriptor.angles) for (own,) in found] == n_angles


@pytest.mark.parametrize(
    ("points", "atoms", "found"),
    [
        (None, (ATOMS,), None),  # all of 30 frames are fewer than 200
        (None, (tuple(range(9)),), None),
        (15, (ATOMS,), 15),
        (40, (ATOMS,), None),  # no fewer than frames
    ],
)
def test_points_are_fewer_than_frames_where_that_is_wanted(
    points: int | None, atoms: tuple[tuple[int, ...], ...], found: int | None
) -> None:
    task = replace(spring_task(30), atoms=atoms, options=CorrectionOptions(points=points))
    assert points_of_each(task) == found


def test_kernels_on_some_atoms_have_no_more_points_than_dynamics_can_afford() -> None:
    task = replace(spring_task(10), frames=spring_frames(250))
    assert points_of_each(replace(task, options=CorrectionOptions())) == 200
    everything = replace(task, atoms=[range(9)], options=CorrectionOptions())
    assert points_of_each(everything) is None
    assert points_of_each(replace(task, options=CorrectionOptions(), together=True)) is None


def test_hot_frames_are_beside_few_points_and_forms_with_a_posterior_alone() -> None:
    start, posterior = class2_fit()
    task = CorrectionTask(
        force_field=start,
        frames=real_frames(),
        validation=real_frames(60, 20),
        atoms=[range(9)],
        options=CorrectionOptions(points=10),
        posterior=posterior,
    )
    residual = Residual.of(start, real_frames(), range(9))
    validation = Validation.of(start, real_frames(60, 20), range(9))
    found = hot_frames(task, residual, validation)
    assert found is not None
    assert len(found.residual) == 20  # half as many as frames
    force, energy = validation.deviations()
    assert found.energy_deviation == pytest.approx(energy / force)
    assert hot_frames(replace(task, posterior=None), residual, validation) is None
    assert prepare(task).hot is not None
    assert prepare(replace(task, options=CorrectionOptions())).hot is None


def test_the_task_stays_on_the_device_of_the_options() -> None:
    task = replace(spring_task(10), options=CorrectionOptions(device="cpu"))
    assert prepare(task).residual.device == torch.device("cpu")
