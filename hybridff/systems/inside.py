"""The energy inside a molecule as forces of a larger System, for each of its copies.

All pairs of a copy become exceptions of the ``NonbondedForce``: within a molecule the energy is that of the isolated
one, in any box and with any cutoff. What its atoms do to others is not touched.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import openmm

from hybridff.errors import InputError
from hybridff.export.compiled import compiled_force
from hybridff.export.routes import Route
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.nonbonded import nonbonded_force
from hybridff.gaff.openmm_native import HARMONIC_BONDS, NATIVE_OF_FORCE, NO_LENGTH, NativeForce, numbers, pair_energy
from hybridff.systems.matching import Copy

Pair = tuple[float, float, float]
"""Charge product [e²], sigma [nm], epsilon [kJ/mol]."""


@dataclass(frozen=True)
class Scale:
    """A factor on energies."""

    expression: str
    """The factor in OpenMM's syntax, a function of one global parameter."""
    parameter: str
    """Name of the global parameter."""
    value: float
    """Value that the parameter has at first."""


def add_inside(
    system: openmm.System, force_field: ForceField, copies: Sequence[Copy], scale: Scale | None = None
) -> None:
    """Add the forces inside each copy, but for its pairs, on request times a factor.

    Terms that OpenMM has a force for join the System's own, if it has any; custom forces are shared by all copies.
    """
    periodic = system.usesPeriodicBoundaryConditions()
    for force in force_field.openmm_forces():
        if isinstance(force, openmm.NonbondedForce):
            continue
        if isinstance(force, openmm.CustomCompoundBondForce | openmm.CustomBondForce):
            own = like(force, scale)
            own.setUsesPeriodicBoundaryConditions(periodic)
            for copy in copies:
                for i in range(force.getNumBonds()):
                    *atoms, values = force.getBondParameters(i)
                    if isinstance(force, openmm.CustomBondForce):
                        own.addBond(*(int(copy[atom]) for atom in atoms), values)
                    else:
                        own.addBond([int(copy[atom]) for atom in atoms[0]], values)
            system.addForce(own)
            continue
        _add_native(system, force, copies, scale)


def add_model(system: openmm.System, force_field: ForceField, copies: Sequence[Copy], route: Route) -> None:
    """Make the energy inside each copy that of a model, pairs included.

    "native" are OpenMM's forces; "compiled" is one ``PythonForce`` for each copy, far faster on the platforms CPU and
    Reference, but bound to this process.
    """
    nonbonded = nonbonded_of(system)
    exceptions, pairs = exceptions_of(nonbonded), pairs_inside(force_field, copies)
    for (i, j), (charges, sigma, epsilon) in pairs.items():
        set_pair(nonbonded, exceptions, i, j, (charges, sigma, epsilon) if route == "native" else (0.0, sigma, 0.0))
    exclude(system, pairs)
    if route == "native":
        add_inside(system, force_field, copies)
        return
    add, bonds = _adder(system, HARMONIC_BONDS, None)
    for copy in copies:
        force = compiled_force(force_field, periodic=system.usesPeriodicBoundaryConditions())
        force.setParticles(copy.tolist())
        system.addForce(force)
        for i, j in force_field.molecule.bonds.tolist():  # a PythonForce does not tell OpenMM what a molecule is
            add([int(copy[i]), int(copy[j])], (NO_LENGTH, 0.0))
    if bonds is not None:
        system.addForce(bonds)


def pairs_inside(force_field: ForceField, copies: Sequence[Copy]) -> dict[tuple[int, int], Pair]:
    """What every pair inside each copy does by the model."""
    force = nonbonded_force(force_field.table, force_field.parameter_table.values, force_field.nonbonded)
    pairs = pairs_of(force, [np.arange(len(force_field.molecule.numbers))])
    return {
        (min(a, b), max(a, b)): pair
        for copy in copies
        for (i, j), pair in pairs.items()
        for a, b in [(int(copy[i]), int(copy[j]))]
    }


def pairs_of(force: openmm.NonbondedForce, copies: Sequence[Copy]) -> dict[tuple[int, int], Pair]:
    """What a ``NonbondedForce`` says of all pairs inside some molecules, exceptions or not."""
    exceptions = exceptions_of(force)
    found = {}
    for copy in copies:
        for i, j in combinations(sorted(copy.tolist()), 2):
            if (i, j) in exceptions:
                q, s, e = numbers(force.getExceptionParameters(exceptions[i, j])[2:])
                found[i, j] = q, s, e
            else:
                (q, s, e), (p, t, d) = (numbers(force.getParticleParameters(atom)) for atom in (i, j))
                found[i, j] = q * p, 0.5 * (s + t), float(np.sqrt(e * d))
    return found


def exceptions_of(force: openmm.NonbondedForce) -> dict[tuple[int, int], int]:
    """The number of each exception."""
    found = {}
    for number in range(force.getNumExceptions()):
        i, j, *_ = force.getExceptionParameters(number)
        found[min(i, j), max(i, j)] = number
    return found


def set_pair(force: openmm.NonbondedForce, exceptions: dict[tuple[int, int], int], i: int, j: int, pair: Pair) -> int:
    """Make a pair an exception, or change the one that it is; returns its number."""
    key = min(i, j), max(i, j)
    if key in exceptions:
        force.setExceptionParameters(exceptions[key], *key, *pair)
    else:
        exceptions[key] = force.addException(*key, *pair)
    return exceptions[key]


