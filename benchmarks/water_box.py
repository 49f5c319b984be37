"""Speed of dynamics, in vacuum and in a water box: every kind of model against stock GAFF, run by turns.

Rigid TIP3P water, particle-mesh Ewald and a flexible solute; Langevin steps of 1 fs at 300 K. In every System, the
solute meets water by GAFF's charges and Lennard-Jones parameters. Models are made with the template generator, by
OpenMM's own forces ("native") and on the platforms CPU and Reference also by the compiled evaluator. Kernels have
points of real geometries and weights of nothing: what they cost depends on atoms, points and permutations alone.

Beside them, what one would take instead, by openmm-ml's mixed Systems: the program sgdml (``pip install sgdml``) and
GFN2-xTB (``pip install tblite``) by their ASE calculators, and a MACE network (``pip install mace-torch``) from a file,
on the GPU if PyTorch finds one.
What is not installed has no row, and Reference no water.

Before the timing, what the model adds to the box is compared with the molecule alone.

Usage: python benchmarks/water_box.py [--platforms CPU OpenCL] [--edge 3.2] [--rows "class2, medium" …]
                                      [--mace aspirin.model] [--precision mixed] [set of frames …]
"""

import argparse
import importlib.util
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import openmm
import torch
from common import CELLS, cells, fitted, kernel, new_context, read_set, step_times, steps_within
from jaxtyping import Float
from openmm import app, unit

from hybridff import FitOptions, ForceField, HybridFFTemplateGenerator
from hybridff.comparison.benchmark_sets import TrialSet
from hybridff.corrections.select import chosen_atoms
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import Route, custom_terms
from hybridff.units import KCAL_MOL

SETS = ("aspirin_rmd17",)
ROWS = (
    "stock GAFF + n→π*",
    "harmonic",
    "morse",
    "neural",
    "class2, small",
    "class2, medium",
    "class2, full",
    "class2, medium + n→π*",
    "class2, medium + fragments",
    "class2, medium + all atoms",
)
OTHERS = ("sgdml", "GFN2-xTB", "MACE")
STEP = 0.001
"""[ps]"""
CUTOFF = 0.9
"""[nm]"""
SETTLE = 2000
"""Steps that the box runs with GAFF before any timing."""
TOLERANCE = 0.5
"""Largest deviation of the solute's energy in the box [kJ/mol]: its forces in single precision, and the rounding of a
total energy some hundred times larger."""


@dataclass(frozen=True)
class Box:
    """A molecule alone or in water."""

    topology: app.Topology
    positions: Float[np.ndarray, "atoms 3"]
    """The solute's first [nm]."""

    @property
    def periodic(self) -> bool:
        """Whether there is a box."""
        return self.topology.getPeriodicBoxVectors() is not None

    def system(self, force_field: ForceField, route: Route = "native") -> openmm.System:
        """With the solute by this force field."""
        method = {"nonbondedMethod": app.PME, "nonbondedCutoff": CUTOFF * unit.nanometer} if self.periodic else {}
        return files_with(force_field, route).createSystem(self.topology, rigidWater=True, **method)


def files_with(force_field: ForceField, route: Route = "native") -> app.ForceField:
    """Water and a molecule."""
    files = app.ForceField("amber14/tip3p.xml")
    files.registerTemplateGenerator(HybridFFTemplateGenerator(force_field, route=route).generator)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS, help="names of sets of frames")
    parser.add_argument("--platforms", nargs="*", default=platform_names(), choices=platform_names())
    parser.add_argument("--only", choices=("vacuum", "water"), help="one of the two")
    parser.add_argument("--edge", type=float, default=3.2, help="of the box [nm]")
    parser.add_argument("--rows", nargs="*", default=(*ROWS, *OTHERS), choices=(*ROWS, *OTHERS))
    parser.add_argument("--points", type=int, default=200, help="of every kernel, sgdml's too")
    parser.add_argument("--mace", type=Path, help="file of a trained MACE network")
    parser.add_argument("--precision", choices=("single", "mixed", "double"), help="of GPU platforms, if not their own")
    parser.add_argument("--frames", type=int, default=250, help="that the force fields are fitted to")
    parser.add_argument("--seconds", type=float, default=0.4, help="that a row runs in its turn")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # what sgdml says
    print(f"Langevin steps of 1 fs, {options.repeats} turns of {options.seconds:g} s; {os.cpu_count()} cores, torch")
    print(
        f"with {torch.get_num_threads()} threads; kernels of {options.points} points. Ratio: time of a step over that"
    )
    print("of stock GAFF in the same turn, median with half the distance of the quartiles.")
    print(f"| set | atoms | platform | force field | terms | context | {CELLS} | ns/day | energy off by |")
    print("| --- " * 12 + "|")
    for name in options.sets:
        one_set(read_set(name), options)


