import math

import numpy as np
import pytest
import torch
from models import distorted, force_field, molecule

from hybridff.fitting.relaxation import Relaxation, relaxation_of
from hybridff.frames.accuracy import predict
from hybridff.geometry import torsion

ROTOR = (0, 1, 2, 8)
"""Carbon, carbon, oxygen and hydrogen of ethanol's hydroxyl group."""


def example() -> Relaxation:
    return relaxation_of(force_field("ethanol"), [ROTOR], "native")


def angle(positions: np.ndarray) -> float:
    return float(torsion(torch.as_tensor(positions[list(ROTOR)])))


def test_a_held_torsion_stays_while_all_else_relaxes() -> None:
    start = distorted("ethanol", 1, 0.005)[0]
    positions, energy = example().held(start)
    assert angle(positions) == pytest.approx(angle(start), abs=0.02)
    assert energy < predict(force_field("ethanol"), start[None])[0][0]


def test_the_energy_is_that_of_the_force_field_without_springs() -> None:
    positions, energy = example().held(distorted("ethanol", 1, 0.005)[0])
    assert energy == pytest.approx(predict(force_field("ethanol"), positions[None])[0][0], abs=1e-6)


def test_a_free_torsion_goes_to_a_minimum_at_most_as_high() -> None:
    relaxation, start = example(), distorted("ethanol", 1, 0.005)[0]
    held, free = relaxation.held(start), relaxation.free(start)
    again = relaxation.held(start)
    assert free[1] <= held[1]
    np.testing.assert_array_equal(again[0], held[0])


def test_frames_that_do_not_relax_are_no_references() -> None:
    frames = distorted("ethanol", 3, 0.005)
    frames[1] = 0.0
    relaxed, mean = example().references(frames)
    assert relaxed.shape == (2, len(molecule("ethanol").numbers), 3)
    assert mean == pytest.approx(predict(force_field("ethanol"), relaxed)[0].mean(), abs=1e-6)
    none, nothing = example().references(frames[1:2])
    assert none.shape == (0, 9, 3)
    assert math.isnan(nothing)
