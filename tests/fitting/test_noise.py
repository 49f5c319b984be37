import pytest

from hybridff.fitting.noise import Noise, Squares, training_loss, weighted


def test_the_training_loss_is_half_of_the_squares_in_units_of_the_noise() -> None:
    assert training_loss(Squares(8.0, 90.0), Noise(2.0, 3.0)) == pytest.approx(0.5 * (2.0 + 10.0))


def test_squares_add_up() -> None:
    assert Squares(1.0, 2.0) + Squares(3.0, 5.0) == Squares(4.0, 7.0)


def test_a_weight_multiplies_the_squares_of_energies_alone() -> None:
    squares, noise = Squares(8.0, 90.0), Noise(2.0, 3.0)
    assert training_loss(squares, weighted(noise, 5.0)) == pytest.approx(0.5 * (5 * 2.0 + 10.0))
