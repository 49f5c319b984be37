from collections.abc import Sequence

import numpy as np
from matplotlib.text import Text

from hybridff.plots.comparison import MethodPoint, Outcome, accuracy_against_cost
from hybridff.units import FORCE_KCAL


def point(
    name: str, force: float, step: float, training: float | None = None, outcome: Outcome = "hot dynamics held"
) -> MethodPoint:
    """A force error in kcal/mol/Å; times in seconds."""
    return MethodPoint(name, force * FORCE_KCAL, step, training, outcome)


THREE = (
    point("stock", 12.0, 3e-6),
    point("class2", 0.8, 8e-6, 5.0),
    point("mace", 1.2, 7e-3, 300.0, "hot dynamics broke"),
)


def overlapping(texts: Sequence[Text]) -> bool:
    boxes = [text.get_window_extent() for text in texts]
    return any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_every_method_has_a_point_in_field_units_and_a_name_that_covers_no_other() -> None:
    left, right = accuracy_against_cost(THREE, "ethanol").axes
    assert [len(axes.get_lines()) for axes in (left, right)] == [3, 2]
    assert not any(overlapping(axes.texts) for axes in (left, right))
    assert {text.get_text() for text in left.texts} == {"stock", "class2", "mace"}
    x, y = np.array([np.asarray(line.get_xydata())[0] for line in left.get_lines()]).T
    np.testing.assert_allclose(x, [3.0, 8.0, 7000.0])
    np.testing.assert_allclose(y, [12.0, 0.8, 1.2])


def test_without_training_there_is_one_panel() -> None:
    assert len(accuracy_against_cost(THREE[:1], "ethanol").axes) == 1


def test_the_legend_tells_what_held_from_what_was_cut_short_and_what_broke() -> None:
    slow = point("slow", 2.0, 1e-2, outcome="held as far as it was run")
    (legend,) = accuracy_against_cost((*THREE, slow), "ethanol").legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["hot dynamics held", "hot dynamics broke", "held as far as it was run"]


def test_names_of_points_that_lie_together_are_told_apart() -> None:
    near = [point(f"method {i}", 1.0 + 0.01 * i, 1e-5 * (1 + 0.01 * i)) for i in range(5)]
    (axes,) = accuracy_against_cost(near, "ethanol").axes
    assert len(axes.texts) == 5
    assert not overlapping(axes.texts)
