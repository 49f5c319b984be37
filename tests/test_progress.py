import pytest

from hybridff.progress import part, parts


def test_a_part_goes_from_its_begin_to_its_end_under_its_name() -> None:
    told: list[tuple[float, str]] = []
    advance = part(lambda fraction, what="": told.append((fraction, what)), 0.5, 0.75, "fit")
    advance(0.0)
    advance(2.0, "frames")
    assert told == [(0.5, "fit"), (0.75, "frames")]


def test_parts_follow_each_other_and_are_as_long_as_their_sizes_say() -> None:
    told: list[float] = []
    for advance in parts(lambda fraction, what="": told.append(fraction), [1, 3]):
        advance(0.0)
        advance(1.0)
    assert told == pytest.approx([0.0, 0.25, 0.25, 1.0])


def test_nobody_is_told_where_nobody_asks() -> None:
    for advance in parts(None, [1, 0]):
        advance(0.5)
    assert parts(None, []) == []
