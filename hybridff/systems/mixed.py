"""A molecule of an existing System with a fitted force field inside, and the way there from the old one by a lambda."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app

from hybridff.errors import InputError
from hybridff.export.context import minimise, new_context
from hybridff.export.modelfile import Model, force_field_of
from hybridff.export.routes import Platform, RouteOption, chosen_route, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.openmm_native import NATIVE_OF_FORCE
from hybridff.systems.inside import (
    Pair,
    Scale,
    add_inside,
    add_model,
    check_offsets,
    exceptions_of,
    nonbonded_of,
    owners,
    pair_force,
    pairs_inside,
    pairs_of,
    scaled_like,
    set_pair,
    times,
)
from hybridff.systems.matching import Copy, bonds_of, elements_of, find_copies

_TERMS = ("Bonds/Bond", "Angles/Angle", "Torsions/Torsion")
"""Paths of the terms of bonded forces in a System's XML."""
_CUSTOM = openmm.CustomBondForce, openmm.CustomAngleForce, openmm.CustomTorsionForce, openmm.CustomCompoundBondForce
_MINIMISER = 0.01, 10000
"""Force [kJ/mol/nm] and steps of the minimum that constraints take their lengths from."""


def add_hybrid(  # noqa: PLR0913 (all but three have defaults and names)
    system: openmm.System,
    topology: app.Topology,
    model: Model,
    atoms: Collection[int] | np.ndarray | None = None,
    *,
    positions: Any = None,
    interpolate: str | None = None,
    platform: Platform | None = None,
    route: RouteOption = "auto",
) -> openmm.System:
    """A copy of a System in which a molecule's inner energy is that of a model, whatever it was before.

    All copies of the molecule are found in the topology by elements and bonds, or those among ``atoms``; ``positions``
    [nm] are needed where kernels meet atoms in another order (see ``find_copies``). Charges and Lennard-Jones
    parameters towards all else stay those of the System, and so do masses, box, barostat and forces on single atoms.
    All bonded forces inside the molecule go, biases on its torsions too: add these afterwards. Constrained bonds get
    the lengths of the model's minimum. Bond orders and stereochemistry are not compared.

    ``interpolate`` names a global parameter, such as "lambda_interpolate": the inner energy is then (1 - lambda) times
    the old one and lambda times the model's, which it is at first; constraints stay as they are.

    ``platform`` is the OpenMM platform, or its name, that the System is for. By the ``route`` "auto", a model that
    needs custom forces is "compiled" for the platforms CPU and Reference: one function of this process, far faster
    there, but such a System cannot be written to a file. For all others, where no platform is given, and with a lambda
    it is "native". ``hybridff.export.routes.chosen_route`` tells which.

    Raises ``InputError`` where the System is not the topology's or has no such molecule, or has forces, virtual sites,
    constraints or parameters inside of it that cannot be taken out.
    """
    if interpolate is not None and route == "compiled":
        raise InputError("a lambda needs the native route; leave route out, or interpolate.")
    if interpolate is not None and not (interpolate.isidentifier() and interpolate.startswith("lambda")):
        raise InputError(
            f"{interpolate!r} is no name for the parameter: take one that begins with lambda, of letters, digits and "
            "underscores, which formulas of forces do not use for anything else."
        )
    model = force_field_of(model)
    route = chosen_route(model, route if interpolate is None else "native", platform)
    if system.getNumParticles() != topology.getNumAtoms():
        raise InputError(
            f"the System has {system.getNumParticles()} particles and the topology {topology.getNumAtoms()} atoms; "
            "give the topology that the System was made from."
        )
    copies = find_copies(model, topology, atoms, positions)
    if not copies:
        raise InputError(why_not(model, topology))
    _check(system, model, copies)
    check_offsets(nonbonded_of(system), copies, particles=interpolate is not None)
    kept, removed = _divided(system, owners(copies))
    if interpolate is None:
        add_model(kept, model, copies, route)
        _constrain(kept, model, copies)
    else:
        _interpolate(kept, removed, model, copies, interpolate)
    return kept


def _interpolate(
    system: openmm.System, removed: Sequence[openmm.Force], model: ForceField, copies: Sequence[Copy], parameter: str
) -> None:
    """Add the old inner energy times one minus a parameter, and the model's times the parameter."""
    nonbonded = nonbonded_of(system)
    _no_pair_forces(system)
    _no_reaction_field(nonbonded)
    _interpolate_pairs(system, nonbonded, pairs_of(nonbonded, copies), pairs_inside(model, copies), parameter)
    for force in removed:
        if hasattr(force, "getEnergyFunction") and re.search(rf"\b{parameter}\b", force.getEnergyFunction()):
            raise InputError(f"the System's {type(force).__name__} has a {parameter} already; take another name.")
        system.addForce(_fading(force, Scale(f"1-{parameter}", parameter, 1.0)))
    add_inside(system, model, copies, Scale(parameter, parameter, 1.0))


