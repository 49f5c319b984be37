"""Native forces in single precision: deviation from torch, and drift of the energy at constant energy, alone in vacuum.

Runs by velocity Verlet start from the same warm states of Langevin dynamics at 300 K. With ``--before``, the same for
the System that another version of hybridff makes, a clone of it. Frames are the model's own geometry with noise.

Usage: python benchmarks/single_precision.py MODEL [--platform OpenCL] [--time 100] [--seeds 3] [--before CLONE]
"""

from collections.abc import Iterator
from pathlib import Path

import openmm
from shared import custom_forces, options_of, system_by, table
from single_precision_runs import STEP, deviation, drift, warm

from hybridff import ForceField, read_model, to_openmm
from hybridff.export.dynamics import get_platform


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("model", type=Path, help="folder of a model")
    parser.add_argument("--platform", default="OpenCL", help="in single precision")
    parser.add_argument("--time", type=float, default=100.0, help="of each run [ps]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--before", type=Path, help="clone of another version")
    options = parser.parse_args()
    model = read_model(options.model).force_field
    systems = {"now": to_openmm(model)}
    if options.before:
        systems["before"] = system_by(options.before, model)
    print(f"{options.platform}, single precision; {options.time:g} ps of 0.5 fs a step at constant energy")
    header = ("System", "custom forces", "largest error of forces", "drift of each run [kcal/mol per atom and ns]")
    starts = [warm(model, seed) for seed in range(1, options.seeds + 1)]
    table(header, rows(model, systems, starts, options.platform, options.time))


def rows(
    model: ForceField, systems: dict[str, openmm.System], starts: list[openmm.State], platform: str, time: float
) -> Iterator[tuple[str, ...]]:
    for name, system in systems.items():
        context = openmm.Context(system, openmm.VerletIntegrator(STEP), get_platform(platform), {"Precision": "single"})
        off = deviation(model, context)
        slopes = ", ".join(f"{drift(context, start, time) / len(model.molecule.numbers):.3f}" for start in starts)
        yield name, str(custom_forces(system)), f"{off:.1e}", slopes


if __name__ == "__main__":
    main()
