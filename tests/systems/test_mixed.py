from itertools import permutations
from typing import Any

import numpy as np
import openmm
import pytest
import torch
from boxes import FILES, energy, forces, geometry, in_water, rich, topology_of
from models import force_field
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.export.routes import to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.systems.mixed import add_hybrid, fitted_lengths
from hybridff.systems.templates import HybridFFTemplateGenerator


def inner(model: ForceField, positions: np.ndarray) -> float:
    """Energy of the isolated molecule, by torch [kJ/mol]."""
    return float(model.energy(torch.as_tensor(positions)))


@pytest.fixture(scope="module")
def box() -> tuple[openmm.System, app.Topology, np.ndarray]:
    """Ethanol by stock GAFF in water, with PME and constraints."""
    stock = force_field("ethanol")
    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(stock).generator)
    topology, positions = in_water(forcefield, stock.molecule.to_openmm_topology(), geometry("ethanol"))
    system = forcefield.createSystem(
        topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer, constraints=app.HBonds
    )
    return system, topology, positions


def test_only_the_energy_inside_the_molecule_changes(box: tuple[openmm.System, app.Topology, np.ndarray]) -> None:
    """That is what torch says of the isolated molecules, with PME, and all else stays."""
    system, topology, x = box
    stock, model = force_field("ethanol"), rich()
    mixed = add_hybrid(system, topology, model)
    difference = energy(mixed, x) - energy(system, x)
    expected = inner(model, x[:9]) - inner(stock, x[:9])
    # energies of some -1e4 kJ/mol in double precision
    assert difference == pytest.approx(expected, abs=1e-7)
    off = forces(mixed, x) - forces(system, x)
    np.testing.assert_allclose(off[9:], 0.0, atol=1e-8)
    new, old = (m.energy_forces(torch.as_tensor(x[:9]))[1].numpy() for m in (model, stock))
    np.testing.assert_allclose(off[:9], new - old, atol=1e-6)


def test_the_compiled_route_has_the_same_energy_and_forces(box: tuple[openmm.System, app.Topology, np.ndarray]) -> None:
    system, topology, x = box
    native, compiled = (add_hybrid(system, topology, rich(), route=route) for route in ("native", "compiled"))
    assert sum(type(force).__name__ == "PythonForce" for force in compiled.getForces()) == 1
    assert not any(isinstance(force, openmm.CustomCompoundBondForce) for force in compiled.getForces())
    assert energy(compiled, x) == pytest.approx(energy(native, x), abs=1e-7)
    np.testing.assert_allclose(forces(compiled, x), forces(native, x), atol=1e-5)
    with pytest.raises(InputError, match="a lambda needs the native route"):
        add_hybrid(system, topology, rich(), route="compiled", interpolate="lambda_s")


def test_the_route_follows_from_the_platform_and_is_portable_without_one(
    box: tuple[openmm.System, app.Topology, np.ndarray],
) -> None:
    system, topology, _ = box

    def is_compiled(**options: Any) -> bool:
        mixed = add_hybrid(system, topology, rich(), **options)
        return any(type(force).__name__ == "PythonForce" for force in mixed.getForces())

    assert is_compiled(platform="CPU")
    assert is_compiled(platform=openmm.Platform.getPlatformByName("Reference"))
    assert not is_compiled()
    assert not is_compiled(platform="CUDA")
    assert not is_compiled(platform="CPU", route="native")
    assert not is_compiled(platform="CPU", interpolate="lambda_s")


def test_the_given_system_is_left_alone(box: tuple[openmm.System, app.Topology, np.ndarray]) -> None:
    system, topology, _ = box
    before = openmm.XmlSerializer.serialize(system)
    add_hybrid(system, topology, rich())
    assert openmm.XmlSerializer.serialize(system) == before


