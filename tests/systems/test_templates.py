from typing import Any

import numpy as np
import openmm
import pytest
import torch
from boxes import FILES, energy, geometry, in_water, rich, topology_of
from models import force_field
from openmm import app, unit

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel, write_model
from hybridff.export.routes import Route, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.systems.mixed import fitted_lengths
from hybridff.systems.templates import HybridFFTemplateGenerator


def forcefield_with(*models: ForceField, positions: np.ndarray | None = None) -> app.ForceField:
    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(models, positions=positions).generator)
    return forcefield


def inner(model: ForceField, positions: np.ndarray) -> float:
    return float(model.energy(torch.as_tensor(positions)))


@pytest.mark.parametrize("form", ["harmonic", "morse", "class2"])
def test_a_molecule_alone_has_the_energy_of_its_model(form: Form) -> None:
    model = force_field("ethanol", form=form)
    system = forcefield_with(model).createSystem(model.molecule.to_openmm_topology())
    x = geometry("ethanol")
    assert energy(system, x) == pytest.approx(inner(model, x), rel=1e-12)
    assert energy(system, x) == pytest.approx(energy(to_openmm(model), x), rel=1e-12)


def test_two_ligands_twice_each_in_water_are_the_sum_of_parts() -> None:
    ethanol, propane = rich(), rich("propane")
    models = [ethanol, propane, ethanol, propane]
    topology = topology_of(models, [range(len(m.molecule.numbers)) for m in models])
    parts = [geometry(m.molecule.name, seed=k) + shift for k, (m, shift) in enumerate(zip(models, SHIFTS, strict=True))]
    forcefield = forcefield_with(ethanol, propane)
    topology, x = in_water(forcefield, topology, np.concatenate(parts))
    options = {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.9 * unit.nanometer}
    whole = forcefield.createSystem(topology, **options)
    plain = [m.with_corrections(()) for m in (ethanol, propane)]
    others = forcefield_with(*(m.without_terms() for m in plain)).createSystem(topology, **options)
    # Modeller has moved the molecules into the middle of its box
    places = np.cumsum([0, *(len(part) for part in parts)])
    own = sum(inner(m, x[a:b]) for m, a, b in zip(models, places[:-1], places[1:], strict=True))
    assert energy(whole, x) - energy(others, x) == pytest.approx(own, rel=1e-8)
    names = [force.getName() for force in whole.getForces()]
    assert names.count("HarmonicBondForce") == names.count("NonbondedForce") == 1
    assert names.count("KernelTerm") == 2


SHIFTS = [[0.0, 0.0, 0.0], [0.9, 0.0, 0.0], [0.0, 0.9, 0.0], [0.9, 0.9, 0.0]]


def test_the_compiled_route_has_the_same_energy() -> None:
    model = rich()
    topology, x = (
        topology_of([model, model], [range(9)] * 2),
        np.concatenate([geometry("ethanol"), geometry("ethanol", 1) + 0.6]),
    )
    found = []
    for route in ROUTES:
        forcefield = app.ForceField(*FILES)
        forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(model, route=route).generator)
        system = forcefield.createSystem(topology)
        found.append(energy(system, x))
    assert found[0] == pytest.approx(found[1], rel=1e-10)
    assert sum(type(force).__name__ == "PythonForce" for force in system.getForces()) == 2


ROUTES: tuple[Route, ...] = ("native", "compiled")


def test_the_route_follows_from_the_platform_that_the_system_is_for() -> None:
    rich_one, plain = rich(), force_field("propane")
    generator = HybridFFTemplateGenerator([rich_one, plain], platform="CPU")
    assert [generator.route_of(model) for model in (rich_one, plain)] == ["compiled", "native"]
    assert HybridFFTemplateGenerator(rich_one, platform="OpenCL").route_of(rich_one) == "native"
    assert HybridFFTemplateGenerator(rich_one).route_of(rich_one) == "native"
    assert HybridFFTemplateGenerator(rich_one, platform="CPU", route="native").route_of(rich_one) == "native"
    with pytest.raises(InputError, match="acetaldehyde is none of the molecules of this template generator"):
        generator.route_of(force_field("acetaldehyde"))
    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(generator.generator)
    topology = topology_of([rich_one, plain], [range(9), range(11)])
    x = np.concatenate([geometry("ethanol"), geometry("propane") + 0.9])
    system = forcefield.createSystem(topology)
    assert sum(type(force).__name__ == "PythonForce" for force in system.getForces()) == 1
    portable = forcefield_with(rich_one, plain).createSystem(topology)
    assert energy(system, x) == pytest.approx(energy(portable, x), rel=1e-10)
    assert "PythonForce" not in openmm.XmlSerializer.serialize(portable)


