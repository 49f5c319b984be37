"""Files that OpenMM's ForceField reads by itself."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from boxes import FILES, energy, geometry, in_water, rich, topology_of
from models import class_one_of, corrected, force_field, molecule, perturbed
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.systems.engines import write_for_engine
from hybridff.systems.ffxml import standalone


def fitted(name: str, form: Form, fourier: int = 0) -> ForceField:
    """Other parameters than GAFF's, but for pairs."""
    model = force_field(name, form=form, fourier=fourier)
    vector = model.parameter_table.values.copy()
    pairs = ("lennard_jones", "coulomb", "repulsion")
    fixed = {
        int(index)
        for feature in pairs
        for terms in model.table.single_feature_terms(feature)
        for index in np.concatenate([terms.coefficients, *terms.parameters.values()])
    } | {
        int(index)
        for terms in model.table.single_feature_terms("fourier")
        for name in ("n", "phase")
        for index in terms.parameters[name]
    }
    free = np.array([i for i in range(len(vector)) if i not in fixed])
    vector[free] *= 1 + 0.05 * np.random.default_rng(0).normal(size=len(free))
    for terms in model.table.single_feature_terms("harmonic_angle"):
        vector[terms.parameters["theta0"]] = vector[terms.parameters["theta0"]].clip(max=np.pi)
    return model.with_values(vector)


@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde", "benzene", "propyne"])
@pytest.mark.parametrize(("form", "fourier"), [("harmonic", 0), ("harmonic", 4), ("morse", 0)])
def test_openmm_alone_has_the_energy_of_the_model(name: str, form: Form, fourier: int, tmp_path: Path) -> None:
    model, x = fitted(name, form, fourier), geometry(name)
    (path,) = write_for_engine(model, x, tmp_path / "model.xml")
    system = app.ForceField(str(path)).createSystem(model.molecule.to_openmm_topology())
    own = float(model.energy(torch.as_tensor(x)))
    # sums of some hundred kJ/mol in double precision
    assert energy(system, x) == pytest.approx(own, rel=1e-9)
    assert abs(own - float(force_field(name, form=form).energy(torch.as_tensor(x)))) > 1


