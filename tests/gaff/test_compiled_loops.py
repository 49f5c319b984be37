import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hybridff.gaff import compiled_loops as kernels


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The kernels with tiles of eight rows."""
    assert kernels.__file__ is not None
    path = tmp_path_factory.mktemp("narrow") / "narrow_kernels.py"
    source = Path(kernels.__file__).read_text(encoding="utf-8")
    path.write_text(source.replace("WIDTH = 64", "WIDTH = 8"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("narrow_kernels", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planes(module: ModuleType, legs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and derivatives of out-of-plane coordinates, each of three legs in turn."""
    n, width = len(legs) // 3, module.WIDTH
    tiles = np.zeros((-(-len(legs) // width), 4, width))
    for i, (*direction, length) in enumerate(legs):
        tiles[i // width, :, i % width] = [*direction, 1.0 / length]
    index = np.arange(len(legs))
    places = (index // width * module.LEG + index % width).astype(np.uint32)
    slopes, values = np.zeros((-(-n // width), 9, width)), np.zeros(n)
    scratch = np.zeros(12 * width)
    module.planes(places, np.ones(len(legs)), tiles.ravel(), scratch, slopes.reshape(-1), values)
    return values, slopes.transpose(0, 2, 1).reshape(-1, 9)[:n]


def test_the_width_of_a_tile_changes_no_result(narrow: ModuleType) -> None:
    directions = np.random.default_rng(0).normal(size=(60, 3))
    lengths = np.linalg.norm(directions, axis=1)
    legs = np.column_stack([directions / lengths[:, None], lengths])
    (values, slopes), (expected, expected_slopes) = planes(narrow, legs), planes(kernels, legs)
    assert (narrow.WIDTH, kernels.WIDTH) == (8, 64)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(slopes, expected_slopes)
    first, second, third = legs[:3, :3]
    assert values[0] == pytest.approx(first @ np.cross(second, third), rel=1e-12)


def test_columns_of_tiles_are_named_not_numbered() -> None:
    """A number in place of a column would be right for one width only."""
    assert kernels.__file__ is not None
    source = Path(kernels.__file__).read_text(encoding="utf-8")
    assert re.findall(r"\[i \+ \d", source) == []
