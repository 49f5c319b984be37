"""A molecule in a box of water: whether its energy is the sum of its parts, and what stays at constant pressure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import openmm
import torch
from jaxtyping import Float
from openmm import app, unit

from hybridff.errors import DynamicsError
from hybridff.export.agreement import openmm_energies_forces
from hybridff.export.routes import Route, chosen_route
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.systems.templates import HybridFFTemplateGenerator
from hybridff.units import BOLTZMANN

CUTOFF = 0.9
"""Cutoff of particle-mesh Ewald [nm]."""
STEP = 0.004
"""Time step with constraints and heavy hydrogens [ps]."""
EVERY = 250
"""Steps between two samples."""
_SETTLE = 50.0
"""Dynamics before the first sample [ps]."""
_FRICTION = 1.0
"""Friction of the Langevin dynamics [1/ps]."""
_HYDROGEN = 3.0
"""Mass of hydrogens [Da]."""
_NUDGE = 0.005
"""Displacement of the solute's atoms before energies are compared [nm]."""
_LARGE = 12
"""Kernels on more atoms are a long expression, which Reference takes minutes to read."""
_SHIFTS = ((1, 0, 0), (0, -1, 0), (2, -1, 3))
"""Box vectors by which the molecule is moved, which has to change nothing."""
_PER_DALTON = 1.66053906660e-3
"""Density of one dalton in a cubic nanometre [g/mL]."""


@dataclass(frozen=True, eq=False)
class Box:
    """A molecule alone or in water, its atoms first."""

    topology: app.Topology
    """Molecule and water."""
    positions: Float[np.ndarray, "atoms 3"]
    """Positions of all atoms [nm]."""
    n_solute: int
    """Number of atoms of the molecule."""

    @property
    def periodic(self) -> bool:
        """Whether there is a box of water."""
        return self.topology.getPeriodicBoxVectors() is not None

    @property
    def n_water(self) -> int:
        """Number of water molecules."""
        return (len(self.positions) - self.n_solute) // 3

    def system(
        self, force_field: ForceField, route: Route = "native", *, cutoff: float = CUTOFF, rigid: bool = False
    ) -> openmm.System:
        """A System with the molecule by a force field, rigid TIP3P water and particle-mesh Ewald up to a cutoff [nm].

        Where it is ``rigid``, bonds to the molecule's hydrogens are constrained too, and hydrogens weigh 3 Da.
        """
        settings = {"nonbondedMethod": app.PME, "nonbondedCutoff": cutoff * unit.nanometer} if self.periodic else {}
        if rigid:
            settings |= {"constraints": app.HBonds, "hydrogenMass": _HYDROGEN * unit.dalton}
        return _files(force_field, route).createSystem(self.topology, rigidWater=True, **settings)


def _files(force_field: ForceField, route: Route = "native") -> app.ForceField:
    """Templates of water, and of the molecule by its force field."""
    found = app.ForceField("amber14/tip3p.xml")
    found.registerTemplateGenerator(HybridFFTemplateGenerator(force_field, route=route).generator)
    return found


def in_vacuum(force_field: ForceField) -> Box:
    """The molecule alone, at its own positions or embedded ones."""
    molecule = force_field.molecule.placed()
    assert molecule.positions is not None
    return Box(molecule.to_openmm_topology("LIG"), molecule.positions, len(molecule.numbers))


def in_water(force_field: ForceField, edge: float) -> Box:
    """The molecule in a cubic box of TIP3P water with an edge [nm]; its charge is not made up for."""
    alone = in_vacuum(force_field)
    modeller = app.Modeller(alone.topology, alone.positions * unit.nanometer)
    modeller.addSolvent(_files(force_field), boxSize=openmm.Vec3(1, 1, 1) * edge, neutralize=False)
    return Box(modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer)), alone.n_solute)


def nudged(box: Box, seed: int) -> Float[np.ndarray, "atoms 3"]:
    """Positions with the molecule's atoms moved a little, so that it is at no minimum [nm]."""
    found = box.positions.copy()
    found[: box.n_solute] += np.random.default_rng(seed).normal(0, _NUDGE, (box.n_solute, 3))
    return found


@dataclass(frozen=True)
class SumOfParts:
    """The energy of a molecule in water beside that of the same box without anything inside it, and its own."""

    whole: float
    """Energy of the whole System [kJ/mol]."""
    rest: float
    """Energy of the System without anything inside the molecule [kJ/mol]."""
    alone: float
    """Energy of the model alone [kJ/mol]."""
    force_deviation: float
    """Largest deviation of the whole's forces from the sum of the parts, over their root mean square."""

    @property
    def energy_deviation(self) -> float:
        """Deviation of the whole's energy from the sum of the parts, relative."""
        return abs(self.whole - self.rest - self.alone) / abs(self.whole)


def sum_of_parts(model: ForceField, box: Box, seed: int = 1) -> SumOfParts:
    """Compare the whole with its parts in double precision, at positions that are a little off."""
    large = any(len(term.atoms) > _LARGE for term in model.corrections)
    x = nudged(box, seed)
    systems = (
        box.system(model, "compiled" if large else "native"),
        box.system(model.with_corrections(()).without_terms()),
    )
    (whole, forces), (rest, others) = (openmm_energies_forces(system, x[None]) for system in systems)
    alone, own = predict(model, x[None, : box.n_solute])
    others[0, : box.n_solute] += own[0]
    scale = np.sqrt((forces**2).mean())
    return SumOfParts(float(whole[0]), float(rest[0]), float(alone[0]), float(np.abs(forces - others).max() / scale))


