"""Free energies over two torsions from dynamics, by several models, with errors (Sauceda et al., Fig. 7).

Simulated tempering up to 800 K; errors are standard errors over independent runs. Every frame counts at all angles that
symmetry makes equal to its own. Samples that are finished are kept in the folder of models.

Usage: python scripts/plot_free_energies.py [ethanol malonaldehyde] [--kelvin 300] [--time 1] [--runs 6]
                                            [--models table-models] [--pictures docs/images]
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from common import PICTURES, kept_arrays, options_of, read_task, say, table, write

from hybridff import HybridFFCalculator
from hybridff.analysis.populations import FreeEnergy, FreeEnergyComparison, free_energy
from hybridff.analysis.sampling import SamplingOptions, sample
from hybridff.analysis.torsions import angles_of
from hybridff.analysis.trajectories import system_of
from hybridff.analysis.water_box import in_vacuum
from hybridff.comparison.recipes import SIX, StoredModels
from hybridff.comparison.torsion_tasks import TASKS, TorsionTask, free_energy_deviation
from hybridff.errors import DynamicsError
from hybridff.units import KCAL_MOL

BEST = "class2 + kernel"
BINS = 24
SEEN = 3.0 * KCAL_MOL
"""Free energies below it are compared [kJ/mol]."""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], default=[], help="both if left out")
    parser.add_argument("--names", nargs="+", choices=SIX, default=SIX)
    parser.add_argument("--kelvin", type=float, default=300.0)
    parser.add_argument("--time", type=float, default=1.0, help="of a run [ns]")
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models and samples")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    options = parser.parse_args()
    for name in options.tasks or TASKS:
        task, data = TASKS[name], read_task(name)
        kept = StoredModels(options.models, data, task.train, say=say)
        found = {own: free for own in options.names if (free := of_model(own, task, kept, options)) is not None}
        labels = task.labels(data.molecule)
        print(f"\n{name}: {' and '.join(labels)}, {options.kelvin:g} K, {options.runs} runs of {options.time:g} ns")
        header = ("model", "median standard error [kcal/mol]", "off the full hybrid: mean", "largest")
        numbers = {own: free_energy_deviation(free, found[BEST], SEEN) for own, free in found.items()}
        table(header, [[own, *(f"{value / KCAL_MOL:.2f}" for value in values)] for own, values in numbers.items()])
        write(options.pictures / f"free-energy-{name}.png", FreeEnergyComparison(found, tuple(labels)).picture())


def of_model(name: str, task: TorsionTask, kept: StoredModels, options: argparse.Namespace) -> FreeEnergy | None:
    """The free energy of a model; None where its dynamics blow up."""
    model = kept.force_field(name)
    how = SamplingOptions(temperatures=(options.kelvin,), runs=options.runs, time=options.time)
    system, runs = system_of(HybridFFCalculator(model), model.molecule), []
    begin = in_vacuum(model).positions

    def angles(run: int) -> dict[str, np.ndarray]:
        say(f"{kept.data.name}, {name}: run {run + 1} of {options.runs}")
        frames = sample(system, model.molecule, begin, how, run)[options.kelvin]
        return {"angles": angles_of(frames, task.torsions)}

    for run in range(options.runs):
        path = kept.file(name, f"free-{options.time:g}ns-{options.kelvin:g}K-{run}.npz")
        try:
            runs.append(task.everywhere(kept_arrays(path, partial(angles, run))["angles"]))
        except DynamicsError as error:
            say(f"{kept.data.name}, {name} is left out: {error}")
            return None
    return free_energy(runs, options.kelvin, BINS)


if __name__ == "__main__":
    main()
