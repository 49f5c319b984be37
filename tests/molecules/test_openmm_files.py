from pathlib import Path

import numpy as np
import openmm
import pytest
from models import force_field
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.export.routes import to_openmm, write_structure, write_system
from hybridff.molecules.openmm_files import read_structure, read_system


def test_what_was_written_is_read(tmp_path: Path) -> None:
    model = force_field("ethanol")
    x = model.molecule.positions
    assert x is not None
    write_system(to_openmm(model), tmp_path / "a.xml")
    assert read_system(tmp_path / "a.xml").getNumParticles() == 9
    for name in ("a.pdb", "a.CIF"):
        path = tmp_path / name
        if path.suffix == ".pdb":
            write_structure(model.molecule, x, path)
        else:
            with path.open("w", encoding="utf-8") as file:
                app.PDBxFile.writeFile(model.molecule.to_openmm_topology(), 10 * x, file)
        read = read_structure(path)
        assert read.topology.getNumBonds() == 8
        # a file has Å with three or four digits
        np.testing.assert_allclose(read.getPositions(asNumpy=True).value_in_unit(unit.nanometer), x, atol=1e-4)


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    text = openmm.XmlSerializer.serialize(openmm.VerletIntegrator(0.001))
    (tmp_path / "integrator.xml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="holds no OpenMM System but a VerletIntegrator"):
        read_system(tmp_path / "integrator.xml")
    with pytest.raises(InputError, match="there is no such file"):
        read_system(tmp_path / "none.xml")
    with pytest.raises(InputError, match=r"has to be an existing \.pdb or \.cif file"):
        read_structure(tmp_path / "none.pdb")
    (tmp_path / "bad.pdb").write_text("ATOM  nonsense\n", encoding="utf-8")
    with pytest.raises(InputError, match="is not a topology that can be read"):
        read_structure(tmp_path / "bad.pdb")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a>" * 50_000 + "</a>" * 50_000, "nested more than 40 deep"),
        ('<?xml version="1.0"?><!DOCTYPE a><System/>', "has no DOCTYPE or ENTITY"),
        (f'<System openmmVersion="8" e="{"(" * 5000}x"/>', "brackets nested too deeply"),
        ('<System><Forces><Force p1="99999999999"/></Forces></System>', "Force p1 is 99999999999, which is no number"),
        ("<html></html>", "holds no OpenMM System"),
        ("<System", "is not an OpenMM System that can be read"),
    ],
)
def test_what_openmm_would_not_survive_is_refused_before_it_is_asked(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_system(tmp_path / "a.xml")