@dataclass(frozen=True, kw_only=True)
class PressureOptions:
    """A run at constant pressure of one bar."""

    temperature: float = 300.0
    """Temperature [K]."""
    time: float = 1000.0
    """Length of the run [ps]."""
    blocks: int = 10
    """Number of blocks of samples."""
    platform: str = "CPU"
    """Platform of OpenMM."""
    seed: int = 1
    """Seed of velocities and of the thermostat."""


@dataclass(frozen=True, eq=False)
class Block:
    """Samples of a stretch of the run."""

    time: float
    """End of the block [ps]."""
    density: Float[np.ndarray, " samples"]
    """Density of the box [g/mL]."""
    potential: Float[np.ndarray, " samples"]
    """Potential energy of the box [kJ/mol]."""
    inside: Float[np.ndarray, " samples"]
    """Energy of the model alone at the molecule's positions [kJ/mol]."""
    temperature: Float[np.ndarray, " samples"]
    """Temperature by the kinetic energy [K]."""
    jump: float
    """Change of energy, at most, when the molecule alone is moved by box vectors at the end of the block [kJ/mol]."""
    crossings: int
    """Number of faces of the box that the molecule's centre crossed."""


def constant_pressure(model: ForceField, box: Box, options: PressureOptions | None = None) -> Iterator[Block]:
    """Run with steps of 4 fs, constraints and heavy hydrogens; a block at a time.

    Raises ``DynamicsError`` where the energy is no longer finite.
    """
    options = options or PressureOptions()
    context = _at_pressure(model, box, options)
    system = context.getSystem()
    masses = [system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())]
    mass, degrees = sum(masses), 3 * len(masses) - system.getNumConstraints() - 3  # the centre of mass is at rest
    per_block = max(1, round(options.time / STEP / EVERY / options.blocks))
    cell: np.ndarray | None = None
    for block in range(options.blocks):
        values, crossings = [], 0
        for _ in range(per_block):
            context.getIntegrator().step(EVERY)
            state = context.getState(getEnergy=True, getPositions=True)
            solute = _positions(state)[: box.n_solute]
            edges = _edges(state)
            centre = np.floor(solute.mean(0) / edges)
            crossings += 0 if cell is None else int(np.abs(centre - cell).sum())
            cell = centre
            kinetic = state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
            values.append(
                (
                    mass / edges.prod() * _PER_DALTON,
                    _potential(state),
                    float(model.energy(torch.as_tensor(solute))),
                    2 * kinetic / (degrees * BOLTZMANN),
                )
            )
        if not np.isfinite(values[-1]).all():
            raise DynamicsError("the energy is no number any more")
        time = (block + 1) * per_block * EVERY * STEP
        density, potential, inside, temperature = np.array(values).T
        yield Block(time, density, potential, inside, temperature, _jump(context, box.n_solute), crossings)


def _at_pressure(model: ForceField, box: Box, options: PressureOptions) -> openmm.Context:
    """Relaxed and settled, ready to run."""
    system = box.system(model, chosen_route(model, "auto", options.platform), rigid=True)
    system.addForce(openmm.MonteCarloBarostat(1.0, options.temperature, 25))
    integrator = openmm.LangevinMiddleIntegrator(options.temperature, _FRICTION, STEP)
    integrator.setRandomNumberSeed(options.seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(options.platform))
    context.setPositions(box.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(options.temperature, options.seed)
    integrator.step(round(_SETTLE / STEP))
    return context


def _jump(context: openmm.Context, n_solute: int) -> float:
    """By how much the energy changes at most when the molecule alone is moved by box vectors [kJ/mol]."""
    state = context.getState(getEnergy=True, getPositions=True)
    x, before, edges = _positions(state), _potential(state), _edges(state)
    changes = []
    for shift in _SHIFTS:
        moved = x.copy()
        moved[:n_solute] += np.array(shift) * edges
        context.setPositions(moved)
        changes.append(abs(_potential(context.getState(getEnergy=True)) - before))
    context.setPositions(x)
    return max(changes)


def _positions(state: openmm.State) -> Float[np.ndarray, "atoms 3"]:
    return state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)


def _potential(state: openmm.State) -> float:
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def _edges(state: openmm.State) -> Float[np.ndarray, " 3"]:
    return np.diag(state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer))


@dataclass(frozen=True)
class Trend:
    """A series of samples as its mean and a straight line."""

    mean: float
    """Mean of the samples."""
    error: float
    """Standard error of the mean, from the scatter of blocks."""
    slope: float
    """Slope of the line, in units of the samples for a unit of time."""
    slope_error: float
    """Standard error of the slope, from the scatter of blocks."""


def trend(times: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"], blocks: int) -> Trend:
    """Mean and slope of a series, with errors from the scatter of the means of blocks."""
    n = len(values) // blocks * blocks
    means, middles = (part[:n].reshape(blocks, -1).mean(1) for part in (values, times))
    (slope, _), covariance = np.polyfit(middles, means, 1, cov=True)
    error = means.std(ddof=1) / np.sqrt(blocks)
    return Trend(float(values.mean()), float(error), float(slope), float(np.sqrt(covariance[0, 0])))
