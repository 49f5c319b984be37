import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from helpers import system_energy_forces
from models import EXAMPLES, corrected, distorted, force_field, lone_atom, molecule, perturbed
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.export.context import energy_in
from hybridff.export.routes import best_route, chosen_route, to_openmm, write_structure, write_system
from hybridff.gaff.forcefield import ForceField


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_refit_system_agrees_with_torch(name: str) -> None:
    model = perturbed(force_field(name, fourier=2), 0.5)
    x = distorted(name, 4, width=0.02)
    energy, forces = (part.numpy() for part in model.energy_forces(torch.tensor(x)))
    exported_energy, exported_forces = system_energy_forces(to_openmm(model), x)
    np.testing.assert_allclose(energy, exported_energy, rtol=1e-9)
    np.testing.assert_allclose(forces, exported_forces, rtol=0, atol=1e-9 * np.abs(forces).max())


def test_a_harmonic_system_has_native_forces_only_one_of_each() -> None:
    system = to_openmm(perturbed(force_field("ethanol", fourier=3), 0.5))
    kinds = [openmm.HarmonicBondForce, openmm.HarmonicAngleForce, openmm.PeriodicTorsionForce, openmm.NonbondedForce]
    assert [type(force) for force in system.getForces()] == kinds
    assert system.getNumConstraints() == 0
    assert not system.usesPeriodicBoundaryConditions()


def test_masses_are_those_of_the_elements() -> None:
    system = to_openmm(force_field("ethanol"))
    masses = [system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(9)]
    assert masses == pytest.approx([12.011, 12.011, 15.999] + [1.008] * 6, abs=1e-3)


def test_energy_is_conserved_by_dynamics() -> None:
    system = to_openmm(perturbed(force_field("ethanol"), 0.3))
    integrator = openmm.VerletIntegrator(0.0001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(distorted("ethanol", 1, width=0.002)[0])
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(300.0, 1)
    totals = []
    for _ in range(10):
        integrator.step(100)
        state = context.getState(getEnergy=True)
        totals.append(energy_in(state) + state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole))
    # At 0.1 fs and hydrogen bonds of 10 fs the energy of some 30 kJ/mol oscillates by (2 pi/100)²/8 of it.
    assert np.ptp(totals) < 0.05


