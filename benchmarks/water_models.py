"""What moves a molecule in the water box: fits, kernels of nothing, and other programs by openmm-ml's mixed Systems."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import torch
from openmm import unit
from shared import fitted, kernel

from hybridff import FitOptions, ForceField
from hybridff.analysis.water_box import Box
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.comparison.step_times import langevin_context
from hybridff.corrections.select import chosen_atoms
from hybridff.export.routes import Route, custom_terms
from hybridff.units import KCAL_MOL

STEP = 0.001
"""Time step [ps]."""
SETTLE = 2000
"""Steps that the box runs with GAFF before any timing."""
TOLERANCE = 0.5
"""Largest deviation of the solute's energy in the box [kJ/mol]: its forces in single precision, and the rounding of a
total energy some hundred times larger."""
_LARGE = 12
"""A single expression of all pairs of more atoms takes OpenMM minutes to compile."""
_CORRECTIONS = {"n→π*": "n-pi-star", "fragments": "auto", "all atoms": "all"}

Build = Callable[[Box, openmm.System], openmm.System]
"""Makes a System of a box, from that of stock GAFF."""


def force_field(
    data: BenchmarkSet, row: str, fits: dict[str, ForceField], *, n_frames: int, n_points: int
) -> ForceField:
    """The force field of a row, such as "class2, small + all atoms"; its fit is added to ``fits`` if need be."""
    terms, _, correction = row.partition(" + ")
    if terms not in fits:
        form, _, size = terms.partition(", ")
        fits[terms] = fitted(data, form, FitOptions(size=size or "full"), n_frames)  # type: ignore[arg-type]
    if not correction:
        return fits[terms]
    groups = chosen_atoms(_CORRECTIONS[correction], data.molecule, data.frames.positions)
    return fits[terms].with_corrections([kernel(data, atoms, n_points) for atoms in groups])


def routes_of(model: ForceField, platform: str) -> Sequence[Route]:
    """Ways by which OpenMM can get a model on a platform in reasonable time."""
    if not custom_terms(model) and not model.corrections:
        return ("native",)
    found: Sequence[Route] = ("native", "compiled") if platform in ("CPU", "Reference") else ("native",)
    large = any(len(term.atoms) > _LARGE for term in model.corrections)
    return [route for route in found if route != "native" or not large]


def alternatives(
    data: BenchmarkSet, rows: Sequence[str], *, n_points: int, mace: Path | None, folder: Path
) -> Iterator[tuple[str, Build]]:
    """Mixed Systems of those other programs that are asked for and installed; files go into a folder."""
    everything = list(range(len(data.molecule.numbers)))

    def by_ase(calculator: Any) -> Build:
        from ase import Atoms
        from openmmml import MLPotential

        def build(box: Box, stock: openmm.System) -> openmm.System:
            atoms = Atoms(data.molecule.numbers, calculator=calculator)
            potential = MLPotential("ase")
            return potential.createMixedSystem(box.topology, stock, everything, aseAtoms=atoms, mlLongRange=False)

        return build

    if "sgdml" in rows and importlib.util.find_spec("sgdml"):
        from sgdml_models import repeated_calculator, silently

        with silently():
            calculator = repeated_calculator(data, n_points, folder)
        yield f"sgdml, {n_points} points (openmm-ml, ASE)", by_ase(calculator)
    if "GFN2-xTB" in rows and importlib.util.find_spec("tblite"):
        from tblite.ase import TBLite

        yield "GFN2-xTB (openmm-ml, ASE, tblite)", by_ase(TBLite(method="GFN2-xTB", verbosity=0))
    if "MACE" in rows and mace and importlib.util.find_spec("mace"):
        from openmmml import MLPotential

        potential = MLPotential("mace", modelPath=str(mace))
        yield "MACE (openmm-ml)", lambda box, stock: potential.createMixedSystem(box.topology, stock, everything)


def settled(box: Box, stock: ForceField) -> Box:
    """The box after some dynamics on the CPU."""
    context = langevin_context(box.system(stock), box.positions, platform="CPU", step=STEP)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(SETTLE)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    return Box(box.topology, np.array(positions), box.n_solute)


def deviation(context: openmm.Context, box: Box, model: ForceField) -> str:
    """How far what the model adds to the box is from its energy in vacuum; fails where they differ."""
    empty = box.system(model.with_corrections(()).without_terms())
    nothing = openmm.Context(empty, openmm.VerletIntegrator(STEP), context.getPlatform())
    nothing.setPositions(box.positions)
    alone = float(model.energy(torch.as_tensor(box.positions[: box.n_solute])))
    whole, rest = (
        own.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        for own in (context, nothing)
    )
    off = whole - rest - alone
    if not abs(off) < TOLERANCE:
        raise SystemExit(f"the solute's energy in the box is off by {off:.3f} kJ/mol")
    return f"{off / KCAL_MOL:.4f} kcal/mol"
