"""Long runs that try to break a force field: hot dynamics with relaxed snapshots, scans, runs at constant energy."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from hybridff.analysis.energy_drift import DriftOptions, energy_drift
from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.export.dynamics import parse_time
from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model, write_model
from hybridff.frames.accuracy import evaluate
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.output import new_folder
from hybridff.progress import Say, quiet
from hybridff.stability.gate import Finding, GateOptions, StabilityOptions, check_stability
from hybridff.units import FORCE_KCAL, KCAL_MOL

_VALIDATION, _TEST = 50, 1000
"""Numbers of frames that validate and test, at most."""
Kind = Literal["dynamics", "scans", "nve", "nve, mixed", "nve, CUDA"]
"""What a run does; "nve" runs are at constant energy, by platform and precision."""
MIXED: Mapping[str, Kind] = MappingProxyType({"OpenCL": "nve, mixed", "CUDA": "nve, CUDA"})
"""Runs at constant energy in mixed precision, by platform."""
PLATFORMS: Mapping[Kind, str] = MappingProxyType({"nve": "Reference", **{kind: name for name, kind in MIXED.items()}})
"""Platforms of the runs at constant energy."""
_DRIFT_TEMPERATURE = 300.0
"""Temperature of the state that a run at constant energy begins with [K]."""


@dataclass(frozen=True)
class TriedModel:
    """A force field that runs try to break."""

    data: str
    """Name of the benchmark set."""
    form: Form
    """Functional form."""
    size: int
    """Number of training frames."""
    correction: str | None
    """Atoms with kernels, if any."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.data}-{self.form}-{self.size}" + (f"-{self.correction}" if self.correction else "")

    def fitted(self, data: BenchmarkSet, gate: GateOptions) -> SavedModel:
        """Fit it; its provenance has what the gate and kernels say, and errors on unseen frames in field units."""
        split = data.split(self.size, min(_VALIDATION, len(data.frames) - self.size), _TEST, seed=0)
        found = fit_as_the_command_does(
            data, split, BenchmarkFit(form=self.form, correction=self.correction, gate=gate)
        )
        about: dict[str, Any] = {"gate": gate.gate, "passed": found.passed, "remarks": list(found.remarks)}
        if found.corrected is not None:
            about["remarks"] += found.corrected.sentences()
        if len(split.test):
            errors = evaluate(found.force_field, data.frames.subset(split.test), found.energy_offset)
            assert errors.force_rmse is not None
            about["errors"] = [errors.energy_rmse / KCAL_MOL, errors.force_rmse / FORCE_KCAL]
        return SavedModel(found.force_field, found.energy_offset, about)

    def kept(self, folder: Path, data: Callable[[], BenchmarkSet], gate: GateOptions) -> SavedModel:
        """The model of an earlier run in a folder of models, or a new one."""
        if not (folder / self.name / FILE_NAME).is_file():
            saved = self.fitted(data(), gate)
            with new_folder(folder / self.name) as part:
                write_model(saved, part)
        return read_model(folder / self.name)

    def digest(self, folder: Path) -> str:
        """A hash of the model's file, by which runs of it are known."""
        return hashlib.sha256((folder / self.name / FILE_NAME).read_bytes()).hexdigest()[:16]


@dataclass(frozen=True)
class StabilityRun:
    """One run of one model; equal runs need not be done twice."""

    model: str
    """Name of the model."""
    digest: str
    """Hash of the model's file."""
    kind: Kind
    """What is done."""
    temperature: float
    """Temperature [K]; zero for scans."""
    seed: int
    """Seed of velocities and of the thermostat."""
    time: str
    """Length, with its unit; empty for scans."""
    quenches: int
    """Number of snapshots that are relaxed."""

    @property
    def name(self) -> str:
        """The run in words."""
        return f"{self.kind} at {self.temperature:g} K, seed {self.seed}" if self.kind != "scans" else "scans"

    def found(self, force_field: ForceField) -> dict[str, Any]:
        """Run it. Failures and wells are sentences; slopes are in kcal/mol per atom and ns."""
        if self.kind in PLATFORMS:
            length, platform = parse_time(self.time, "the time"), PLATFORMS[self.kind]
            options = DriftOptions(temperature=self.temperature, time=length, seed=self.seed, platform=platform)
            return {name: value / KCAL_MOL for name, value in asdict(energy_drift(force_field, options)).items()}
        if self.kind == "scans":
            report = check_stability(force_field, StabilityOptions(temperatures=(), quenches=0, scans=True))
            return {"failures": _messages(report.failures), "notes": _messages(report.notes), "scans": report.n_scans}
        how = StabilityOptions(
            temperatures=(self.temperature,),
            runs=1,
            time=self.time,
            quenches=self.quenches,
            scans=False,
            seed=self.seed,
        )
        report = check_stability(force_field, how)
        return {
            "failures": _messages(f for f in report.failures if f.kind != "quench"),
            "wells": _messages(f for f in report.failures if f.kind == "quench"),
            "quenches": report.n_quenches,
            "simulated": report.simulated,
            "broke": [f.time for f in report.failures if f.kind == "dynamics"],
        }


