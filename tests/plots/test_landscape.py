import io

import numpy as np
from matplotlib.image import imread

from hybridff.plots.landscape import energies_of_minima, frequency_sticks, paths


def pixels(picture: bytes) -> np.ndarray:
    return imread(io.BytesIO(picture))


def test_paths_are_as_long_as_each_other_whatever_their_length() -> None:
    way, energies = np.array([0.0, 0.1, 0.3]), np.array([0.0, 8.0, 2.0])
    # the length of a path makes no difference, its shape does
    assert paths({"one": (way, energies)}) == paths({"one": (2 * way, energies)})
    assert paths({"one": (way, energies)}) != paths({"one": (way**2, energies)})


def test_every_method_has_a_row_of_sticks() -> None:
    frequencies = np.array([-50.0, 200.0, 3000.0])
    one, two = (frequency_sticks(dict.fromkeys(names, frequencies)) for names in ("a", "ab"))
    assert pixels(two).shape[0] > pixels(one).shape[0]


def test_minima_that_a_method_lost_are_left_out() -> None:
    lost, higher = np.array([0.0, np.nan, 4.0]), np.array([0.0, 2.0, 4.0])
    assert energies_of_minima({"one": lost}) != energies_of_minima({"one": higher})
