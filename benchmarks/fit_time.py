"""Wall time and peak memory of class II fits with default options, with and without the stability gate.

Every case runs in a process of its own. The time is that from frames in memory, types and charges known, to the fitted
force field: the first fit of the process, and the median of all. The last case has no reference data: dynamics of a
50-atom molecule by stock GAFF, labelled with GAFF's energies and forces, that show how memory grows with frames.

Published, for comparison, of other programs on other machines and data:
- ForceBalance: 19 to 40 hours for one torsion of the ligand S1A, 21 to 22 hours for one of another molecule (a user's
  report, github.com/leeping/forcebalance, issue 275; BespokeFit's jobs with xTB reference data).
- presto: about 15 minutes for a molecule of 50 atoms on one A4500 GPU, sampling and labels by a neural network included
  (its documentation, page "Quickstart").

Usage: python benchmarks/fit_time.py [--repeats 3] [--frames 10000] [--size full] [case …]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from types import MappingProxyType

import numpy as np
import openmm
import torch
from common import FRICTION, read_set
from jaxtyping import Float
from rdkit.Chem.rdPartialCharges import ComputeGasteigerCharges

from hybridff import FitOptions, ForceField, Frames, Molecule, to_openmm
from hybridff.fitting.refit_until_stable import StableFit, fit_stable
from hybridff.gaff.assign import gaff_parameters
from hybridff.stability.gate import GateOptions

_PEPTIDE = "CC(=O)N[C@@H](CC(C)C)C(=O)N[C@@H](CC(C)C)C(=O)NC"
"""N-acetylleucylleucine N-methylamide, 50 atoms."""
_HOT = 500.0
"""Temperature of the dynamics that make its frames [K]."""
_APART = 40
"""Steps of 0.5 fs between two frames."""
_VALIDATION = 50
_MB = 1024
"""Of ``ru_maxrss`` on Linux."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument(
        "--repeats", type=int, default=3, help="fits without the gate; with it, and of the peptide, one"
    )
    parser.add_argument("--frames", type=int, default=10000, help="of the peptide")
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full", help="of the peptide")
    parser.add_argument("--alone", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(CASES[options.alone](options)))
        return
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}.")
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores")
    print("| case | atoms | frames | coefficients | gate | first fit | median | memory before | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in options.cases:
        command = [sys.executable, __file__, "--alone", name]
        command += ["--repeats", str(options.repeats), "--frames", str(options.frames), "--size", options.size]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        r = json.loads(run.stdout.splitlines()[-1])
        print(
            f"| {name} | {r['atoms']} | {r['frames']} | {r['coefficients']} | {r['gate']} | {r['seconds'][0]:.2f} s | "
            f"{median(r['seconds']):.2f} s | {r['before']:.0f} MB | {r['peak']:.0f} MB |",
            flush=True,
        )


def _of_set(name: str, size: int, fitting: FitOptions, gate: GateOptions) -> Callable[[argparse.Namespace], dict]:
    def run(options: argparse.Namespace) -> dict:
        data = read_set(name)
        split = data.split(size, min(_VALIDATION, len(data.frames) - size), 0, seed=0)
        repeats = options.repeats if gate.gate == "none" else 1
        return _measured(lambda: data.fit("class2", split.train, split.validation, fitting, gate), gate, size, repeats)

    return run


def _peptide(options: argparse.Namespace) -> dict:
    molecule = Molecule.from_smiles(_PEPTIDE, "Ac-Leu-Leu-NHMe").with_embedded_positions()
    parameters = gaff_parameters(molecule, _gasteiger(molecule))
    train = _hot_frames(ForceField.build(molecule, parameters), options.frames)

    def once() -> StableFit:
        start = ForceField.build(molecule, parameters, form="class2", geometries=train.positions)
        return fit_stable([(start, train)], FitOptions(size=options.size), gate=_NO_GATE)

    return _measured(once, _NO_GATE, len(train), 1)


def _measured(once: Callable[[], StableFit], gate: GateOptions, n_frames: int, repeats: int) -> dict:
    """Numbers of one row, with the seconds of every fit."""
    before = _peak()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        found = once()
        seconds.append(time.perf_counter() - begin)
    verdict = "–"
    if gate.gate != "none":
        verdict = f"{gate.gate}, {'passed' if found.passed else 'not passed'}"
        verdict += ", refitted" if found.remarks else ""
    return {
        "atoms": len(found.result.force_field.molecule.numbers),
        "frames": n_frames,
        "coefficients": int((found.result.deviations > 0).sum()),
        "gate": verdict,
        "seconds": seconds,
        "before": before,
        "peak": _peak(),
    }


def _peak() -> float:
    """[MB]"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB


def _gasteiger(molecule: Molecule) -> Float[np.ndarray, " atoms"]:
    mol = molecule.to_rdkit()
    ComputeGasteigerCharges(mol)
    return np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])


def _hot_frames(stock: ForceField, n_frames: int) -> Frames:
    """Frames of Langevin dynamics by a force field, labelled by it."""
    molecule = stock.molecule
    integrator = openmm.LangevinMiddleIntegrator(_HOT, FRICTION, 0.0005)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(to_openmm(stock), integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(molecule.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(_HOT, 1)
    integrator.step(2000)
    energies = np.empty(n_frames)
    positions, forces = np.empty((2, n_frames, len(molecule.numbers), 3))
    for i in range(n_frames):
        integrator.step(_APART)
        state = context.getState(getPositions=True, getEnergy=True, getForces=True)
        positions[i] = state.getPositions(asNumpy=True)._value
        forces[i] = state.getForces(asNumpy=True)._value
        energies[i] = state.getPotentialEnergy()._value
    return Frames(molecule.numbers, positions, energies, forces, name=molecule.name)


_NO_GATE, _GATE = GateOptions(gate="none"), GateOptions(gate="short")
CASES: Mapping[str, Callable[[argparse.Namespace], dict]] = MappingProxyType(
    {
        "ethanol 110": _of_set("ethanol_rmd17", 110, FitOptions(), _NO_GATE),
        "ethanol 110 with gate": _of_set("ethanol_rmd17", 110, FitOptions(), _GATE),
        "aspirin 1000": _of_set("aspirin_rmd17", 1000, FitOptions(), _NO_GATE),
        "aspirin 1000 with gate": _of_set("aspirin_rmd17", 1000, FitOptions(), _GATE),
        "3BPA 500, medium": _of_set("3bpa_300k", 500, FitOptions(size="medium"), _NO_GATE),
        "3BPA 500, medium, with gate": _of_set("3bpa_300k", 500, FitOptions(size="medium"), _GATE),
        "3BPA 500, full": _of_set("3bpa_300k", 500, FitOptions(), _NO_GATE),
        "3BPA 500, full, with gate": _of_set("3bpa_300k", 500, FitOptions(), _GATE),
        "peptide": _peptide,
    }
)


if __name__ == "__main__":
    main()
