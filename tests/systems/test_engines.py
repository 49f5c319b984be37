from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from boxes import energy, geometry, rich
from models import corrected, force_field, perturbed
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.systems.engines import write_for_engine


# OpenMM does not close the .top file
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde"])
@pytest.mark.parametrize("suffix", [".prmtop", ".top"])
def test_amber_and_gromacs_have_the_energies_of_the_model(name: str, suffix: str, tmp_path: Path) -> None:
    model, x = force_field(name), geometry(name)
    parameters, coordinates = write_for_engine(model, x, tmp_path / f"model{suffix}")
    system: openmm.System
    if suffix == ".prmtop":
        system = app.AmberPrmtopFile(str(parameters)).createSystem()
        found = app.AmberInpcrdFile(str(coordinates)).positions
    else:
        system = app.GromacsTopFile(str(parameters)).createSystem()
        found = app.GromacsGroFile(str(coordinates)).positions
    # kJ/mol: the files have six to eight digits
    assert energy(system, x) == pytest.approx(float(model.energy(torch.as_tensor(x))), abs=1e-4)
    # Å with three digits, from another origin in GROMACS's file
    read = np.array(found.value_in_unit(unit.nanometer))
    np.testing.assert_allclose(read - read.mean(0), x - x.mean(0), atol=1e-3)


def test_what_they_have_no_form_for_is_refused_by_name(tmp_path: Path) -> None:
    x = geometry("ethanol")
    for model, message in (
        (rich(), "AMBER has no form for kernels"),
        (force_field("ethanol", form="morse"), r"AMBER has no form for terms of this model \(morse"),
        (corrected(force_field("ethanol")), "no form for kernels"),
        (perturbed(force_field("ethanol"), 0.5), "AMBER cannot express this model: its energies would be off by"),
    ):
        with pytest.raises(InputError, match=message):
            write_for_engine(model, x, tmp_path / "model.prmtop")
    with pytest.raises(InputError, match=r"has to end in \.prmtop or \.top or \.xml"):
        write_for_engine(force_field("ethanol"), x, tmp_path / "model.frcmod")
    assert not any(tmp_path.iterdir())
