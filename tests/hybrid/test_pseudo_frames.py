import numpy as np
from models import distorted

from hybridff.hybrid.pseudo_frames import PseudoFrames


def test_pseudo_frames_keep_their_order_and_their_energies() -> None:
    x = distorted("ethanol", 5)
    both = PseudoFrames.at(x[:2], 0.1) + PseudoFrames.at(x[2:], 0.2).with_energy(3.0)
    assert len(both) == 5
    np.testing.assert_array_equal(both.positions, x)
    np.testing.assert_array_equal(both.deviations, [0.1, 0.1, 0.2, 0.2, 0.2])
    np.testing.assert_array_equal(both.energies, [0, 0, 3, 3, 3])


def test_those_after_the_first_are_the_others() -> None:
    x = distorted("ethanol", 5)
    rest = (PseudoFrames.at(x[:2], 0.1) + PseudoFrames.at(x[2:], 0.2).with_energy(3.0)).after(2)
    np.testing.assert_array_equal(rest.positions, x[2:])
    np.testing.assert_array_equal(rest.deviations, [0.2] * 3)
    np.testing.assert_array_equal(rest.energies, [3.0] * 3)
    assert len(rest.after(3)) == 0


def test_none_can_be_added_to_any() -> None:
    x = distorted("ethanol", 2)
    assert len(PseudoFrames.none(9)) == 0
    np.testing.assert_array_equal((PseudoFrames.none(9) + PseudoFrames.at(x, 0.1)).positions, x)
