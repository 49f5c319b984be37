import numpy as np
from matplotlib.figure import Figure

from hybridff.plots.frequencies import ModeErrors, mode_errors


def test_every_set_has_a_panel(monkeypatch) -> None:
    drawn: list[Figure] = []

    def draw(figure: Figure) -> bytes:
        drawn.append(figure)
        return b""

    monkeypatch.setattr("hybridff.plots.frequencies.png", draw)
    frequencies = np.array([100.0, 900.0, 3000.0])
    found = {name: ModeErrors(frequencies, {"b": np.array([1.0, -2.0, 3.0])}) for name in ("one", "other")}
    mode_errors(found, ["a", "b"])
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == ["one", "other"]
    (line,) = figure.axes[0].get_lines()
    np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), [1.0, 2.0, 3.0])
    assert line.get_label() == "b: 2.0 cm⁻¹"