def one_set(data: TrialSet, options: argparse.Namespace) -> None:
    """Rows of a molecule."""
    fits: dict[str, ForceField] = {"stock GAFF": data.stock}
    models = {row: force_field(data, row, fits, options) for row in ROWS if row in options.rows}
    assert data.molecule.positions is not None
    alone = Box(data.molecule.to_openmm_topology("LIG"), data.molecule.positions)
    boxes = [alone] if options.only != "water" else []
    if options.only != "vacuum":
        boxes.append(settled(in_water(alone, data.stock, options.edge), data.stock))
    with TemporaryDirectory() as folder:
        others = dict(alternatives(data, Path(folder), options))
        for box in boxes:
            for platform in options.platforms:
                if box.periodic and platform == "Reference" and len(options.platforms) > 1:
                    continue  # a step takes half a second
                measure(data, box, platform, models, others, options)


def measure(
    data: TrialSet,
    box: Box,
    platform: str,
    models: dict[str, ForceField],
    others: dict[str, Callable[[Box, openmm.System], openmm.System]],
    options: argparse.Namespace,
) -> None:
    """Rows of a box on a platform."""
    stock = box.system(data.stock)
    plans: dict[str, Callable[[], openmm.System]] = {"stock GAFF": lambda: stock}
    of_model: dict[str, ForceField] = {}
    for row, model in models.items():
        if not custom_terms(model) and not model.corrections:
            routes: Sequence[Route] = ("native",)
        else:
            routes = ("native", "compiled") if platform in ("CPU", "Reference") else ("native",)
        for route in routes:
            if route == "native" and any(len(term.atoms) > 12 for term in model.corrections):
                continue  # a single expression of all pairs takes OpenMM minutes to compile
            plans[f"{row}, {route}"] = lambda model=model, route=route: box.system(model, route)  # type: ignore[misc]
            of_model[f"{row}, {route}"] = model
    plans |= {row: lambda build=build: build(box, stock) for row, build in others.items()}  # type: ignore[misc]
    contexts, built, off = {}, {}, {}
    for key, build in plans.items():
        begin = time.perf_counter()
        contexts[key] = new_context(build(), box.positions, platform, STEP, options.precision)
        contexts[key].getIntegrator().step(1)
        built[key] = time.perf_counter() - begin
        contexts[key].setPositions(box.positions)
        off[key] = deviation(contexts[key], box, of_model[key]) if key in of_model else ""
    times = step_times(contexts, steps_within(contexts, options.seconds), options.repeats)
    for key, values in times.items():
        terms = len(of_model[key].table.products) if key in of_model else ""
        per_day = 86400 * STEP / 1000 / (np.median(values) * 1e-6)
        print(
            f"| {data.name} | {len(box.positions)} | {platform} | {key} | {terms} | {built[key]:.1f} s | "
            f"{cells(values, times['stock GAFF'])} | {per_day:.3g} | {off[key]} |",
            flush=True,
        )


