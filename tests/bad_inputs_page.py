"""Print, as Markdown, what the command line says to each of the bad inputs of ``bad_inputs.py``: docs/bad-inputs.md.

Every command runs in a folder of its own; the script fails if a command succeeds.

    python tests/bad_inputs_page.py > docs/bad-inputs.md
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from bad_inputs import BAD_INPUTS, make_material, run_bad

HEAD = """# Bad inputs

What `hybridff` answers when something is wrong, in one sentence on standard error. The exit code is 2
(130 after Ctrl-C, 143 when killed), and nothing is left behind: no folder, no file, no temporary one. Each row is a
test (`tests/bad_inputs.py`); the table is made by running the commands: `python tests/bad_inputs_page.py`.

| What is wrong | Command | Answer |
| --- | --- | --- |"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        material, cache = Path(name) / "material", Path(name) / "cache"
        material.mkdir()
        os.environ["HYBRIDFF_CACHE"] = str(cache)
        make_material(material)
        print(HEAD)
        for number, case in enumerate(BAD_INPUTS):
            folder = Path(name) / str(number)
            shutil.copytree(material, folder)
            with contextlib.chdir(folder):
                outcome = run_bad(case)
            if outcome.code != case.code:
                raise SystemExit(f"{case.what}: exit code {outcome.code}, not {case.code}")
            answer = outcome.stderr.strip().removeprefix("hybridff: ").replace(str(folder), "…")
            print(f"| {cell(case.what)} | `hybridff {case.command}` | {cell(answer)} |")


def cell(text: str) -> str:
    for character in ("\\", "|", "[", "]", "<", "*", "_"):
        text = text.replace(character, f"\\{character}")
    return text


if __name__ == "__main__":
    main()
