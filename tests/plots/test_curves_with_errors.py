import numpy as np
from matplotlib.figure import Figure

from hybridff.plots.curves_with_errors import ErrorCurve, error_curves


def test_every_curve_stands_in_the_legend(monkeypatch) -> None:
    drawn: list[Figure] = []

    def draw(figure: Figure) -> bytes:
        drawn.append(figure)
        return b""

    monkeypatch.setattr("hybridff.plots.curves_with_errors.png", draw)
    own = ErrorCurve(np.arange(3.0), np.arange(3.0) ** 2, np.full(3, 0.1))
    error_curves({"in vacuum": own, "in water": own}, "λ", "mean")
    (axes,) = drawn[0].axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["in vacuum", "in water"]
    assert axes.get_xlabel() == "λ"