def force_field(data: TrialSet, row: str, fits: dict[str, ForceField], options: argparse.Namespace) -> ForceField:
    """One of the fits, which is made if need be, with kernels on request."""
    terms, _, correction = row.partition(" + ")
    if terms not in fits:
        form, _, size = terms.partition(", ")
        fits[terms] = fitted(data, form, FitOptions(size=size or "full"), options.frames)  # type: ignore[arg-type]
    if not correction:
        return fits[terms]
    wanted = {"n→π*": "n-pi-star", "fragments": "auto", "all atoms": "all"}[correction]
    groups = chosen_atoms(wanted, data.molecule, data.frames.positions)
    return fits[terms].with_corrections([kernel(data, atoms, options.points) for atoms in groups])


def alternatives(
    data: TrialSet, folder: Path, options: argparse.Namespace
) -> Iterator[tuple[str, Callable[[Box, openmm.System], openmm.System]]]:
    """Mixed Systems of other programs."""
    everything = list(range(len(data.molecule.numbers)))

    def by_ase(calculator: Any) -> Callable[[Box, openmm.System], openmm.System]:
        from ase import Atoms
        from openmmml import MLPotential

        def build(box: Box, stock: openmm.System) -> openmm.System:
            atoms = Atoms(data.molecule.numbers, calculator=calculator)
            return MLPotential("ase").createMixedSystem(
                box.topology, stock, everything, aseAtoms=atoms, mlLongRange=False
            )

        return build

    if "sgdml" in options.rows and importlib.util.find_spec("sgdml"):
        from ase import units
        from sgdml.intf.ase_calc import SGDMLCalculator
        from sgdml_training import repeated_model

        np.savez_compressed(folder / "model.npz", **repeated_model(data, options.points))
        per_ev = units.kcal / units.mol
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            calculator = SGDMLCalculator(str(folder / "model.npz"), E_to_eV=per_ev, F_to_eV_Ang=per_ev)
        yield f"sgdml, {options.points} points (openmm-ml, ASE)", by_ase(calculator)
    if "GFN2-xTB" in options.rows and importlib.util.find_spec("tblite"):
        from tblite.ase import TBLite

        yield "GFN2-xTB (openmm-ml, ASE, tblite)", by_ase(TBLite(method="GFN2-xTB", verbosity=0))
    if "MACE" in options.rows and options.mace and importlib.util.find_spec("mace"):
        from openmmml import MLPotential

        potential = MLPotential("mace", modelPath=str(options.mace))
        yield "MACE (openmm-ml)", lambda box, stock: potential.createMixedSystem(box.topology, stock, everything)


def in_water(alone: Box, stock: ForceField, edge: float) -> Box:
    """The solute in a cubic box."""
    modeller = app.Modeller(alone.topology, alone.positions * unit.nanometer)
    modeller.addSolvent(files_with(stock), boxSize=openmm.Vec3(1, 1, 1) * edge, neutralize=False)
    return Box(modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer)))


def settled(box: Box, stock: ForceField) -> Box:
    """After some dynamics on the CPU."""
    context = new_context(box.system(stock), box.positions, "CPU", STEP)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(SETTLE)
    return Box(box.topology, context.getState(getPositions=True).getPositions(asNumpy=True)._value)


def deviation(context: openmm.Context, box: Box, model: ForceField) -> str:
    """How far what the model adds to the box is from its energy in vacuum; fails where they differ."""
    nothing = openmm.Context(
        box.system(model.with_corrections(()).without_terms()), openmm.VerletIntegrator(STEP), context.getPlatform()
    )
    nothing.setPositions(box.positions)
    n_solute = len(model.molecule.numbers)
    alone = float(model.energy(torch.as_tensor(box.positions[:n_solute])))
    off = energy(context) - energy(nothing) - alone
    if not abs(off) < TOLERANCE:
        raise SystemExit(f"the solute's energy in the box is off by {off:.3f} kJ/mol")
    return f"{off / KCAL_MOL:.4f} kcal/mol"


def energy(context: openmm.Context) -> float:
    """[kJ/mol]"""
    return context.getState(getEnergy=True).getPotentialEnergy()._value


if __name__ == "__main__":
    main()
