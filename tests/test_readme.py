"""The README's Python runs as it stands, its commands are CI's, and it stays short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_python_example_runs_and_writes_a_system(tmp_path: Path) -> None:
    pytest.importorskip("pyscf", reason="RESP charges need PySCF: pip install 'hybridff[qm]'")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "hybridff").symlink_to(ROOT / "hybridff")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8", env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after = (float(value) for value in re.findall(r"RMSE ([0-9.]+) kcal/mol/Å", done.stdout))
    assert after < 0.5 * before
    assert (tmp_path / "ethanol.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_the_commands_for_installing_and_testing_are_marked_for_ci() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for marker, command in (("install", "hybridff demo"), ("test", "pytest")):
        (block,) = re.findall(rf"<!-- {marker} -->\n```bash\n(.*?)\n```\n<!-- end -->", text, re.DOTALL)
        assert command in block


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 110


def test_files_that_the_readme_links_to_exist() -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