def check_offsets(force: openmm.NonbondedForce, copies: Sequence[Copy], *, particles: bool) -> None:
    """Raise ``InputError`` where parameters change the pairs inside some molecules already."""
    owner = owners(copies)
    for number in range(force.getNumExceptionParameterOffsets()):
        name, exception, *_ = force.getExceptionParameterOffset(number)
        i, j, *_ = force.getExceptionParameters(exception)
        if owner.get(i, -1) == owner.get(j, -2):
            raise InputError(
                f"the System's parameter {name} changes pairs inside the molecule already, as after add_hybrid with a "
                "lambda; begin with a System in which nothing does."
            )
    for number in range(force.getNumParticleParameterOffsets() if particles else 0):
        name, particle, *_ = force.getParticleParameterOffset(number)
        if particle in owner:
            raise InputError(
                f"the System's parameter {name} changes charges of the molecule, and so its old energy, which a second "
                "parameter cannot fade; interpolate first, and scale charges after that, or leave interpolate out."
            )


def owners(copies: Sequence[Copy]) -> dict[int, int]:
    """The copy that each particle belongs to."""
    return {int(atom): k for k, copy in enumerate(copies) for atom in copy}


def exclude(system: openmm.System, pairs: Iterable[tuple[int, int]]) -> None:
    """Let no other pair force see these pairs: platforms demand the same exclusions of all of them."""
    wanted = set(pairs)
    for force in system.getForces():
        if isinstance(force, openmm.CustomNonbondedForce):
            present = {tuple(sorted(force.getExclusionParticles(i))) for i in range(force.getNumExclusions())}
            for pair in sorted(wanted - present):
                force.addExclusion(*pair)


def nonbonded_of(system: openmm.System) -> openmm.NonbondedForce:
    """The System's only ``NonbondedForce``.

    Raises ``InputError`` where there is none, or several.
    """
    found = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    if len(found) != 1:
        raise InputError(
            f"the System has {len(found)} forces of the class NonbondedForce, and has to have one, from which the "
            "pairs inside the molecule are taken out."
        )
    return found[0]


def like(force: Any, scale: Scale | None = None) -> Any:
    """The same ``CustomCompoundBondForce`` or ``CustomBondForce`` without its bonds, on request times a factor."""
    energy = force.getEnergyFunction() if scale is None else times(force.getEnergyFunction(), scale)
    if isinstance(force, openmm.CustomBondForce):
        own = openmm.CustomBondForce(energy)
    else:
        own = openmm.CustomCompoundBondForce(force.getNumParticlesPerBond(), energy)
    for i in range(force.getNumPerBondParameters()):
        own.addPerBondParameter(force.getPerBondParameterName(i))
    own.setName(force.getName())
    own.setForceGroup(force.getForceGroup())
    if scale is not None:
        own.addGlobalParameter(scale.parameter, scale.value)
    return own


def times(energy: str, scale: Scale) -> str:
    """An expression in OpenMM's syntax times a factor: definitions follow the first semicolon."""
    first, *rest = energy.split(";")
    return ";".join([f"({scale.expression})*({first})", *rest])


def _add_native(system: openmm.System, force: openmm.Force, copies: Sequence[Copy], scale: Scale | None) -> None:
    native = NATIVE_OF_FORCE[type(force)]
    add, own = _adder(system, native, scale)
    for copy in copies:
        for atoms, values in native.terms(force):
            add([int(copy[atom]) for atom in atoms], values)
    if own is not None:
        system.addForce(own)


def _adder(
    system: openmm.System, native: NativeForce, scale: Scale | None
) -> tuple[Callable[[list[int], tuple[float | int, ...]], Any], openmm.Force | None]:
    """How to add a term of one of OpenMM's own kinds, and the new force that takes it, if it is one."""
    if scale is not None:
        own = scaled_like(native, scale)
        own.setUsesPeriodicBoundaryConditions(system.usesPeriodicBoundaryConditions())
        return partial(native.add_custom, own), own
    present = [force for force in system.getForces() if isinstance(force, native.force) and force.getForceGroup() == 0]
    force = present[0] if present else native.force()
    return partial(native.add, force), None if present else force


def scaled_like(native: NativeForce, scale: Scale) -> Any:
    """An empty custom force with the formula of one of OpenMM's own, times a factor."""
    own = native.custom_force(times(native.energy, scale))
    own.addGlobalParameter(scale.parameter, scale.value)
    return own


def pair_force(
    pairs: Mapping[tuple[int, int], Pair], *, periodic: bool, scale: Scale | None = None
) -> openmm.CustomBondForce:
    """Lennard-Jones and Coulomb energies of pairs, without any cutoff."""
    energy = pair_energy()
    force = openmm.CustomBondForce(energy if scale is None else times(energy, scale))
    for name in ("charges", "sigma", "epsilon"):
        force.addPerBondParameter(name)
    if scale is not None:
        force.addGlobalParameter(scale.parameter, scale.value)
    for atoms, pair in pairs.items():
        force.addBond(*atoms, pair)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
