from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from bad_inputs import write_prmtop
from helpers import system_energy_forces
from models import distorted, force_field, molecule
from openmm import app

from hybridff.errors import InputError
from hybridff.export.routes import to_openmm, write_structure, write_system
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.molecules.molecule import Molecule


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A prmtop, a System and its topology of acetaldehyde, which has an improper, in the current folder."""
    monkeypatch.chdir(tmp_path)
    owner, model = molecule("acetaldehyde"), force_field("acetaldehyde")
    assert owner.positions is not None
    write_prmtop(owner, to_openmm(model), Path("acetaldehyde.prmtop"))
    write_system(to_openmm(model), "acetaldehyde.xml")
    write_structure(owner, owner.positions, "acetaldehyde.pdb")
    write_structure(owner, owner.positions, "acetaldehyde.cif")
    return tmp_path


def started(**options) -> ForceField:
    owner = molecule("acetaldehyde")
    return ForceField.build(owner, starting_parameters(owner, StartOptions(**options)))


def assert_same_energies(model: ForceField, system: openmm.System) -> None:
    positions = distorted("acetaldehyde", 4)
    energies, forces = model.energy_forces(torch.as_tensor(positions))
    expected_energies, expected_forces = system_energy_forces(system, positions)
    # double precision on both sides
    np.testing.assert_allclose(energies.numpy(), expected_energies, rtol=1e-9)
    np.testing.assert_allclose(forces.numpy(), expected_forces, atol=1e-9 * np.abs(expected_forces).max())


def test_a_prmtop_starts_with_the_energies_that_openmm_gives_it(written):
    system = app.AmberPrmtopFile("acetaldehyde.prmtop").createSystem(removeCMMotion=False)
    assert_same_energies(started(start=Path("acetaldehyde.prmtop")), system)


@pytest.mark.parametrize("topology", ["acetaldehyde.pdb", "acetaldehyde.cif"])
def test_a_system_with_topology_starts_with_its_own_energies(topology, written):
    system = openmm.XmlSerializer.deserialize(Path("acetaldehyde.xml").read_text(encoding="utf-8"))
    assert_same_energies(started(start=Path("acetaldehyde.xml"), topology=Path(topology)), system)


def test_gaff_takes_the_charges_of_a_file(written, monkeypatch):
    monkeypatch.setenv("HYBRIDFF_CACHE", str(written / "cache"))
    charges = force_field("acetaldehyde").nonbonded.charge
    np.savetxt("charges.txt", charges)
    model = started(charges="charges.txt")
    np.testing.assert_allclose(model.nonbonded.charge, charges, atol=1e-15)  # rounding of the sum
    assert model.types == ("c3", "c", "o", "hc", "hc", "hc", "h4")


def test_the_files_of_the_options_are_known(written):
    Path("charges.txt").write_text("0\n", encoding="utf-8")
    Path("resp").write_text("a file that is no input\n", encoding="utf-8")
    assert StartOptions().files == ()
    assert StartOptions(charges="charges.txt").files == (Path("charges.txt"),)
    both = StartOptions(start=Path("acetaldehyde.xml"), topology=Path("acetaldehyde.pdb"))
    assert both.files == (Path("acetaldehyde.xml"), Path("acetaldehyde.pdb"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"topology": Path("a.pdb")}, "option topology belongs to an OpenMM System .xml as start; leave it out"),
        ({"start": Path("a.prmtop"), "topology": Path("a.pdb")}, "option topology belongs to an OpenMM System"),
        ({"start": Path("a.prmtop"), "charges": "am1bcc"}, "a.prmtop brings its own parameters; leave the options"),
        ({"start": Path("a.prmtop"), "gaff": "gaff-1.81"}, "a.prmtop brings its own parameters; leave the options"),
    ],
)
def test_options_that_would_go_unused_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        StartOptions(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"start": Path("none.prmtop")}, "there is no file none.prmtop, which is to be the starting force field"),
        ({"start": Path("acetaldehyde.pdb")}, r"has to be an AMBER \.prmtop or an OpenMM System \.xml"),
        ({"start": Path("acetaldehyde.xml")}, r"give them with --topology FILE\.pdb"),
        (
            {"start": Path("acetaldehyde.xml"), "topology": Path("none.pdb")},
            r"has to be an existing \.pdb or \.cif file",
        ),
        (
            {"start": Path("acetaldehyde.xml"), "topology": Path("acetaldehyde.prmtop")},
            r"has to be an existing \.pdb or \.cif file",
        ),
    ],
)
def test_what_is_no_starting_force_field_is_refused(options, sentence, written):
    with pytest.raises(InputError, match=sentence):
        started(**options)


def test_a_topology_that_cannot_be_read_is_refused(written):
    Path("bad.cif").write_text("hello\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.cif: this is not a topology that can be read"):
        started(start=Path("acetaldehyde.xml"), topology=Path("bad.cif"))


def test_an_object_that_is_no_system_is_refused(written):
    Path("integrator.xml").write_text(openmm.XmlSerializer.serialize(openmm.VerletIntegrator(0.001)), encoding="utf-8")
    with pytest.raises(InputError, match=r"integrator\.xml holds no OpenMM System but a VerletIntegrator"):
        started(start=Path("integrator.xml"), topology=Path("acetaldehyde.pdb"))


@pytest.mark.parametrize(
    ("smiles", "sentence"),
    [
        ("CCO", r"acetaldehyde\.prmtop has 7 atoms, the molecule has 9"),
        ("O=CC", r"atom 1 is O in the molecule but C in acetaldehyde\.prmtop: give both in the same order"),
        (
            "[C:1]([C:2](=[O:3])[H:4])([H:5])([H:6])[H:7]",
            r"C1 and H4 are bonded in the molecule or in acetaldehyde\.prmtop, but not in both",
        ),
    ],
)
def test_the_force_field_of_another_molecule_or_order_is_refused(smiles, sentence, written):
    with pytest.raises(InputError, match=sentence):
        starting_parameters(Molecule.from_smiles(smiles), StartOptions(start=Path("acetaldehyde.prmtop")))


def test_what_has_no_atom_types_is_refused_before_charges_are_calculated(monkeypatch):
    def never(*_):
        raise AssertionError("charges are calculated for a molecule that has no types")

    monkeypatch.setattr("hybridff.gaff.start.assign_charges", never)
    with pytest.raises(InputError, match="is B; GAFF has parameters for"):
        starting_parameters(Molecule.from_smiles("CB(O)O"), StartOptions())


def test_charges_of_the_start_that_are_not_the_molecules_are_refused(written):
    text = Path("acetaldehyde.prmtop").read_text(encoding="utf-8")
    begin = text.index("\n", text.index("%FORMAT", text.index("%FLAG CHARGE"))) + 1
    first = float(text[begin : begin + 16])
    Path("plus.prmtop").write_text(f"{text[:begin]}{first + 18.2223:16.8E}{text[begin + 16 :]}", encoding="utf-8")
    with pytest.raises(InputError, match=r"plus\.prmtop: its charges add up to \+1\.000 e, but .* has a charge of \+0"):
        starting_parameters(Molecule.from_smiles("CC=O"), StartOptions(start=Path("plus.prmtop")))


def test_pairs_of_another_rule_are_refused_with_the_file(written):
    text = Path("acetaldehyde.prmtop").read_text(encoding="utf-8")
    begin = text.index("\n", text.index("%FORMAT", text.index("%FLAG LENNARD_JONES_ACOEF"))) + 17
    changed = 1.5 * float(text[begin : begin + 16]) + 1.0
    Path("other.prmtop").write_text(f"{text[:begin]}{changed:16.8E}{text[begin + 16 :]}", encoding="utf-8")
    with pytest.raises(InputError, match=r"other\.prmtop: its Lennard-Jones pairs do not follow the Lorentz-Berthelot"):
        starting_parameters(Molecule.from_smiles("CC=O"), StartOptions(start=Path("other.prmtop")))
