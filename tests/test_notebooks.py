"""The notebooks of the documentation are those of the tutorials, with outputs that anybody may see."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupytext", reason="pip install 'hybridff[docs]'")
pytest.importorskip("nbclient", reason="pip install 'hybridff[docs]'")

from notebooks import NOTEBOOKS, TUTORIALS, unexecuted

LARGEST = 300_000
"""Size of a notebook [bytes]."""


def stored(name: str) -> dict[str, Any]:
    return dict(json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")))


def sources(cells: list[Any]) -> list[tuple[str, str]]:
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_notebook_has_the_text_and_the_commands_of_its_tutorial(name: str) -> None:
    """Otherwise make it again: python tools/notebooks.py NAME."""
    assert sources(stored(name)["cells"]) == sources(unexecuted(name).cells)


@pytest.mark.parametrize("name", TUTORIALS)
def test_all_cells_have_run_in_their_order_and_none_has_failed(name: str) -> None:
    cells = [cell for cell in stored(name)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell["outputs"] for cell in cells[:-1])
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} <= {"stream", "execute_result"}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_small_and_has_no_path_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.stem in TUTORIALS
    assert len(text.encode()) < LARGEST
    assert re.findall(r"/(?:home|root|tmp|usr|work|Users|private)/\S*", text) == []


def test_every_tutorial_with_a_notebook_links_to_it() -> None:
    for name in TUTORIALS:
        page = NOTEBOOKS.parent / "tutorials" / f"{name}.md"
        assert f"](../notebooks/{name}.ipynb)" in page.read_text(encoding="utf-8")