def test_charges_and_lennard_jones_towards_others_are_those_of_the_start() -> None:
    model = rich()
    system = forcefield_with(model).createSystem(model.molecule.to_openmm_topology())
    (nonbonded,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    found = np.array(
        [[v.value_in_unit_system(unit.md_unit_system) for v in nonbonded.getParticleParameters(i)] for i in range(9)]
    )
    start = model.nonbonded
    np.testing.assert_allclose(found, np.stack([start.charge, start.sigma, start.epsilon], 1), rtol=1e-12)


def test_atoms_in_another_order_are_recognised() -> None:
    plain = rich().with_corrections(())
    order = np.random.default_rng(2).permutation(9).tolist()
    topology, x = topology_of([plain], [order]), geometry("ethanol")
    assert energy(forcefield_with(plain).createSystem(topology), x[order]) == pytest.approx(inner(plain, x), rel=1e-9)
    model = rich()
    with pytest.raises(InputError, match="give positions"):
        forcefield_with(model).createSystem(topology)
    system = forcefield_with(model, positions=x[order]).createSystem(topology)
    assert energy(system, x[order]) == pytest.approx(inner(model, x), rel=1e-9)


def test_constraints_have_fitted_lengths_and_heavy_hydrogens_their_mass() -> None:
    model = rich()
    system = forcefield_with(model).createSystem(
        model.molecule.to_openmm_topology(), constraints=app.HBonds, hydrogenMass=3.0
    )
    assert system.getNumConstraints() == 6
    lengths = dict(zip(map(frozenset, model.molecule.bonds.tolist()), fitted_lengths(model), strict=True))
    for i, j, distance in map(system.getConstraintParameters, range(6)):
        assert distance.value_in_unit_system(unit.md_unit_system) == pytest.approx(lengths[frozenset((i, j))])
    masses = [system.getParticleMass(i).value_in_unit_system(unit.md_unit_system) for i in range(9)]
    assert masses[-1] == 3.0
    assert sum(masses) == pytest.approx(46.069, abs=1e-2)
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.004)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    x = model.molecule.positions
    assert x is not None
    context.setPositions(x)
    context.applyConstraints(1e-8)
    openmm.LocalEnergyMinimizer.minimize(context)
    integrator.step(500)
    assert np.isfinite(context.getState(getEnergy=True).getPotentialEnergy().value_in_unit_system(unit.md_unit_system))


def test_models_may_be_folders(tmp_path) -> None:
    model = rich()
    write_model(SavedModel(model, None), tmp_path)
    topology, x = model.molecule.to_openmm_topology(), geometry("ethanol")
    forcefield = app.ForceField()
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(tmp_path).generator)
    assert energy(forcefield.createSystem(topology), x) == pytest.approx(inner(model, x), rel=1e-12)


def test_a_force_field_makes_several_systems() -> None:
    model, forcefield = rich(), forcefield_with(rich())
    topology, x = model.molecule.to_openmm_topology(), geometry("ethanol")
    for _ in range(2):
        assert energy(forcefield.createSystem(topology), x) == pytest.approx(inner(model, x), rel=1e-12)


def residue_without(topology: app.Topology, names: set[str]) -> app.Topology:
    modeller = app.Modeller(topology, np.zeros((topology.getNumAtoms(), 3)) * unit.nanometer)
    modeller.delete([atom for atom in topology.atoms() if atom.name in names])
    return modeller.topology


