import io

import numpy as np
from matplotlib.image import imread

from hybridff.plots import curves as plots


def test_curves_share_axes_and_have_one_legend():
    panels = {
        "one": {"a": plots.Curve((1.0, 10.0), (3.0, 2.0)), "b": plots.Curve((1.0, 10.0), (6.0, 5.0), published=True)},
        "two": {"c": plots.Curve((10.0, 100.0), (2.5, 1.5))},
    }
    figure = plots.curves_figure(panels, "frames", "error", (1.0, 10.0, 100.0, 1000.0))
    one, two = figure.axes
    assert one.get_xlim() == two.get_xlim()
    assert one.get_ylim() == two.get_ylim()
    assert [line.get_linestyle() for line in one.get_lines()] == ["-", "--"]
    np.testing.assert_array_equal(one.get_xticks(), (1, 10, 100))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]


def test_nothing_above_the_highest_is_shown() -> None:
    places = np.linspace(0, 1, 5)
    tall = {"reference": places, "own": 100 * places}
    low = {"reference": places, "own": np.minimum(100 * places, 50)}
    # what is cut off makes no difference
    assert plots.lines(places, tall, "place", highest=1.0) == plots.lines(places, low, "place", highest=1.0)
    assert plots.lines(places, tall, "place") != plots.lines(places, low, "place")


def test_the_reference_is_black_and_others_are_coloured() -> None:
    places = np.linspace(0, 1, 5)
    black, coloured = (
        imread(io.BytesIO(plots.lines(places, {name: places}, "place"))) for name in ("reference", "own")
    )
    assert np.ptp(black[..., :3], axis=2).max() == 0
    assert np.ptp(coloured[..., :3], axis=2).max() > 0.3
