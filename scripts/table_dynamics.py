"""Stability of fitted force fields: hot dynamics, false wells, scans, and the drift of energy without a thermostat.

Every model is fitted as ``hybridff fit`` does by default, its short stability gate included. Then, for the isolated
molecule on the Reference platform in double precision, steps of 0.5 fs:
- Langevin dynamics at each temperature, each seed a run; a run fails when a bond breaks or atoms collapse. Snapshots
  spread over a run are relaxed, and a false well is a minimum that is no structure of the molecule.
- A scan of every class of bonds, angles and pairs, as in ``hybridff verify --dynamics``.
- Velocity Verlet from a state of 300 K, with --mixed also in mixed precision on OpenCL or CUDA: slope of the energy
  by linear regression, with its standard error. Kinetic plus potential energy wanders, without any drift, as energy
  goes from slow to fast vibrations, which hides a drift; so the regression sees the energy that velocity Verlet
  conserves to the next order, H + dt²/24 ΣF²/m on average (the shadow Hamiltonian, R. D. Engle, R. D. Skeel, M.
  Drees, J. Comput. Phys. 206, 432 (2005)). Plain slopes are in the file.

With --correction, fits have kernels.

Models are kept in a folder and finished runs in a file, a line of JSON each, so that a run that was stopped goes on.
Parts may run side by side and share folder and file.

Usage: python scripts/table_dynamics.py [--models table-dynamics] [--part 1/2] [--time "1000 ps"] [--table] [set …]
"""

import argparse
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import openmm
from jaxtyping import Float

from hybridff import (
    ForceField,
    SavedModel,
    StabilityOptions,
    check_stability,
    evaluate,
    read_model,
    to_openmm,
    write_model,
)
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.corrections.select import chosen_atoms
from hybridff.export.dynamics import parse_time
from hybridff.export.modelfile import FILE_NAME
from hybridff.export.routes import best_route
from hybridff.gaff.forms import Form
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.material import CorrectionTask
from hybridff.output import new_folder
from hybridff.stability.gate import Finding, GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
SIZES = {"ethanol_rmd17": (110, 850), "aspirin_rmd17": (110, 1000), "3bpa_300k": (110, 500), "nma_b3lyp": (110, 1000)}
"""Training frames."""
TEMPERATURES = (300.0, 500.0, 1000.0, 1200.0)
_VALIDATION, _TEST = 50, 1000
STEP = 0.0005
"""[ps]"""
_WARM, _FRICTION = 20.0, 5.0
"""Dynamics before the thermostat is switched off [ps], and its friction [1/ps]."""
MIXED: dict[str, Literal["nve, mixed", "nve, CUDA"]] = {"OpenCL": "nve, mixed", "CUDA": "nve, CUDA"}
"""Runs in mixed precision by platform."""
_SAMPLE = 20
"""Steps between two looks at the total energy."""
_BLOCKS = 50
"""Means of the total energy that the regression sees."""


@dataclass(frozen=True)
class Model:
    """A force field to be tried."""

    data: str
    form: Form
    size: int
    correction: str | None

    @property
    def name(self) -> str:
        """That of its folder."""
        return f"{self.data}-{self.form}-{self.size}" + (f"-{self.correction}" if self.correction else "")


@dataclass(frozen=True)
class Job:
    """One run of one model; equal jobs need not be done twice."""

    model: str
    digest: str
    """Of the model's file."""
    kind: Literal["dynamics", "scans", "nve", "nve, mixed", "nve, CUDA"]
    temperature: float
    seed: int
    time: str
    quenches: int


def main() -> None:
    options = _options()
    models = [
        Model(data, form, size, options.correction)
        for data in options.sets
        for form in options.forms
        for size in SIZES[data]
        if options.sizes is None or size in options.sizes
    ]
    options.models.mkdir(parents=True, exist_ok=True)
    output = options.models / "runs.jsonl"
    if not options.table:
        part, parts = map(int, options.part.split("/"))
        for model in models[part - 1 :: parts]:
            _try_model(model, options, output)
    _print_table(models, options, _finished(output))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SIZES), help=f"of {', '.join(SIZES)}")
    parser.add_argument("--models", type=Path, default=Path("table-dynamics"), help="folder of models and runs.jsonl")
    parser.add_argument("--forms", nargs="+", choices=get_args(Form), default=["morse", "class2"])
    parser.add_argument("--sizes", nargs="+", type=int, help="training frames, of those of the table")
    parser.add_argument("--part", default="1/1", help="1/2 and 2/2 share the models")
    parser.add_argument("--time", default="1000 ps", help="of every run of Langevin dynamics")
    parser.add_argument("--temperatures", nargs="+", type=float, default=TEMPERATURES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quenches", type=int, default=10, help="snapshots of every run that are relaxed")
    parser.add_argument("--nve", default="200 ps", help="time of every run without thermostat")
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short", help="that a fit has to pass")
    parser.add_argument("--correction", help="kernels: all, auto, n-pi-star or numbers, see hybridff fit")
    parser.add_argument("--mixed", choices=("OpenCL", "CUDA"), help="platform of the drift in mixed precision")
    parser.add_argument("--table", action="store_true", help="only print the table of what is finished")
    options = parser.parse_args()
    if unknown := set(options.sets) - set(SIZES):
        parser.error(f"there is no set {', '.join(sorted(unknown))} in this table.")
    return options


def _try_model(model: Model, options: argparse.Namespace, output: Path) -> None:
    _say(f"{model.name}: fit")
    force_field = _fitted(model, options).force_field
    finished = _finished(output)
    jobs = [job for job in _jobs(model, options) if job not in finished]
    for done, job in enumerate(jobs, start=1):
        begin = time.perf_counter()
        found = _run(job, force_field)
        seconds = time.perf_counter() - begin
        with output.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**asdict(job), "found": found, "seconds": round(seconds, 1)}) + "\n")
        place = f"{job.kind} at {job.temperature:g} K, seed {job.seed}" if job.kind != "scans" else "scans"
        _say(f"{model.name}: {place}, {done} of {len(jobs)}: {_verdict(job, found)} ({seconds:.0f} s)")


