"""Run-time checks of types and shapes, which ``conftest.py`` limits to the first calls of each test."""

import jaxtyping
import pytest
import torch

from hybridff.geometry import distance


def test_a_wrong_shape_is_noticed() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="distance"):
        distance(torch.zeros(5, 2, 4))


def test_calls_after_the_first_ones_are_not_checked() -> None:
    atoms = torch.zeros(2, 3)
    for _ in range(3000):
        distance(atoms)
    assert distance(torch.zeros(5, 2, 4)).shape == (5,)


def test_each_test_begins_with_calls_that_are_checked() -> None:
    test_a_wrong_shape_is_noticed()
