"""The scripts of ``examples``, each in a short version."""

import subprocess
import sys
from pathlib import Path

import pytest
from models import corrected, force_field

from hybridff.modelfile import SavedModel, write_model

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHORT = {
    "ligand_in_vacuum.py": (["--time", "0.2"], "farthest frame from the kernels' training data: "),
    "ligand_in_water.py": (["--time", "0.2", "--padding", "0.6", "--platform", "CPU"], "density at the end: "),
    "two_ligands.py": (["--time", "0.2", "--edge", "1.9", "--platform", "CPU"], "0.2, 0."),
    "switch_force_field.py": (["--windows", "3", "--time", "0.6", "--vacuum", "--platform", "Reference"], "| 1.00 | "),
    "hydration_free_energy.py": (["--time", "0.4", "--windows", "3", "--edge", "1.9"], "hydration free energy "),
    "respa.py": (["--time", "0.2"], "| 4 | "),
}
"""Arguments of a short run, and what it prints."""


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    write_model(SavedModel(corrected(force_field("ethanol", form="class2")), None), tmp_path)
    arguments, expected = SHORT[name]
    command = [sys.executable, str(EXAMPLES / name), str(tmp_path), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