def test_the_xml_file_holds_the_same_system(tmp_path: Path) -> None:
    system = to_openmm(perturbed(force_field("acetaldehyde"), 0.5))
    write_system(system, tmp_path / "system.xml")
    read = openmm.XmlSerializer.deserialize((tmp_path / "system.xml").read_text(encoding="utf-8"))
    x = distorted("acetaldehyde", 3)
    for actual, expected in zip(system_energy_forces(read, x), system_energy_forces(system, x), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(("suffix", "reader", "digits"), [(".pdb", app.PDBFile, 4), (".cif", app.PDBxFile, 4)])
def test_a_structure_file_gives_atoms_bonds_and_positions_back(
    tmp_path: Path, suffix: str, reader: type, digits: int
) -> None:
    ethanol, x = molecule("ethanol"), distorted("ethanol", 1)[0]
    path = tmp_path / f"ethanol{suffix}"
    write_structure(ethanol, x, path)
    read = reader(str(path))
    assert [atom.element.symbol for atom in read.topology.atoms()] == list(ethanol.symbols)
    # The files hold 3 or 4 decimals in Å.
    np.testing.assert_allclose(
        read.getPositions(asNumpy=True).value_in_unit(unit.nanometer), x, atol=0.51 * 10**-digits
    )
    if suffix == ".pdb":
        bonds = {tuple(sorted((bond[0].index, bond[1].index))) for bond in read.topology.bonds()}
        assert bonds == {tuple(bond) for bond in ethanol.bonds.tolist()}


def test_a_structure_and_its_system_belong_together(tmp_path: Path) -> None:
    model, x = force_field("ethanol"), distorted("ethanol", 1)[0]
    write_structure(model.molecule, x, tmp_path / "a.pdb")
    topology = app.PDBFile(str(tmp_path / "a.pdb")).topology
    simulation = app.Simulation(
        topology, to_openmm(model), openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    simulation.context.setPositions(x)
    energy = energy_in(simulation.context.getState(getEnergy=True))
    assert energy == pytest.approx(model.energy(torch.tensor(x)).item(), rel=1e-10)


def test_other_kinds_of_structure_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"cannot write a structure as .*a\.xyz: its name has to end in \.pdb or \.cif"
    ):
        write_structure(molecule("ethanol"), distorted("ethanol", 1)[0], tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []


def test_one_atom_makes_a_system_too() -> None:
    energies, forces = system_energy_forces(to_openmm(lone_atom()), np.zeros((1, 1, 3)))
    assert energies.tolist() == [0.0]
    assert not forces.any()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_compiled_route_is_the_native_one(name: str) -> None:
    model = corrected(perturbed(force_field(name, fourier=2, form="near-pairs"), 0.5))
    x = distorted(name, 3, width=0.02)
    energy, forces = system_energy_forces(to_openmm(model, "compiled"), x)
    expected_energy, expected_forces = system_energy_forces(to_openmm(model), x)
    np.testing.assert_allclose(energy, expected_energy, rtol=1e-9)
    np.testing.assert_allclose(forces, expected_forces, rtol=0, atol=1e-9 * np.abs(forces).max())


def test_a_compiled_lone_atom_makes_a_system_too() -> None:
    energies, forces = system_energy_forces(to_openmm(lone_atom(), "compiled"), np.zeros((1, 1, 3)))
    assert energies.tolist() == [0.0]
    assert not forces.any()


def test_a_compiled_system_outlives_what_made_it() -> None:
    x = distorted("ethanol", 1)
    expected = system_energy_forces(to_openmm(force_field("ethanol")), x)[0]
    systems = [to_openmm(force_field("ethanol"), "compiled") for _ in range(3)]
    gc.collect()
    np.testing.assert_allclose(system_energy_forces(systems[1], x)[0], expected, rtol=1e-9)


def test_a_compiled_system_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*system\.xml: a System of the compiled route .* native route"):
        write_system(to_openmm(force_field("ethanol"), "compiled"), tmp_path / "system.xml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("platform", "route"), [("Reference", "compiled"), ("cpu", "compiled"), ("CUDA", "native")])
def test_a_form_that_openmm_lacks_is_compiled_on_the_platforms_that_need_it(platform: str, route: str) -> None:
    assert best_route(RICH, platform) == route
    assert best_route(force_field("ethanol", form="near-pairs"), platform) == "native"
    assert best_route(corrected(force_field("ethanol")), platform) == route


def test_auto_chooses_by_the_platform_that_is_named_and_is_portable_where_none_is() -> None:
    assert chosen_route(RICH) == chosen_route(RICH, "auto", "CUDA") == "native"
    assert chosen_route(RICH, "auto", "reference") == "compiled"
    assert chosen_route(RICH, "auto", openmm.Platform.getPlatformByName("CPU")) == "compiled"
    assert chosen_route(force_field("ethanol"), "auto", "CPU") == "native"
    assert chosen_route(RICH, "native", "CPU") == "native"
    assert chosen_route(RICH, "compiled", "CUDA") == "compiled"


def test_the_system_is_made_by_the_route_that_was_chosen() -> None:
    def kinds(system: openmm.System) -> set[str]:
        return {type(force).__name__ for force in system.getForces()}

    assert kinds(to_openmm(RICH, platform="CPU")) == {"PythonForce"}
    assert "PythonForce" not in kinds(to_openmm(RICH)) | kinds(to_openmm(RICH, platform="OpenCL"))


def test_the_log_says_which_route_auto_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "hybridff")
    chosen_route(RICH, "auto", "cpu")
    chosen_route(RICH)
    chosen_route(RICH, "native", "cpu")
    assert caplog.messages == ["ethanol: compiled route for CPU", "ethanol: native route for any platform"]


def test_a_name_that_is_no_platform_is_refused() -> None:
    with pytest.raises(InputError, match="OpenMM has no platform 'GPU'; there are Reference, CPU, OpenCL, CUDA"):
        to_openmm(RICH, platform="GPU")


def _rich() -> ForceField:
    """Ethanol with the energy of a bond times that of another."""
    model = force_field("ethanol")
    products = np.full((len(model.table.products), 2), -1)
    products[:, :1] = model.table.products
    products[0, 1] = products[1, 0]
    return ForceField(
        model.molecule,
        replace(model.table, products=products),
        model.parameter_table,
        model.nonbonded,
        replace(model.origin, form="of its own"),
    )


RICH = _rich()