def _check(system: openmm.System, model: ForceField, copies: Sequence[Copy]) -> None:
    """Raise ``InputError`` for what would be half replaced: virtual sites of a molecule, and angles held in it."""
    owner, name = owners(copies), model.molecule.name
    for particle in range(system.getNumParticles()):
        if not system.isVirtualSite(particle):
            continue
        site = system.getVirtualSite(particle)
        if any(site.getParticle(k) in owner for k in range(site.getNumParticles())):
            raise InputError(
                f"particle {particle + 1} is a virtual site of {name}, which a model does not have; make the System "
                "with a force field that has none on it."
            )
    bonds = {frozenset((int(copy[i]), int(copy[j]))) for copy in copies for i, j in model.molecule.bonds.tolist()}
    for _, (i, j) in _constraints(system):
        if owner.get(i, -1) == owner.get(j, -2) and frozenset((i, j)) not in bonds:
            raise InputError(
                f"a constraint holds atoms {i + 1} and {j + 1} of {name}, which are not bonded; make the System with "
                "constraints=HBonds."
            )


def _no_reaction_field(force: openmm.NonbondedForce) -> None:
    methods = openmm.NonbondedForce.CutoffPeriodic, openmm.NonbondedForce.CutoffNonPeriodic
    if force.getNonbondedMethod() in methods:
        raise InputError(
            "with a reaction field, pairs inside the molecule have no energy of their own that a lambda could fade; "
            "use PME or NoCutoff, or leave interpolate out."
        )


def why_not(model: ForceField, topology: app.Topology) -> str:
    """Why a topology has no copy of a molecule, in one sentence."""
    molecule = model.molecule
    elements, bonds = elements_of(topology), bonds_of(topology)
    heavy = sorted(number for number in molecule.numbers.tolist() if number > 1)
    for residue in topology.residues():
        own = [atom.index for atom in residue.atoms()]
        if sorted(elements[i] for i in own if elements[i] > 1) != heavy:
            continue
        where = f"residue {residue.name} {residue.id} has the heavy atoms of {molecule.name}"
        hydrogens, wanted = [elements[i] for i in own].count(1), molecule.numbers.tolist().count(1)
        if hydrogens != wanted:
            return (
                f"{where}, but {hydrogens} of its {wanted} hydrogens; add them, with Modeller.addHydrogens or before."
            )
        n_bonds = sum(i in own and j in own for i, j in bonds)
        if n_bonds < len(molecule.bonds):
            return (
                f"{where}, but {n_bonds} of its {len(molecule.bonds)} bonds; a PDB file names them in CONECT records, "
                "an SDF file always."
            )
        return f"{where}, but bonds them otherwise; it is another isomer."
    return (
        f"no molecule of the topology has the {len(molecule.numbers)} atoms and the bonds of {molecule.name}; fit a "
        "model of what is there."
    )


def fitted_lengths(model: ForceField) -> Float[np.ndarray, " bonds"]:
    """Bond lengths at the model's minimum [nm], those of equivalent bonds averaged.

    Raises ``InputError`` where relaxing ends in no numbers.
    """
    molecule = model.molecule.placed()
    assert molecule.positions is not None
    context = new_context(to_openmm(model), openmm.VerletIntegrator(0.001))
    context.setPositions(molecule.positions)
    x, energy = minimise(context, *_MINIMISER)
    if not np.isfinite(energy):
        raise InputError(f"the model of {molecule.name} has no minimum that constraints could take their lengths from.")
    kinds = molecule.equivalent_atoms()
    lengths = np.linalg.norm(x[molecule.bonds[:, 0]] - x[molecule.bonds[:, 1]], axis=1)
    alike = np.sort(kinds[molecule.bonds], axis=1)
    return np.array([lengths[(alike == own).all(1)].mean() for own in alike])


