"""Fits whose time and memory are measured, each in a process of its own."""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import openmm
from openmm import unit
from rdkit.Chem.rdPartialCharges import ComputeGasteigerCharges
from shared import peak_memory, read_set

from hybridff import FitOptions, ForceField, Frames, Molecule, to_openmm
from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.comparison.step_times import FRICTION
from hybridff.export.context import new_context
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.frames.dataset import Split
from hybridff.gaff.assign import gaff_parameters
from hybridff.stability.gate import GateOptions

_PEPTIDE = "CC(=O)N[C@@H](CC(C)C)C(=O)N[C@@H](CC(C)C)C(=O)NC"
"""N-acetylleucylleucine N-methylamide, 50 atoms."""
_LONGER_PEPTIDE = "CC(=O)N[C@@H](CC(C)C)C(=O)N[C@@H](CC(C)C)C(=O)N[C@@H](C)C(=O)NC"
"""N-acetylleucylleucylalanine N-methylamide, 60 atoms."""
_HOT = 500.0
"""Temperature of the dynamics that make its frames [K]."""
_APART = 40
"""Steps of 0.5 fs between two frames."""
_VALIDATION = 50

Case = Callable[[argparse.Namespace], dict[str, Any]]
"""Numbers of a row, from the options of the benchmark."""


def of_set(name: str, size: int, how: BenchmarkFit) -> Case:
    """A fit to some frames of a benchmark set."""

    def run(options: argparse.Namespace) -> dict[str, Any]:
        data = read_set(name)
        split = data.split(size, min(_VALIDATION, len(data.frames) - size), 0, seed=0)
        return measured(data, split, how, options.repeats if how.gate.gate == "none" else 1)

    return run


def peptide(options: argparse.Namespace) -> dict[str, Any]:
    """A fit to frames of a molecule of 50 atoms that stock GAFF has made and labelled."""
    how = BenchmarkFit(fit=FitOptions(size=options.size), gate=GateOptions(gate="none"))
    return of_stock("Ac-Leu-Leu-NHMe", _PEPTIDE, options.frames, how)(options)


def of_stock(name: str, smiles: str, n_frames: int, how: BenchmarkFit) -> Case:
    """A fit to frames that stock GAFF has made and labelled."""

    def run(options: argparse.Namespace) -> dict[str, Any]:
        data, none = stock_set(name, smiles, n_frames), np.array([], dtype=int)
        return measured(data, Split(np.arange(n_frames), none, none), how, 1)

    return run


def gasteiger_charges(molecule: Molecule) -> np.ndarray:
    """Gasteiger's charges of the atoms [e], which take no time."""
    mol = molecule.to_rdkit()
    ComputeGasteigerCharges(mol)
    return np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])


def stock_set(name: str, smiles: str, n_frames: int) -> BenchmarkSet:
    """Frames of hot dynamics by stock GAFF with Gasteiger's charges, labelled by it."""
    molecule = Molecule.from_smiles(smiles, name).with_embedded_positions()
    parameters = gaff_parameters(molecule, gasteiger_charges(molecule))
    return BenchmarkSet(name, molecule, _hot_frames(ForceField.build(molecule, parameters), n_frames), parameters, None)


def alkanes(options: argparse.Namespace) -> dict[str, Any]:
    """Butane, hexane and two frames of tetradecane, which stock GAFF has labelled, with rows by type in one fit."""
    sets = [replace(data, frames=data.frames.subset(np.arange(100))) for data in map(read_set, _SHORT_ALKANES)]
    sets.append(stock_set("tetradecane", 14 * "C", 2))
    before, begin = peak_memory(), time.perf_counter()
    pairs = [
        (
            ForceField.build(own.molecule, own.start, form="class2", geometries=own.frames.positions, share="types"),
            own.frames,
        )
        for own in sets
    ]
    found = fit_stable(pairs, FitOptions(), gate=GateOptions(gate="none"))
    return {
        "atoms": sum(len(own.molecule.numbers) for own in sets),
        "frames": sum(len(own.frames) for own in sets),
        "coefficients": int((found.result.deviations > 0).sum()),
        "gate": "–",
        "seconds": [time.perf_counter() - begin],
        "before": before,
        "peak": peak_memory(),
    }


def measured(data: BenchmarkSet, split: Split, how: BenchmarkFit, repeats: int) -> dict[str, Any]:
    """Numbers of a row, with the seconds of every fit."""
    before, seconds = peak_memory(), []
    for _ in range(repeats):
        begin = time.perf_counter()
        found = fit_as_the_command_does(data, split, how)
        seconds.append(time.perf_counter() - begin)
    gate, verdict = how.gate.gate, "passed" if found.passed else "not passed"
    refitted = ", refitted" if found.remarks else ""
    return {
        "atoms": len(data.molecule.numbers),
        "frames": len(split.train),
        "coefficients": int((found.result.deviations > 0).sum()),
        "gate": "–" if gate == "none" else f"{gate}, {verdict}{refitted}",
        "seconds": seconds,
        "before": before,
        "peak": peak_memory(),
    }


def _hot_frames(stock: ForceField, n_frames: int) -> Frames:
    """Frames of Langevin dynamics by a force field, labelled by it."""
    molecule = stock.molecule
    integrator = openmm.LangevinMiddleIntegrator(_HOT, FRICTION, 0.0005)
    integrator.setRandomNumberSeed(1)
    context = new_context(to_openmm(stock), integrator)
    context.setPositions(molecule.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(_HOT, 1)
    integrator.step(2000)
    energies = np.empty(n_frames)
    positions, forces = np.empty((2, n_frames, len(molecule.numbers), 3))
    for i in range(n_frames):
        integrator.step(_APART)
        state = context.getState(getPositions=True, getEnergy=True, getForces=True)
        positions[i] = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        forces[i] = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
        energies[i] = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return Frames(molecule.numbers, positions, energies, forces, name=molecule.name)


_SHORT_ALKANES = ("butane_b3lyp", "hexane_b3lyp")
_PLAIN, _GATED = (BenchmarkFit(gate=GateOptions(gate=gate)) for gate in ("none", "short"))
_MEDIUM = FitOptions(size="medium")
CASES: Mapping[str, Case] = MappingProxyType(
    {
        "ethanol 110": of_set("ethanol_rmd17", 110, _PLAIN),
        "ethanol 110 with gate": of_set("ethanol_rmd17", 110, _GATED),
        "aspirin 110": of_set("aspirin_rmd17", 110, _PLAIN),
        "aspirin 1000": of_set("aspirin_rmd17", 1000, _PLAIN),
        "aspirin 1000 with gate": of_set("aspirin_rmd17", 1000, _GATED),
        "3BPA 500, medium": of_set("3bpa_300k", 500, BenchmarkFit(fit=_MEDIUM, gate=_PLAIN.gate)),
        "3BPA 500, medium, with gate": of_set("3bpa_300k", 500, BenchmarkFit(fit=_MEDIUM, gate=_GATED.gate)),
        "3BPA 500, full": of_set("3bpa_300k", 500, _PLAIN),
        "3BPA 500, full, with gate": of_set("3bpa_300k", 500, _GATED),
        "peptide": peptide,
        "peptide of 60 atoms, 300": of_stock("Ac-Leu-Leu-Ala-NHMe", _LONGER_PEPTIDE, 300, _PLAIN),
        "alkanes": alkanes,
        "eicosane 20": of_stock("eicosane", 20 * "C", 20, _PLAIN),
        "eicosane 20, harmonic": of_stock("eicosane", 20 * "C", 20, replace(_PLAIN, form="harmonic")),
    }
)
"""All cases, by name."""