def test_a_lambda_goes_from_one_energy_to_the_other_in_a_straight_line(
    box: tuple[openmm.System, app.Topology, np.ndarray],
) -> None:
    system, topology, x = box
    model = rich()
    mixed, both = add_hybrid(system, topology, model), add_hybrid(system, topology, model, interpolate="lambda_hybrid")
    first, last = energy(system, x), energy(mixed, x)
    for value in (0.0, 0.25, 0.5, 1.0):
        found = energy(both, x, lambda_hybrid=value)
        assert found == pytest.approx((1 - value) * first + value * last, rel=1e-11)
    for value, one in ((0.0, system), (1.0, mixed)):
        np.testing.assert_allclose(forces(both, x, lambda_hybrid=value), forces(one, x), rtol=1e-9, atol=1e-6)
    assert energy(both, x) == pytest.approx(last, rel=1e-11)


def test_pairs_whose_sigma_changes_are_interpolated_too() -> None:
    """A System with other Lennard-Jones parameters than the model's start, as those of another force field."""
    stock, model = force_field("ethanol"), rich()
    system, topology, x = to_openmm(stock), stock.molecule.to_openmm_topology(), geometry("ethanol")
    (nonbonded,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    for i in range(9):
        charge, sigma, epsilon = nonbonded.getParticleParameters(i)
        nonbonded.setParticleParameters(i, charge * 1.1, sigma * 1.05, epsilon * 0.9)
    both = add_hybrid(system, topology, model, interpolate="lambda_s")
    assert energy(both, x, lambda_s=0.0) == pytest.approx(energy(system, x), rel=1e-12)
    assert energy(both, x, lambda_s=1.0) == pytest.approx(inner(model, x), rel=1e-12)


def test_forces_of_every_kind_inside_the_molecule_fade() -> None:
    stock, x = force_field("ethanol"), geometry("ethanol")
    topology, system = stock.molecule.to_openmm_topology(), to_openmm(stock)
    rb = openmm.RBTorsionForce()
    rb.addTorsion(0, 1, 2, 8, 1.0, -2.0, 0.5, 3.0, -0.7, 0.2)
    bond = openmm.CustomBondForce("k*r^4; k=scale*2")
    bond.addPerBondParameter("scale")
    bond.addBond(0, 2, [3.0])
    angle = openmm.CustomAngleForce("5*theta")
    angle.addAngle(0, 1, 2, [])
    turn = openmm.CustomTorsionForce("cos(theta)")
    turn.addTorsion(0, 1, 2, 8, [])
    for force in (rb, bond, angle, turn):
        system.addForce(force)
    assert abs(energy(system, x) - inner(stock, x)) > 1
    model = rich()
    assert energy(add_hybrid(system, topology, model), x) == pytest.approx(inner(model, x), rel=1e-12)
    both = add_hybrid(system, topology, model, interpolate="lambda_s")
    for value in (0.0, 0.3, 1.0):
        expected = (1 - value) * energy(system, x) + value * inner(model, x)
        assert energy(both, x, lambda_s=value) == pytest.approx(expected, rel=1e-12)


def test_several_copies_in_any_order_of_their_atoms() -> None:
    model = rich()
    random = np.random.default_rng(1)
    orders = [range(9), random.permutation(9).tolist()]
    topology = topology_of([model, model], orders)
    one, other = geometry("ethanol"), geometry("ethanol", seed=1) + 1.0
    x = np.concatenate([one[list(orders[0])], other[list(orders[1])]])
    start = openmm.System()
    for number in np.concatenate([model.molecule.numbers[list(order)] for order in orders]).tolist():
        start.addParticle(app.Element.getByAtomicNumber(number).mass)
    nonbonded = openmm.NonbondedForce()
    for _ in range(18):
        nonbonded.addParticle(0, 0.1, 0)
    start.addForce(nonbonded)
    with pytest.raises(InputError, match="from number 10 on are in another order than in the model"):
        add_hybrid(start, topology, model)
    mixed = add_hybrid(start, topology, model, positions=x)
    # hydrogens of a methyl and a methylene group, as the kernel knows them best
    turns = [[0, 1, 2, *methyl, *rest, 8] for methyl in permutations((3, 4, 5)) for rest in permutations((6, 7))]
    known = min((other[turn] for turn in turns), key=lambda frame: float(model.distance(frame[None])[0]))
    assert energy(mixed, x) == pytest.approx(inner(model, one) + inner(model, known), rel=1e-9)
    for first in (range(9), [True] * 9 + [False] * 9, np.arange(18) < 9):
        only = add_hybrid(start, topology, model, first)
        assert energy(only, x) == pytest.approx(inner(model, one), rel=1e-12)


def test_constraints_get_the_fitted_lengths(box: tuple[openmm.System, app.Topology, np.ndarray]) -> None:
    system, topology, _ = box
    model = rich()
    mixed = add_hybrid(system, topology, model)
    lengths = fitted_lengths(model)
    hydrogens = model.molecule.numbers == 1
    of_ligand = {
        frozenset((i, j)): d.value_in_unit_system(unit.md_unit_system)
        for i, j, d in map(mixed.getConstraintParameters, range(mixed.getNumConstraints()))
        if max(i, j) < 9
    }
    expected = {
        frozenset(bond): length
        for bond, length in zip(model.molecule.bonds.tolist(), lengths.tolist(), strict=True)
        if hydrogens[bond].any()
    }
    assert of_ligand == pytest.approx(expected)
    old = {
        d.value_in_unit_system(unit.md_unit_system)
        for *_, d in map(system.getConstraintParameters, range(system.getNumConstraints()))
    }
    assert not set(of_ligand.values()) <= old


def test_a_serialised_system_is_the_same(box: tuple[openmm.System, app.Topology, np.ndarray]) -> None:
    system, topology, x = box
    mixed = add_hybrid(system, topology, rich(), interpolate="lambda_interpolate")
    again = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(mixed))
    assert energy(again, x, lambda_interpolate=0.3) == energy(mixed, x, lambda_interpolate=0.3)


