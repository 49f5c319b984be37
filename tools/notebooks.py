"""The tutorials as notebooks: ``docs/notebooks/*.ipynb`` from ``docs/tutorials/*.md``, executed.

Fenced blocks of bash and Python become cells that run, all else is text, so that nothing stands twice. They run in a
folder that has the repository's files, as they would in a clone.

Usage: python tools/notebooks.py [in-water …]
"""

import argparse
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from documented import ROOT
from nbclient import NotebookClient

TUTORIALS = ("in-water",)
"""Those that are notebooks; another one needs its name here, and a line that links to its notebook."""
NOTEBOOKS = ROOT / "docs" / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
HEAD = "---\njupyter:\n  kernelspec:\n" + "".join(f"    {key}: {value}\n" for key, value in KERNEL.items()) + "---\n\n"
SEEN = ("forcefields", "examples", "hybridff", "docs")
"""What a reader of a clone has and the tutorials use."""


def unexecuted(name: str) -> Any:
    """The notebook of a tutorial without outputs, as nbformat has it."""
    text = (ROOT / "docs" / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    text = re.sub(r"^\*\[As a notebook\].*\n\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\]\((?!\w+:|\.\./|#)", "](../tutorials/", text)  # links between tutorials
    text = f"{HEAD}{text}\n*Made from `docs/tutorials/{name}.md` by `tools/notebooks.py`.*\n"
    notebook = jupytext.reads(text, fmt="md")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
    notebook.metadata = {"kernelspec": KERNEL}
    return notebook


def executed(name: str) -> Any:
    """The notebook of a tutorial with the outputs of its cells; raises where one fails."""
    notebook = unexecuted(name)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with TemporaryDirectory() as folder:
        for own in SEEN:
            (Path(folder) / own).symlink_to(ROOT / own)
        NotebookClient(notebook, timeout=None, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        cell.outputs = [plain(output) for output in joined(cell.get("outputs", []))]
        if cell.cell_type != "code":
            del cell["outputs"]
    notebook.metadata.pop("language_info", None)
    return notebook


def joined(outputs: list[Any]) -> list[Any]:
    """Outputs with those of one stream that follow each other made one."""
    found: list[Any] = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream" and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def plain(output: Any) -> Any:
    """An output without paths of this machine."""
    if "text" in output:
        output.text = re.sub(r"/\S*?/(?=site-packages|hybridff/)", "", output.text)
    return output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=TUTORIALS, help=f"of {', '.join(TUTORIALS)}; all if left out")
    NOTEBOOKS.mkdir(exist_ok=True)
    for name in parser.parse_args().names:
        text = nbformat.writes(executed(name))
        (NOTEBOOKS / f"{name}.ipynb").write_text(f"{text}\n", encoding="utf-8")
        print(f"{name}: {len(text) / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