@dataclass(frozen=True, kw_only=True)
class StabilityPlan:
    """Runs of every model."""

    temperatures: Sequence[float]
    """Temperatures of the Langevin dynamics [K]."""
    seeds: int
    """Runs at each temperature, each with a seed of its own."""
    time: str
    """Length of each run of Langevin dynamics."""
    quenches: int
    """Snapshots of every such run that are relaxed."""
    nve: str
    """Length of each run at constant energy."""
    mixed: Kind | None = None
    """Runs at constant energy in mixed precision, if any."""

    def runs(self, model: str, digest: str) -> Iterator[StabilityRun]:
        """Runs of a model, named by the hash of its file too."""
        yield StabilityRun(model, digest, "scans", 0.0, 0, "", 0)
        for seed in range(self.seeds):
            yield StabilityRun(model, digest, "nve", _DRIFT_TEMPERATURE, seed, self.nve, 0)
            if self.mixed:
                yield StabilityRun(model, digest, self.mixed, _DRIFT_TEMPERATURE, seed, self.nve, 0)
        for temperature in self.temperatures:
            for seed in range(self.seeds):
                yield StabilityRun(model, digest, "dynamics", temperature, seed, self.time, self.quenches)


@dataclass(frozen=True)
class RunFile:
    """Finished runs in a file, a line of JSON each; several processes may add to it."""

    path: Path
    """The file, which need not exist."""

    def finished(self) -> dict[StabilityRun, dict[str, Any]]:
        """All runs of the file, with what they found."""
        if not self.path.is_file():
            return {}
        entries = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        names = [part.name for part in fields(StabilityRun)]
        return {StabilityRun(**{name: entry[name] for name in names}): entry["found"] for entry in entries}

    def finish(self, force_field: ForceField, runs: Sequence[StabilityRun], say: Say = quiet) -> None:
        """Do those of the runs that the file lacks, and add a line for each."""
        known = self.finished()
        left = [run for run in runs if run not in known]
        for done, run in enumerate(left, start=1):
            begin = time.perf_counter()
            found = run.found(force_field)
            seconds = time.perf_counter() - begin
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**asdict(run), "found": found, "seconds": round(seconds, 1)}) + "\n")
            say(f"{run.model}: {run.name}, {done} of {len(left)}: {verdict(found)} ({seconds:.0f} s)")


Finished = Sequence[tuple[StabilityRun, dict[str, Any]]]
"""Runs with what they found."""


def verdict(found: dict[str, Any]) -> str:
    """What a run found, in a line."""
    if "slope" in found:
        return f"{found['slope']:+.5f} ± {found['error']:.5f} kcal/mol per atom and ns"
    return "; ".join([*found["failures"], *found.get("wells", ())]) or "stable"


def stability_cells(finished: Finished, temperatures: Sequence[float]) -> list[str]:
    """Cells of a model: failed runs by temperature with the first time, false wells, scans, drifts by platform."""
    dynamics = [(run, found) for run, found in finished if run.kind == "dynamics"]
    cells = []
    for temperature in temperatures:
        own = [found for run, found in dynamics if run.temperature == temperature]
        broke = [time for found in own for time in found.get("broke", ())]
        first = f", first after {min(broke):.3g} ps" if broke else ""
        cells.append(f"{sum(bool(found['failures']) for found in own)} of {len(own)}{first}")
    wells, quenches = (
        sum(values) for values in ([len(f["wells"]) for _, f in dynamics], [f["quenches"] for _, f in dynamics])
    )
    cells.append(f"{wells} of {quenches}")
    cells.extend(f"{len(found['failures'])} of {found['scans']}" for run, found in finished if run.kind == "scans")
    return cells + [drift_cell([found for run, found in finished if run.kind == kind]) for kind in PLATFORMS]


def drift_cell(found: Sequence[dict[str, Any]]) -> str:
    """Mean of the slopes and its standard error, in a thousandth of their unit; a dash for none."""
    if not found:
        return "–"
    slope = np.mean([run["slope"] for run in found])
    error = math.sqrt(sum(run["error"] ** 2 for run in found)) / len(found)
    return f"{slope * 1e3:+.2f} ± {error * 1e3:.2f}"


def stability_rows(
    models: Sequence[TriedModel], folder: Path, plan: StabilityPlan, file: RunFile
) -> tuple[list[list[str]], list[str]]:
    """Cells of all models of a folder, and remarks: how they passed the gate, what broke, and where false wells are."""
    rows, remarks, known = [], list[str](), file.finished()
    for model in models:
        head = [model.data, model.form, str(model.size)]
        if not (folder / model.name / FILE_NAME).is_file():
            rows.append([*head, "not fitted yet"])
            continue
        about = read_model(folder / model.name).provenance
        finished = [(run, known[run]) for run in plan.runs(model.name, model.digest(folder)) if run in known]
        errors = " / ".join(f"{error:.3f}" for error in about.get("errors", ())) or "–"
        rows.append([*head, errors, *stability_cells(finished, plan.temperatures)])
        remarks += [f"{model.name}: {remark}" for remark in about["remarks"]]
        remarks += [
            f"{model.name}: {message}"
            for _, found in finished
            if "slope" not in found
            for message in (*found["failures"], *found.get("wells", ()))
        ]
    return rows, list(dict.fromkeys(remarks))


def _messages(findings: Iterable[Finding]) -> list[str]:
    return [finding.message for finding in findings]