def test_the_solute_leaves_the_box_and_comes_back_without_a_jump(
    box: tuple[openmm.System, app.Topology, np.ndarray],
) -> None:
    system, topology, x = box
    mixed = add_hybrid(system, topology, rich())
    moved = x.copy()
    moved[:9] += [2.0, -4.0, 2.0]
    # box edges are multiples of 2 nm; PME's grid is only as good as its own error
    assert energy(mixed, moved) == pytest.approx(energy(mixed, x), abs=1e-6 * abs(energy(mixed, x)))


def without_bonds(topology: app.Topology) -> app.Topology:
    bare = app.Topology()
    residue = bare.addResidue("LIG", bare.addChain())
    for atom in topology.atoms():
        bare.addAtom(atom.name, atom.element, residue)
    return bare


def test_what_cannot_be_replaced_is_refused() -> None:
    stock, model = force_field("ethanol"), rich()
    system, topology = to_openmm(stock), stock.molecule.to_openmm_topology()
    with pytest.raises(InputError, match="9 particles and the topology 11 atoms"):
        add_hybrid(system, force_field("propane").molecule.to_openmm_topology(), model)
    with pytest.raises(InputError, match="has the heavy atoms of ethanol, but 0 of its 8 bonds"):
        add_hybrid(system, without_bonds(topology), model)
    ether = without_bonds(topology)
    atoms = list(ether.atoms())
    for i, j in [(0, 2), (1, 2), (0, 3), (0, 4), (0, 5), (1, 6), (1, 7), (1, 8)]:
        ether.addBond(atoms[i], atoms[j])
    with pytest.raises(InputError, match="bonds them otherwise; it is another isomer"):
        add_hybrid(system, ether, model)
    with pytest.raises(InputError, match="no molecule of the topology has the 11 atoms and the bonds of propane"):
        add_hybrid(system, topology, rich("propane"))
    with pytest.raises(InputError, match="atom 1 of the topology was named, but belongs to no ethanol"):
        add_hybrid(system, topology, model, [0, 1])
    pairs = openmm.CustomNonbondedForce("r")
    for _ in range(9):
        pairs.addParticle([])
    system.addForce(pairs)
    with pytest.raises(InputError, match="computes pairs by a formula of its own"):
        add_hybrid(system, topology, model, interpolate="lambda_s")
    mixed = add_hybrid(system, topology, model)
    assert energy(mixed, geometry("ethanol")) == pytest.approx(inner(model, geometry("ethanol")), rel=1e-12)


