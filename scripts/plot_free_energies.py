"""Free energies over two torsions from dynamics, by several models, with errors (Sauceda et al., Fig. 7).

Simulated tempering up to 800 K; errors are standard errors over independent runs. Every frame counts at all angles that
symmetry makes equal to its own. Samples that are finished are kept in the folder of models.

Usage: python scripts/plot_free_energies.py [ethanol malonaldehyde] [--kelvin 300] [--time 1] [--runs 6]
                                            [--models table-models] [--pictures docs/images]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float
from plot_scans import TASKS
from recipes import RECIPES, folder_of, made, say

from hybridff import HybridFFCalculator
from hybridff.analysis.populations import FreeEnergy, FreeEnergyComparison, free_energy
from hybridff.analysis.sampling import SamplingOptions, sample
from hybridff.analysis.torsions import angles_of
from hybridff.analysis.trajectories import system_of
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.errors import DynamicsError
from hybridff.molecules.graph import chain_name
from hybridff.units import KCAL_MOL

NAMES = ("stock GAFF", "harmonic", "morse", "class2", "class2 + kernel", "sgdml")
THIRD = 2 * np.pi / 3
SYMMETRIES: dict[str, list[Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]] = {
    "ethanol": [lambda a, b, n=n: (a, b + n * THIRD) for n in range(3)],  # type: ignore[misc]
    "malonaldehyde": [lambda a, b: (a, b), lambda a, b: (b, a)],
}
"""Of the two torsions, beside the mirror image, which turns the sign of both."""
BEST = "class2 + kernel"
BINS = 24
SEEN = 3.0 * KCAL_MOL
"""Free energies below it are compared [kJ/mol]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], default=[], help="both if left out")
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--kelvin", type=float, default=300.0)
    parser.add_argument("--time", type=float, default=1.0, help="of a run [ns]")
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models and samples")
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    for task in options.tasks or TASKS:
        found = {name: own for name in options.names if (own := of_model(name, task, options)) is not None}
        data = read_trial_set(TASKS[task].file)
        labels = tuple(chain_name(data.molecule, own) for own in TASKS[task].torsions)
        print(f"\n{task}: {' and '.join(labels)}, {options.kelvin:g} K, {options.runs} runs of {options.time:g} ns")
        print("| model | median standard error [kcal/mol] | off the full hybrid: mean | largest |")
        print("| --- | --- | --- | --- |")
        best = found[BEST]
        for name, own in found.items():
            both = (own.values < SEEN) & (best.values < SEEN)
            off = (own.values[both] - best.values[both]) / KCAL_MOL
            off = np.abs(off - off.mean())
            error = np.nanmedian(own.errors[own.values < SEEN]) / KCAL_MOL
            print(f"| {name} | {error:.2f} | {off.mean():.2f} | {off.max():.2f} |", flush=True)
        options.pictures.mkdir(parents=True, exist_ok=True)
        (options.pictures / f"free-energy-{task}.png").write_bytes(FreeEnergyComparison(found, labels).picture())


def of_model(name: str, task: str, options: argparse.Namespace) -> FreeEnergy | None:
    """Of a model; None where its dynamics blow up."""
    data, train = read_trial_set(TASKS[task].file), TASKS[task].train
    model = made(RECIPES[name], data, train, options.models).force_field
    assert model.molecule.positions is not None
    how = SamplingOptions(temperatures=(options.kelvin,), runs=options.runs, time=options.time)
    system, runs = system_of(HybridFFCalculator(model), model.molecule), []
    for run in range(options.runs):
        folder = folder_of(RECIPES[name], data.name, train, options.models)
        path = folder.with_name(f"{folder.name}-free-{options.time:g}ns-{options.kelvin:g}K-{run}.npz")
        if not path.is_file():
            say(f"{task}, {name}: run {run + 1} of {options.runs}")
            try:
                frames = sample(system, model.molecule, model.molecule.positions, how, run)[options.kelvin]
            except DynamicsError as error:
                say(f"{task}, {name} is left out: {error}")
                return None
            np.savez(path, angles=angles_of(frames, TASKS[task].torsions))
        with np.load(path) as file:
            runs.append(everywhere(file["angles"], task))
    return free_energy(runs, options.kelvin, BINS)


def everywhere(angles: Float[np.ndarray, "frames 2"], task: str) -> Float[np.ndarray, "images 2"]:
    """Angles [rad] and those that symmetry makes equal to them."""
    found = [np.column_stack(own(*(sign * angles.T))) for own in SYMMETRIES[task] for sign in (1, -1)]
    return np.angle(np.exp(1j * np.concatenate(found)))


if __name__ == "__main__":
    main()
