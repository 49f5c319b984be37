import io

import numpy as np
from matplotlib.image import imread

from hybridff.plots.torsions import ColourScale, TorsionGrid, free_energies, scans, torsion_maps

ANGLES = np.radians(np.arange(-180.0, 180.0, 60.0))
ENERGIES = 4.184 * (1 + np.cos(ANGLES))
PLANE = TorsionGrid((ANGLES, ANGLES), ENERGIES[:, None] + ENERGIES)


def pixels(picture: bytes) -> np.ndarray:
    return imread(io.BytesIO(picture))


def test_a_grid_is_drawn_in_degrees_and_kcal_per_mol_without_what_is_not_finite() -> None:
    grid = TorsionGrid((np.array([-np.pi, np.pi / 2]),), np.array([4.184, np.inf]))
    np.testing.assert_allclose(grid.degrees()[0], [-180, 90])
    np.testing.assert_array_equal(grid.drawn(), [1, np.nan])


def test_one_torsion_makes_curves_and_two_make_a_map_for_each_method() -> None:
    line = TorsionGrid((ANGLES,), ENERGIES)
    curves = pixels(scans({"one": line, "other": line}, ("A-B-C-D",)))
    one, two = (pixels(scans(dict.fromkeys(names, PLANE), ("A-B-C-D", "E-F-G-H"))) for names in ("a", "ab"))
    assert curves.shape[:2] == (540, 900)
    assert two.shape[1] > 1.5 * one.shape[1]


def test_free_energies_have_a_band_as_broad_as_their_errors() -> None:
    coloured = []
    for error in (0.1, 1.0):
        own = TorsionGrid((ANGLES,), ENERGIES, np.full(len(ANGLES), error * 4.184))
        picture = pixels(free_energies({"one": own}, ("A-B-C-D",)))
        coloured.append((np.ptp(picture[..., :3], axis=2) > 0.05).sum())
    assert coloured[1] > 2 * coloured[0]
    assert (
        pixels(free_energies({"one": PLANE}, ("A-B-C-D", "E-F-G-H"))).shape
        == pixels(torsion_maps({"one": PLANE}, ("A-B-C-D", "E-F-G-H"), "free energy", ColourScale(0.0, 25.0))).shape
    )


def test_energies_beyond_the_scale_have_its_last_colour() -> None:
    scale = ColourScale(0.0, 4.184)
    tall = TorsionGrid(PLANE.angles, np.where(PLANE.energies > 4.184, 100.0, PLANE.energies))
    maps = (torsion_maps({"one": own}, ("A-B-C-D", "E-F-G-H"), "energy", scale) for own in (PLANE, tall))
    assert next(maps) == next(maps)