def test_what_would_be_half_replaced_is_refused() -> None:
    stock, model = force_field("ethanol"), rich()
    topology = stock.molecule.to_openmm_topology()
    again = add_hybrid(to_openmm(stock), topology, model, interpolate="lambda_s")
    with pytest.raises(InputError, match="the System's parameter lambda_s changes pairs inside the molecule already"):
        add_hybrid(again, topology, model)
    field = to_openmm(stock)
    (nonbonded,) = [force for force in field.getForces() if isinstance(force, openmm.NonbondedForce)]
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.CutoffNonPeriodic)
    with pytest.raises(InputError, match="with a reaction field"):
        add_hybrid(field, topology, model, interpolate="lambda_s")
    scaled = to_openmm(stock)
    (nonbonded,) = [force for force in scaled.getForces() if isinstance(force, openmm.NonbondedForce)]
    nonbonded.addGlobalParameter("charging", 1.0)
    nonbonded.addParticleParameterOffset("charging", 2, 0.1, 0, 0)
    with pytest.raises(InputError, match="parameter charging changes charges of the molecule"):
        add_hybrid(scaled, topology, model, interpolate="lambda_s")
    held = to_openmm(stock)
    held.addConstraint(3, 4, 0.18)
    with pytest.raises(InputError, match="a constraint holds atoms 4 and 5 of ethanol, which are not bonded"):
        add_hybrid(held, topology, model)
    pair = to_openmm(stock)
    pair.addParticle(0)
    pair.setVirtualSite(9, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    (nonbonded,) = [force for force in pair.getForces() if isinstance(force, openmm.NonbondedForce)]
    nonbonded.addParticle(0, 0.1, 0)
    wider = stock.molecule.to_openmm_topology()
    wider.addAtom("EP", None, next(iter(wider.residues())))
    with pytest.raises(InputError, match="particle 10 is a virtual site of ethanol"):
        add_hybrid(pair, wider, model)
    for name in ("my lambda", "k", "theta", "epsilon", "x1", "lambda 1"):
        with pytest.raises(
            InputError, match=f"'{name}' is no name for the parameter: take one that begins with lambda"
        ):
            add_hybrid(to_openmm(stock), topology, model, interpolate=name)
    named = to_openmm(stock)
    own = openmm.CustomBondForce("lambda_k*r^2")
    own.addPerBondParameter("lambda_k")
    own.addBond(0, 1, [2.0])
    named.addForce(own)
    with pytest.raises(InputError, match="the System's CustomBondForce has a lambda_k already; take another name"):
        add_hybrid(named, topology, model, interpolate="lambda_k")
    with pytest.raises(InputError, match="no model in nowhere"):
        add_hybrid(to_openmm(stock), topology, "nowhere")
    with pytest.raises(InputError, match=r"the shape \(8, 3\), and need three numbers for each of 9 particles"):
        add_hybrid(to_openmm(stock), topology, model, positions=geometry("ethanol")[:8])
    with pytest.raises(InputError, match="a mask of 8 values for a topology of 9 atoms"):
        add_hybrid(to_openmm(stock), topology, model, [True] * 8)
    with pytest.raises(InputError, match="atoms names no atom"):
        add_hybrid(to_openmm(stock), topology, model, np.zeros(9, dtype=bool))
    with pytest.raises(InputError, match="atoms names no atom"):
        add_hybrid(to_openmm(stock), topology, model, [])


def test_fading_forces_keep_their_group_and_name() -> None:
    stock, model = force_field("ethanol"), rich()
    system = to_openmm(stock)
    for force in system.getForces():
        if isinstance(force, openmm.PeriodicTorsionForce):
            force.setForceGroup(5)
            force.setName("old torsions")
    mixed = add_hybrid(system, stock.molecule.to_openmm_topology(), model, interpolate="lambda_s")
    assert [f.getForceGroup() for f in mixed.getForces() if f.getName() == "old torsions"] == [5, 5]