def _fitted(model: Model, options: argparse.Namespace) -> SavedModel:
    """The model of an earlier run, or a new one."""
    folder = options.models / model.name
    if (folder / FILE_NAME).is_file():
        return read_model(folder)
    data = read_trial_set(DATA / f"{model.data}.npz")
    validation = min(_VALIDATION, len(data.frames) - model.size)
    split = data.split(model.size, validation, _TEST, seed=0)
    gate = GateOptions(gate=options.gate)
    stable = data.fit(model.form, split.train, split.validation, gate=gate)
    force_field, offset = stable.result.force_field, stable.result.energy_offset
    about: dict[str, Any] = {"gate": options.gate, "passed": stable.passed, "remarks": list(stable.remarks)}
    if model.correction:
        train, held = data.frames.subset(split.train), data.frames.subset(split.validation)
        atoms = chosen_atoms(model.correction, data.molecule, train.positions)
        posterior = stable.result.posteriors[0] if stable.result.posteriors else None
        task = CorrectionTask(force_field=force_field, frames=train, validation=held, atoms=atoms, posterior=posterior)
        corrected = correct_stable(task, gate)
        force_field, offset = corrected.force_field, corrected.energy_offset
        about["remarks"] += corrected.sentences()
    if len(split.test):
        errors = evaluate(force_field, data.frames.subset(split.test), offset)
        assert errors.force_rmse is not None
        about["errors"] = [errors.energy_rmse / KCAL_MOL, errors.force_rmse / FORCE_KCAL]
    saved = SavedModel(force_field, offset, about)
    with new_folder(folder) as part:
        write_model(saved, part)
    return read_model(folder)


def _jobs(model: Model, options: argparse.Namespace) -> Iterator[Job]:
    digest = hashlib.sha256((options.models / model.name / FILE_NAME).read_bytes()).hexdigest()[:16]
    yield Job(model.name, digest, "scans", 0.0, 0, "", 0)
    for seed in range(options.seeds):
        yield Job(model.name, digest, "nve", 300.0, seed, options.nve, 0)
        if options.mixed:
            yield Job(model.name, digest, MIXED[options.mixed], 300.0, seed, options.nve, 0)
    for temperature in options.temperatures:
        for seed in range(options.seeds):
            yield Job(model.name, digest, "dynamics", temperature, seed, options.time, options.quenches)


def _run(job: Job, force_field: ForceField) -> dict[str, Any]:
    if job.kind.startswith("nve"):
        platform = next((platform for platform, kind in MIXED.items() if kind == job.kind), "Reference")
        return drift(force_field, parse_time(job.time, "the time"), job.temperature, job.seed, platform)
    if job.kind == "scans":
        report = check_stability(force_field, StabilityOptions(temperatures=(), quenches=0, scans=True))
        return {"failures": _messages(report.failures), "notes": _messages(report.notes), "scans": report.n_scans}
    how = StabilityOptions(
        temperatures=(job.temperature,), runs=1, time=job.time, quenches=job.quenches, scans=False, seed=job.seed
    )
    report = check_stability(force_field, how)
    return {
        "failures": _messages(f for f in report.failures if f.kind != "quench"),
        "wells": _messages(f for f in report.failures if f.kind == "quench"),
        "quenches": report.n_quenches,
        "simulated": report.simulated,
    }


def _messages(findings: Iterator[Finding] | tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in findings]


