"""Fitted molecules in ``openmm.app.ForceField``, by a template generator."""

import io
import warnings
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openmm
from openmm import app

from hybridff.errors import InputError
from hybridff.export.modelfile import Model, SavedModel, force_field_of
from hybridff.export.routes import Platform, Route, RouteOption, chosen_route
from hybridff.gaff.forcefield import ForceField
from hybridff.systems.ffxml import template
from hybridff.systems.inside import add_model
from hybridff.systems.matching import Copy, assign, check_different, in_nanometers, is_alike
from hybridff.systems.mixed import fitted_lengths, why_not


class HybridFFTemplateGenerator:
    """Gives ``openmm.app.ForceField`` the templates and forces of fitted molecules.

        forcefield = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
        forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(models=["ligand"]).generator)
        system = forcefield.createSystem(topology, nonbondedMethod=app.PME, constraints=app.HBonds)

    Residues are known by elements and bonds, whatever the names and the order of their atoms; there may be several
    models, and several copies of each. Everything is in the System that ``createSystem`` returns: couplings, kernels,
    and the pairs inside each molecule, which have no cutoff. Towards others a molecule has the charges and
    Lennard-Jones parameters of its model's start. With constraints, bonds get the lengths of the model's minimum.

    ``positions`` [nm] of the topology are needed where a model with kernels meets its atoms in another order.

    ``platform`` is the OpenMM platform, or its name, that the System is for. By the ``route`` "auto", models that need
    custom forces are "compiled" for the platforms CPU and Reference, which is far faster there, but such a System
    cannot be written to a file. For all others, and where no platform is given, they are "native": OpenMM's own forces,
    which are written to files and run everywhere. ``route_of`` tells which.
    """

    def __init__(
        self,
        models: Model | Sequence[Model],
        *,
        positions: Any = None,
        platform: Platform | None = None,
        route: RouteOption = "auto",
    ) -> None:
        given = [models] if isinstance(models, ForceField | SavedModel | str | Path) else models
        self._models = [force_field_of(model) for model in given]
        if not self._models:
            raise InputError("a template generator needs at least one model.")
        check_different(self._models)
        self.positions = positions
        self._routes = [chosen_route(model, route, platform) for model in self._models]

    def route_of(self, model: Model) -> Route:
        """How OpenMM gets a model: "native" or "compiled".

        Raises ``InputError`` for a molecule that is not among the models.
        """
        wanted = force_field_of(model)
        for own, route in zip(self._models, self._routes, strict=True):
            if is_alike(wanted, own):
                return route
        raise InputError(f"{wanted.molecule.name} is none of the molecules of this template generator.")

    def generator(self, forcefield: app.ForceField, residue: Any) -> bool:
        """Register the template of a residue, if one of the models is of this molecule; OpenMM calls this."""
        atoms = list(residue.atoms())
        particles = [atom.index for atom in atoms]
        elements = [0 if atom.element is None else atom.element.atomic_number for atom in atoms]
        bonds = sorted({(min(a.index, b.index), max(a.index, b.index)) for a, b in residue.internal_bonds()})
        if any(True for _ in residue.external_bonds()):
            return False
        for model in self._models:
            if assign(model.with_corrections(()), particles, elements, bonds) is not None:
                _forces_of(forcefield).register(model, self)
                return True
        for model in self._models:
            numbers = model.molecule.numbers.tolist()
            if sorted(n for n in elements if n > 1) != sorted(n for n in numbers if n > 1):
                continue
            if (1 in numbers and 1 not in elements) or (len(model.molecule.bonds) and not bonds):
                raise InputError(why_not(model, _only(residue)))
            if elements.count(1) != numbers.count(1):  # another state of protonation, which others may know
                warnings.warn(why_not(model, _only(residue)), stacklevel=2)
        return False