@pytest.mark.slow
def test_what_is_wrong_is_said() -> None:
    model = rich()
    topology = model.molecule.to_openmm_topology()
    hydrogens = {atom.name for atom in topology.atoms() if atom.element.symbol == "H"}
    with pytest.raises(InputError, match="has the heavy atoms of ethanol, but 0 of its 6 hydrogens"):
        forcefield_with(model).createSystem(residue_without(topology, hydrogens))
    with (
        pytest.warns(UserWarning, match="has the heavy atoms of ethanol, but 5 of its 6 hydrogens"),
        pytest.raises(ValueError, match="No template found for residue"),  # others may know an ion
    ):
        forcefield_with(model).createSystem(residue_without(topology, {"H9"}))
    with pytest.raises(InputError, match="two models are of the same molecule, ethanol"):
        forcefield_with(model, force_field("ethanol"))
    with pytest.raises(InputError, match="as CHARMM's do"):
        charmm = app.ForceField("charmm36.xml")
        charmm.registerTemplateGenerator(HybridFFTemplateGenerator(rich("acetaldehyde")).generator)
        charmm.createSystem(rich("acetaldehyde").molecule.to_openmm_topology())
    with pytest.raises(ValueError, match="No template found for residue"):
        forcefield_with(model).createSystem(force_field("propane").molecule.to_openmm_topology())
    with pytest.raises(InputError, match="use constraints=HBonds"):
        forcefield_with(model).createSystem(topology, constraints=app.HAngles)
    with pytest.raises(InputError, match=r"the shape \(3, 3\), and need three numbers for each of 9 particles"):
        forcefield_with(model, positions=np.zeros((3, 3))).createSystem(topology)
    water = HybridFFTemplateGenerator(model, positions=geometry("ethanol"))
    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(water.generator)
    whole, _ = in_water(forcefield, topology, geometry("ethanol"))
    forcefield.createSystem(whole)  # positions of the ligand alone say enough
    with pytest.raises(InputError, match="at least one model"):
        HybridFFTemplateGenerator([])
    with pytest.raises(InputError, match="no model in nowhere"):
        HybridFFTemplateGenerator("nowhere")


def swapped() -> tuple[ForceField, np.ndarray]:
    """A model whose kernel tells the hydrogens of the methylene group apart, and a geometry that has them exchanged."""
    model = rich().with_corrections(())
    random = np.random.default_rng(4)
    descriptor, x = Descriptor(4), geometry("ethanol")
    atoms = (8, 2, 1, 6)
    known = descriptor.of(torch.as_tensor(x[list(atoms)] + random.normal(0, 0.003, (5, 4, 3))))
    weights = torch.as_tensor(random.normal(0, 9, known.shape))
    kernel = KernelExpansion(descriptor, known, weights, None, torch.arange(4)[None], 20.0)
    moved = x.copy()
    moved[[6, 7]] = x[[7, 6]]
    return model.with_corrections([KernelTerm(atoms, kernel)]), moved


def test_positions_tell_apart_atoms_that_elements_and_bonds_do_not() -> None:
    model, moved = swapped()
    topology, order = model.molecule.to_openmm_topology(), [0, 1, 2, 3, 4, 5, 7, 6, 8]
    best = inner(model, moved[order])
    assert abs(inner(model, moved) - best) > 0.01
    for positions in (moved, moved * 10 * unit.angstrom, [openmm.Vec3(*row) for row in moved] * unit.nanometer):
        system = forcefield_with(model, positions=positions).createSystem(topology)
        assert energy(system, moved) == pytest.approx(best, rel=1e-9)


def test_other_generators_are_asked_for_other_isomers() -> None:
    forcefield = forcefield_with(rich())
    asked: list[str] = []

    def other(_: app.ForceField, residue: Any) -> bool:
        asked.append(residue.name)
        return False

    forcefield.registerTemplateGenerator(other)
    molecule = rich().molecule
    ether = app.Topology()
    residue = ether.addResidue("DME", ether.addChain())
    atoms = [ether.addAtom(f"X{k}", app.Element.getByAtomicNumber(n), residue) for k, n in enumerate(molecule.numbers)]
    for i, j in [(0, 2), (1, 2), (0, 3), (0, 4), (0, 5), (1, 6), (1, 7), (1, 8)]:
        ether.addBond(atoms[i], atoms[j])
    with pytest.raises(ValueError, match="No template found"):
        forcefield.createSystem(ether)
    assert asked == ["DME"]