def drift(
    force_field: ForceField, duration: float, temperature: float, seed: int, platform: str = "Reference"
) -> dict[str, float]:
    """Slope of the conserved energy and its standard error, and both of the plain one [kcal/mol per atom and ns].

    Other platforms than Reference run in mixed precision.
    """
    system = to_openmm(force_field, best_route(force_field, "Reference"))
    reference = openmm.Platform.getPlatformByName("Reference")
    thermostat = openmm.LangevinMiddleIntegrator(temperature, _FRICTION, STEP)
    thermostat.setRandomNumberSeed(seed + 1)
    warm = openmm.Context(system, thermostat, reference)
    warm.setPositions(force_field.molecule.positions)
    openmm.LocalEnergyMinimizer.minimize(warm, 1.0, 3000)
    warm.setVelocitiesToTemperature(temperature, seed + 1)
    thermostat.step(round(_WARM / STEP))
    verlet = openmm.VerletIntegrator(STEP)
    if platform == "Reference":
        context = openmm.Context(system, verlet, reference)
    else:
        system = to_openmm(force_field, "native")
        context = openmm.Context(system, verlet, openmm.Platform.getPlatformByName(platform), {"Precision": "mixed"})
    context.setState(warm.getState(getPositions=True, getVelocities=True))
    masses = np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])[:, None]
    plain, shadow = np.empty((2, _BLOCKS * max(1, round(duration / STEP / _SAMPLE / _BLOCKS))))
    for i in range(len(plain)):
        verlet.step(_SAMPLE)
        state = context.getState(getEnergy=True, getForces=True)
        plain[i] = state.getPotentialEnergy()._value + state.getKineticEnergy()._value
        shadow[i] = plain[i] + STEP**2 / 24 * (state.getForces(asNumpy=True)._value ** 2 / masses).sum()
    unit = KCAL_MOL * len(masses) * duration / _BLOCKS * 1e-3
    found = [
        value / unit for energies in (shadow, plain) for value in regression(energies.reshape(_BLOCKS, -1).mean(1))
    ]
    return dict(zip(("slope", "error", "plain_slope", "plain_error"), found, strict=True))


def regression(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Slope of equidistant values per step, and its standard error; neighbours may be correlated (AR(1))."""
    x = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(x @ values / (x @ x))
    rest = values - values.mean() - slope * x
    correlation = max(0.0, float(rest[1:] @ rest[:-1] / (rest @ rest)))
    inflation = (1 + correlation) / (1 - correlation)
    return slope, math.sqrt(float(rest @ rest) / (len(values) - 2) / float(x @ x) * inflation)


def _finished(output: Path) -> dict[Job, dict[str, Any]]:
    if not output.is_file():
        return {}
    finished = {}
    for line in output.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        finished[Job(**{name: entry[name] for name in Job.__dataclass_fields__})] = entry["found"]
    return finished


def _verdict(job: Job, found: dict[str, Any]) -> str:
    if "slope" in found:
        return f"{found['slope']:+.5f} ± {found['error']:.5f} kcal/mol per atom and ns"
    return "; ".join([*found["failures"], *found.get("wells", ())]) or "stable"


def _print_table(models: list[Model], options: argparse.Namespace, finished: dict[Job, dict[str, Any]]) -> None:
    print(
        f"\nFailed runs of {options.time} and false wells of relaxed snapshots; scans that lead into a hole; drift at "
        "constant energy [10⁻³ kcal/mol per atom and ns], mean of the seeds ± standard error; errors on unseen frames "
        "[kcal/mol, kcal/mol/Å].\n"
    )
    hot = " | ".join(f"{temperature:g} K" for temperature in options.temperatures)
    drifts = "drift | drift, OpenCL | drift, CUDA"
    print(f"| set | form | frames | energy / force RMSE | {hot} | false wells | scans | {drifts} |")
    print("| --- " * (9 + len(options.temperatures)) + "|")
    remarks = []
    for model in models:
        if not (options.models / model.name / FILE_NAME).is_file():
            print(f"| {model.data} | {model.form} | {model.size} | not fitted yet |")
            continue
        saved, jobs = read_model(options.models / model.name), list(_jobs(model, options))
        runs = [(job, finished[job]) for job in jobs if job in finished]
        dynamics = [(job, found) for job, found in runs if job.kind == "dynamics"]
        cells = [
            _count([bool(found["failures"]) for job, found in dynamics if job.temperature == temperature])
            for temperature in options.temperatures
        ]
        wells = sum(len(found["wells"]) for _, found in dynamics)
        cells.append(f"{wells} of {sum(found['quenches'] for _, found in dynamics)}")
        cells.extend(f"{len(found['failures'])} of {found['scans']}" for job, found in runs if job.kind == "scans")
        cells += [_drift_cell([found for job, found in runs if job.kind == kind]) for kind in ("nve", *MIXED.values())]
        errors = " / ".join(f"{error:.3f}" for error in saved.provenance.get("errors", ())) or "–"
        print(f"| {model.data} | {model.form} | {model.size} | {errors} | {' | '.join(cells)} |")
        remarks += [f"{model.name}: {remark}" for remark in saved.provenance["remarks"]]
        remarks += [
            f"{model.name}: {message}"
            for job, found in runs
            if "slope" not in found
            for message in (*found["failures"], *found.get("wells", ()))
        ]
    print("\n" + "\n".join(f"- {remark}" for remark in dict.fromkeys(remarks)))


def _count(failed: list[bool]) -> str:
    return f"{sum(failed)} of {len(failed)}"


def _drift_cell(found: list[dict[str, Any]]) -> str:
    if not found:
        return "–"
    slope = np.mean([run["slope"] for run in found])
    error = math.sqrt(sum(run["error"] ** 2 for run in found)) / len(found)
    return f"{slope * 1e3:+.2f} ± {error * 1e3:.2f}"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
