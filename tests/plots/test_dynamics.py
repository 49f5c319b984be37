import io

import numpy as np
from matplotlib.image import imread

from hybridff.plots.dynamics import Density, densities_of_states, distance_densities, population_bars

AXIS = np.linspace(0.0, 4000.0, 401)


def pixels(picture: bytes) -> np.ndarray:
    return imread(io.BytesIO(picture))


def coloured(picture: bytes) -> int:
    return int((np.ptp(pixels(picture)[..., :3], axis=2) > 0.05).sum())


def test_every_method_has_a_panel_and_every_temperature_a_line() -> None:
    own = Density(AXIS, np.exp(-(((AXIS - 1000) / 50) ** 2)))
    one = densities_of_states({"one": {300.0: own}})
    hot = densities_of_states({"one": {300.0: own, 100.0: own}})
    two = densities_of_states({"one": {300.0: own}, "other": {300.0: own}})
    assert pixels(two).shape[0] > 1.5 * pixels(one).shape[0]
    assert coloured(hot) > 1.5 * coloured(one)


def test_distances_are_drawn_in_angstrom_with_bands_of_their_errors() -> None:
    x = np.linspace(0.1, 0.2, 21)
    y = np.exp(-(((x - 0.15) / 0.01) ** 2)) * 50
    without, with_errors = Density(x, y), Density(x, y, np.full(len(x), 5.0))
    assert coloured(distance_densities({"one": with_errors})) > 1.5 * coloured(distance_densities({"one": without}))


def test_every_temperature_of_populations_has_a_panel() -> None:
    shares = (np.array([0.7, 0.3]), np.array([0.1, np.nan]))
    one = population_bars({"one": {300.0: shares}}, ["low", "high"])
    two = population_bars({"one": {300.0: shares, 600.0: shares}}, ["low", "high"])
    assert pixels(two).shape[1] > 1.5 * pixels(one).shape[1]