def test_copies_in_water_beside_ambers_files_are_the_sum_of_parts(tmp_path: Path) -> None:
    model = fitted("ethanol", "morse")
    text = standalone(model, "ligand")
    forcefield = app.ForceField(*FILES, io.StringIO(text))
    parts = [geometry("ethanol", seed) + 0.8 * seed for seed in (0, 1)]
    topology, x = in_water(forcefield, topology_of([model, model], [range(9)] * 2), np.concatenate(parts))
    options = {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.9 * unit.nanometer}
    whole = forcefield.createSystem(topology, **options)
    empty = openmm.XmlSerializer.clone(whole)
    own = 0.0
    # what is inside a molecule: its bonded terms here, and its pairs, which stay
    for force in empty.getForces():
        force.setForceGroup(1 if isinstance(force, openmm.NonbondedForce) else 0)
    for k in range(2):
        alone = app.ForceField(io.StringIO(text)).createSystem(model.molecule.to_openmm_topology())
        pairs = [i for i, force in enumerate(alone.getForces()) if isinstance(force, openmm.NonbondedForce)]
        for i in reversed(pairs):
            alone.removeForce(i)
        own += energy(alone, x[9 * k : 9 * k + 9])
    context = openmm.Context(empty, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(x)
    bonded = context.getState(getEnergy=True, groups={0}).getPotentialEnergy().value_in_unit_system(unit.md_unit_system)
    assert bonded == pytest.approx(own, rel=1e-9)


def test_constraints_have_the_lengths_of_the_terms() -> None:
    for form in ("harmonic", "morse"):
        model = fitted("ethanol", form)  # type: ignore[arg-type]
        forcefield = app.ForceField(io.StringIO(standalone(model, "ligand")))
        system = forcefield.createSystem(model.molecule.to_openmm_topology(), constraints=app.HBonds)
        found = {
            (i, j): d.value_in_unit_system(unit.md_unit_system)
            for i, j, d in map(system.getConstraintParameters, range(system.getNumConstraints()))
        }
        assert len(found) == 6
        feature = "harmonic_bond" if form == "harmonic" else "morse_bond"
        (terms,) = model.table.single_feature_terms(feature)
        rows = model.table.coordinates["bond"][terms.coordinates].tolist()
        lengths = dict(zip(map(tuple, rows), model.parameter_table.values[terms.parameters["r0"]], strict=True))
        for (i, j), length in found.items():
            assert length == pytest.approx(lengths.get((i, j), lengths.get((j, i))))


def test_such_a_file_runs_no_code() -> None:
    assert "<Script" not in standalone(fitted("acetaldehyde", "morse"), "ligand")
    assert "<InitializationScript" not in standalone(fitted("acetaldehyde", "morse"), "ligand")


def test_what_has_no_form_is_refused_by_name(tmp_path: Path) -> None:
    x = geometry("ethanol")
    for model, message in (
        (corrected(force_field("ethanol")), "no form for kernels; use HybridFFTemplateGenerator"),
        (rich().with_corrections(()), "no form for terms of this model"),
        (perturbed(force_field("ethanol", form="neural"), 0.05), r"no form for terms of this model \(torsion_unit\)"),
        (trefoil(), "no form for several impropers of the atoms C1, C2, O3, H7"),
        (moved_pairs(force_field("ethanol")), "cannot express this model: its energies would be off by .* pairs"),
    ):
        with pytest.raises(InputError, match=message):
            own = geometry("acetaldehyde") if len(model.molecule.numbers) == 7 else x
            write_for_engine(model, own, tmp_path / "model.xml")
    assert not any(tmp_path.iterdir())


def trefoil() -> ForceField:
    """With impropers in several orders of the same atoms, as OpenFF has them."""
    start = class_one_of("acetaldehyde")
    torsions = start.torsions
    (row,) = np.flatnonzero(torsions.improper)
    other = torsions.atoms[row][[1, 0, 2, 3]]
    atoms = np.concatenate([torsions.atoms, other[None]])
    again = {
        name: np.append(getattr(torsions, name), getattr(torsions, name)[row])
        for name in ("periodicity", "phase", "k", "improper")
    }
    return ForceField.build(molecule("acetaldehyde"), replace(start, torsions=replace(torsions, atoms=atoms, **again)))


def moved_pairs(model: ForceField) -> ForceField:
    vector = model.parameter_table.values.copy()
    for terms in model.table.single_feature_terms("coulomb"):
        vector[terms.coefficients] *= 1.0001
    return model.with_values(vector)


def test_files_and_systems_need_nothing_but_openmm(tmp_path: Path) -> None:
    """In a Python that sees OpenMM and NumPy alone."""
    model = fitted("ethanol", "morse")
    x = geometry("ethanol")
    write_for_engine(model, x, tmp_path / "model.xml")
    mixed = rich()
    topology = mixed.molecule.to_openmm_topology()
    from hybridff.systems.templates import HybridFFTemplateGenerator

    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(mixed).generator)
    topology, positions = in_water(forcefield, topology, x)
    system = forcefield.createSystem(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer)
    (tmp_path / "system.xml").write_text(openmm.XmlSerializer.serialize(system), encoding="utf-8")
    with (tmp_path / "box.pdb").open("w", encoding="utf-8") as file:
        app.PDBFile.writeFile(model.molecule.to_openmm_topology(), x * unit.nanometer, file)
    np.save(tmp_path / "positions.npy", positions)
    np.save(tmp_path / "alone.npy", x)
    packages = tmp_path / "packages"
    packages.mkdir()
    home = Path(openmm.__file__).parent.parent
    for name in ("openmm", "OpenMM.libs", "numpy", "numpy.libs"):
        if (home / name).exists():
            (packages / name).symlink_to(home / name)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, str(packages)],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["system"] == pytest.approx(energy(system, positions), rel=1e-12)
    assert found["file"] == pytest.approx(float(model.energy(torch.as_tensor(x))), rel=1e-9)


ALONE = """
import sys, json
sys.path.append(sys.argv[1])
for name in ("hybridff", "torch", "rdkit", "scipy"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} is there")
import numpy as np, openmm
from openmm import app, unit
def energy(system, x):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(x)
    return context.getState(getEnergy=True).getPotentialEnergy().value_in_unit_system(unit.md_unit_system)
system = openmm.XmlSerializer.deserialize(open("system.xml").read())
alone = app.ForceField("model.xml").createSystem(app.PDBFile("box.pdb").topology)
print(json.dumps({"system": energy(system, np.load("positions.npy")), "file": energy(alone, np.load("alone.npy"))}))
"""
