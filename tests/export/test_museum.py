"""A stored model of every format and form: it has the energies that it had, in torch and by every way into OpenMM.

The files are made by ``make_museum.py`` in checkouts of the versions that wrote them: format_2 by that before force
fields carried corrections, format_3 by those of November 2026, ``class2`` before and ``class2-lines`` after atoms in
line got bends of their own. A new format or form adds a file; none is ever made again.
"""

import json
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from helpers import system_energy_forces

from hybridff.export.modelfile import FILE_NAME, FORMAT, SavedModel, read_model, write_model
from hybridff.export.routes import system_file, to_openmm

MUSEUM = Path(__file__).with_name("museum")
SPECIMENS = sorted(MUSEUM.glob("format_*/*.json"))


def stored(specimen: Path, folder: Path) -> tuple[SavedModel, np.ndarray, np.ndarray, np.ndarray]:
    """The model as this version reads it, with positions, energies and forces."""
    content = json.loads(specimen.read_text(encoding="utf-8"))
    assert content["model"]["format"] == int(specimen.parent.name.removeprefix("format_"))
    (folder / FILE_NAME).write_text(json.dumps(content["model"]), encoding="utf-8")
    x, energies, forces = (np.array(content[name]) for name in ("positions", "energies", "forces"))
    return read_model(folder), x, energies, forces


def test_every_format_has_a_model_and_so_has_every_form_of_the_present_one() -> None:
    assert {path.parent.name for path in SPECIMENS} == {
        f"format_{n}" for n in range(2, FORMAT + 1)
    }  # 1: test_modelfile
    present = {path.stem for path in SPECIMENS if path.parent.name == f"format_{FORMAT}"}
    assert present >= {"harmonic", "near-pairs", "morse", "neural", "class2", "kernel", "twist"}


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_stored_model_has_the_energies_that_it_had(specimen: Path, tmp_path: Path) -> None:
    saved, x, energies, forces = stored(specimen, tmp_path)
    model = saved.force_field
    assert saved.energy_offset == -1.5
    scale = np.abs(forces).max()
    native = openmm.XmlSerializer.deserialize(system_file(to_openmm(model, "native"), "system.xml").decode())
    routes = {
        "torch": tuple(part.detach().numpy() for part in model.energy_forces(torch.as_tensor(x))),
        "native": system_energy_forces(native, x),
        "compiled": system_energy_forces(to_openmm(model, "compiled"), x),
    }
    for name, (found, own) in routes.items():
        np.testing.assert_allclose(found, energies, rtol=1e-7, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(own, forces, rtol=0, atol=1e-7 * scale, err_msg=name)


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_stored_model_is_written_in_the_present_format(specimen: Path, tmp_path: Path) -> None:
    saved, x, energies, _ = stored(specimen, tmp_path)
    write_model(saved, tmp_path)
    assert json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8"))["format"] == FORMAT
    again = read_model(tmp_path).force_field.energy(torch.as_tensor(x))
    np.testing.assert_allclose(again.detach().numpy(), energies, rtol=1e-9, atol=1e-6)