def _divided(system: openmm.System, owner: Mapping[int, int]) -> tuple[openmm.System, list[openmm.Force]]:
    """A System without the bonded terms inside molecules, and forces that have these alone."""
    if any(type(force).__name__ == "PythonForce" for force in system.getForces()):
        raise InputError("the System has a PythonForce, of which nothing can be taken out; make it without.")
    root = ET.fromstring(openmm.XmlSerializer.serialize(system))
    parents = root.find("Forces")
    assert parents is not None
    removed = []
    for force in parents.findall("Force"):
        inner = ET.fromstring(ET.tostring(force))
        taken = 0
        for path in _TERMS:
            outer, _, name = path.partition("/")
            for keeps, terms in ((True, force.find(outer)), (False, inner.find(outer))):
                for term in [] if terms is None else terms.findall(name):
                    if _inside(term, owner) is keeps:
                        assert terms is not None
                        terms.remove(term)
                        taken += keeps
        if taken:
            removed.append(openmm.XmlSerializer.deserialize(ET.tostring(inner).decode()))
    return openmm.XmlSerializer.deserialize(ET.tostring(root).decode()), removed


def _inside(term: ET.Element, owner: Mapping[int, int]) -> bool:
    """Whether a term is on atoms of one molecule alone."""
    atoms = [int(value) for name, value in term.attrib.items() if name[0] in "pab" and name[1:].isdigit()]
    found = {owner.get(atom, -1) for atom in atoms}
    return len(found) == 1 and -1 not in found


def _no_pair_forces(system: openmm.System) -> None:
    for force in system.getForces():
        if isinstance(force, openmm.CustomNonbondedForce):
            raise InputError(
                f"the System's {force.getName()} computes pairs by a formula of its own, which a lambda cannot fade; "
                "replace the molecule's energy without interpolation."
            )


def _interpolate_pairs(
    system: openmm.System,
    force: openmm.NonbondedForce,
    old: Mapping[tuple[int, int], Pair],
    new: Mapping[tuple[int, int], Pair],
    parameter: str,
) -> None:
    """Exceptions that change with a parameter; where sigma changes too, the new Lennard-Jones energy stands apart."""
    force.addGlobalParameter(parameter, 1.0)
    exceptions, apart = exceptions_of(force), {}
    for pair, (charges, sigma, epsilon) in old.items():
        own_charges, own_sigma, own_epsilon = new[pair]
        if epsilon and own_epsilon and not np.isclose(sigma, own_sigma, rtol=1e-12, atol=0):
            apart[pair] = 0.0, own_sigma, own_epsilon
            own_epsilon = 0.0
        both = sigma if epsilon else own_sigma
        number = set_pair(force, exceptions, *pair, (charges, both, epsilon))
        force.addExceptionParameterOffset(parameter, number, own_charges - charges, 0.0, own_epsilon - epsilon)
    if apart:
        periodic = force.getExceptionsUsePeriodicBoundaryConditions()
        system.addForce(pair_force(apart, periodic=periodic, scale=Scale(parameter, parameter, 1.0)))


def _fading(force: Any, scale: Scale) -> openmm.Force:
    """A force times a factor."""
    kind = type(force)
    if kind in NATIVE_OF_FORCE:
        native = NATIVE_OF_FORCE[kind]
        own = scaled_like(native, scale)
        for atoms, values in native.terms(force):
            native.add_custom(own, atoms, values)
    elif kind in _CUSTOM:
        own = force
        own.setEnergyFunction(times(force.getEnergyFunction(), scale))
        own.addGlobalParameter(scale.parameter, scale.value)
    else:
        raise InputError(
            f"the System has a {kind.__name__} inside the molecule, which a lambda cannot fade; replace the molecule's "
            "energy without interpolation."
        )
    own.setUsesPeriodicBoundaryConditions(force.usesPeriodicBoundaryConditions())
    own.setForceGroup(force.getForceGroup())
    own.setName(force.getName())
    return own


def _constrain(system: openmm.System, model: ForceField, copies: Sequence[Copy]) -> None:
    """Give constrained bonds the lengths of the model's minimum."""
    if not system.getNumConstraints():
        return
    bonds, fitted = model.molecule.bonds.tolist(), fitted_lengths(model)
    lengths = {
        frozenset((int(copy[i]), int(copy[j]))): length
        for copy in copies
        for (i, j), length in zip(bonds, fitted, strict=True)
    }
    for number, (i, j) in _constraints(system):
        if frozenset((i, j)) in lengths:
            system.setConstraintParameters(number, i, j, lengths[frozenset((i, j))])


def _constraints(system: openmm.System) -> Iterator[tuple[int, tuple[int, int]]]:
    for number in range(system.getNumConstraints()):
        i, j, _ = system.getConstraintParameters(number)
        yield number, (i, j)