class _Forces:
    """What OpenMM's ``ForceField`` calls to add forces: those of our molecules, after all others."""

    def __init__(self, forcefield: app.ForceField) -> None:
        self._forcefield = forcefield
        self._models: dict[str, tuple[ForceField, HybridFFTemplateGenerator]] = {}

    def register(self, model: ForceField, generator: HybridFFTemplateGenerator) -> None:
        """Add a template and the types of its atoms.

        Raises ``InputError`` beside files that compute Lennard-Jones energies by a force of their own.
        """
        if any(isinstance(own, app.forcefield.LennardJonesGenerator) for own in self._forcefield.getGenerators()):
            raise InputError(
                "the force field computes Lennard-Jones energies by pairs of types, as CHARMM's do, and GAFF's atoms "
                "are not among them; make the System with CHARMM's own parameters of the molecule, then use add_hybrid."
            )
        name = f"hybridff{len(self._models)}"
        self._models[name] = model, generator
        scales = [
            (generator.coulomb14scale, generator.lj14scale)
            for generator in self._forcefield.getGenerators()
            if isinstance(generator, app.forcefield.NonbondedGenerator)
        ]
        # pairs inside our molecules do not depend on factors of other files
        text = ET.tostring(template(model, name, *(scales[0] if scales else ())), encoding="unicode")
        self._forcefield.loadFile(io.StringIO(text))
        # the generator of NonbondedForce may be new, and exceptions of ours come after its own
        generators = self._forcefield.getGenerators()
        if self in generators:
            generators.remove(self)
        self._forcefield.registerGenerator(self)

    def createForce(self, system: openmm.System, data: Any, *_: Any) -> None:  # noqa: N802 (OpenMM calls it so)
        """Constrain bonds, which OpenMM's own generators know nothing of."""
        held = {frozenset((bond.atom1, bond.atom2)): bond for bond in data.bonds if bond.isConstrained}
        turning = {atoms[1] for atoms, fixed in zip(data.angles, data.isAngleConstrained, strict=True) if fixed}
        for model, copies, _route in self._copies(data):
            if any(turning.intersection(copy.tolist()) for copy in copies):
                raise InputError(
                    f"constraints=HAngles, or rigidWater, would hold angles of {model.molecule.name}, which its model "
                    "does not provide for; use constraints=HBonds."
                )
            pairs = [(held.get(frozenset((int(c[i]), int(c[j])))), k) for c in copies for k, (i, j) in _bonds(model)]
            if not any(bond for bond, _ in pairs):
                continue
            lengths = fitted_lengths(model).tolist()
            for bond, k in pairs:
                if bond is not None:
                    bond.length = lengths[k]
                    data.addConstraint(system, bond.atom1, bond.atom2, lengths[k])

    def postprocessSystem(self, system: openmm.System, data: Any, args: Any) -> None:  # noqa: N802 (OpenMM's)
        """Add the energy inside our molecules."""
        for model, copies, route in self._copies(data):
            add_model(system, model, copies, route)

    def _copies(self, data: Any) -> list[tuple[ForceField, list[Copy], Route]]:
        """Particles of each copy of each model, and its route."""
        residues: dict[str, dict[Any, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for atom, kind in data.atomType.items():
            name = kind.partition("-")[0]
            if name in self._models:
                residues[name][atom.residue].append(atom)
        found = []
        for name, own in residues.items():
            model, generator = self._models[name]
            positions = None
            if generator.positions is not None:  # those of the water that follows need not be there
                last = max(atom.index for atoms in own.values() for atom in atoms)
                positions = in_nanometers(generator.positions, last + 1, more=True)
            copies = []
            for atoms in own.values():
                particles = sorted(atom.index for atom in atoms)
                elements = [data.atoms[i].element.atomic_number for i in particles]
                numbers = sorted({number for particle in particles for number in data.atomBonds[particle]})
                bonds = sorted({(data.bonds[k].atom1, data.bonds[k].atom2) for k in numbers})
                copy = assign(model, particles, elements, bonds, positions)
                assert copy is not None
                copies.append(copy)
            found.append((model, copies, generator.route_of(model)))
        return found


def _bonds(model: ForceField) -> list[tuple[int, list[int]]]:
    """Bonds of a molecule, each with its number."""
    return list(enumerate(model.molecule.bonds.tolist()))


def _forces_of(forcefield: app.ForceField) -> _Forces:
    """The forces that a ``ForceField`` has of us already, or new ones."""
    present = [generator for generator in forcefield.getGenerators() if isinstance(generator, _Forces)]
    return present[0] if present else _Forces(forcefield)


def _only(residue: Any) -> app.Topology:
    """A topology of one residue."""
    topology = app.Topology()
    own = topology.addResidue(residue.name, topology.addChain(), residue.id)
    new: Mapping[Any, Any] = {atom: topology.addAtom(atom.name, atom.element, own) for atom in residue.atoms()}
    for a, b in residue.internal_bonds():
        topology.addBond(new[a], new[b])
    return topology
