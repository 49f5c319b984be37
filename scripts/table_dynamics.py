"""Stability of fitted force fields: hot dynamics, false wells, scans, and the drift of energy without a thermostat.

Every model is fitted as ``hybridff fit`` does by default, its short stability gate included. Then, for the isolated
molecule on the Reference platform in double precision, steps of 0.5 fs:
- Langevin dynamics at each temperature, each seed a run; a run fails when a bond breaks or atoms collapse. Snapshots
  spread over a run are relaxed, and a false well is a minimum that is no structure of the molecule.
- A scan of every class of bonds, angles and pairs, as in ``hybridff verify --dynamics``.
- Velocity Verlet from a state of 300 K, with --mixed also in mixed precision on OpenCL or CUDA: slope of the energy
  and its standard error, see ``hybridff.analysis.energy_drift``. Plain slopes are in the file.

With --correction, fits have kernels. Models are kept in a folder and finished runs in a file, a line of JSON each, so
that a run that was stopped goes on. Parts may run side by side and share folder and file.

Usage: python scripts/table_dynamics.py [--models table-dynamics] [--part 1/2] [--time "1000 ps"] [--table] [set …|all]
"""

import argparse
from pathlib import Path
from typing import get_args

from common import MOLECULES, options_of, read_set, say, table

from hybridff.comparison.stability_runs import MIXED, RunFile, StabilityPlan, TriedModel, stability_rows
from hybridff.gaff.forms import Form
from hybridff.stability.gate import GateOptions

MANY = {"ethanol_rmd17": [850], "aspirin_rmd17": [1000], "3bpa_300k": [500], "nma_b3lyp": [1000]}
HEADER = ("set", "form", "frames", "energy / force RMSE")


def options() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=list(MANY), help=f"of {', '.join(MOLECULES)}; or all")
    parser.add_argument("--models", type=Path, default=Path("table-dynamics"), help="folder of models and runs.jsonl")
    parser.add_argument("--forms", nargs="+", choices=get_args(Form), default=["morse", "class2"])
    parser.add_argument("--sizes", nargs="+", type=int, help="training frames; by default 110, and many")
    parser.add_argument("--part", default="1/1", help="1/2 and 2/2 share the models")
    parser.add_argument("--time", default="1000 ps", help="of every run of Langevin dynamics")
    parser.add_argument("--temperatures", nargs="+", type=float, default=(300.0, 500.0, 1000.0, 1200.0))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quenches", type=int, default=10, help="snapshots of every run that are relaxed")
    parser.add_argument("--nve", default="200 ps", help="time of every run without thermostat")
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short", help="that a fit has to pass")
    parser.add_argument("--correction", help="kernels: all, auto, n-pi-star or numbers, see hybridff fit")
    parser.add_argument("--mixed", choices=tuple(MIXED), help="platform of the drift in mixed precision")
    parser.add_argument("--table", action="store_true", help="only print the table of what is finished")
    found = parser.parse_args()
    found.sets = list(MOLECULES) if found.sets == ["all"] else found.sets
    if unknown := set(found.sets) - set(MOLECULES):
        parser.error(f"there is no set {', '.join(sorted(unknown))} in this table.")
    return found


def main() -> None:
    own = options()
    sizes = {data: own.sizes or [110, *MANY.get(data, [])] for data in own.sets}
    models = [TriedModel(data, f, n, own.correction) for data in own.sets for f in own.forms for n in sizes[data]]
    how = {name: getattr(own, name) for name in ("temperatures", "seeds", "time", "quenches", "nve")}
    plan = StabilityPlan(**how, mixed=MIXED.get(own.mixed))
    own.models.mkdir(parents=True, exist_ok=True)
    file = RunFile(own.models / "runs.jsonl")
    part, parts = map(int, own.part.split("/"))
    for model in () if own.table else models[part - 1 :: parts]:
        say(f"{model.name}: fit")
        saved = model.kept(own.models, lambda data=model.data: read_set(data), GateOptions(gate=own.gate))  # type: ignore[misc]
        file.finish(saved.force_field, list(plan.runs(model.name, model.digest(own.models))), say)
    print(
        f"\nFailed runs of {own.time}, with the time after which the first broke; false wells of relaxed "
        "snapshots; scans that lead into a hole; drift at constant energy [10⁻³ kcal/mol per atom and ns], mean of the "
        "seeds ± standard error; errors on unseen frames [kcal/mol, kcal/mol/Å].\n"
    )
    hot = [f"{temperature:g} K" for temperature in own.temperatures]
    rows, remarks = stability_rows(models, own.models, plan, file)
    table([*HEADER, *hot, "false wells", "scans", "drift", "drift, OpenCL", "drift, CUDA"], rows)
    print("\n" + "\n".join(f"- {remark}" for remark in remarks))


if __name__ == "__main__":
    main()
