"""What a comparison found: a row for each method, and all of them as a table and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from hybridff.comparison.options import TRAINED, ComparisonOptions, TrainingOptions
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.export.dynamics import parse_time
from hybridff.frames.accuracy import Errors
from hybridff.plots.comparison import MethodPoint, Outcome, accuracy_against_cost
from hybridff.plots.style import png
from hybridff.units import FORCE_KCAL, KCAL_MOL

HEADER = (
    "method",
    "force RMSE",
    "force MAE",
    "energy RMSE",
    "energy MAE",
    "training",
    "evaluation",
    "MD step",
    "ns/day",
    "hot dynamics",
)
_SECONDS_PER_DAY = 86400


@dataclass(frozen=True)
class HotDynamics:
    """What hot dynamics of a method came to."""

    planned: float
    """Time of all runs together [ps]."""
    simulated: float
    """What was run of it, up to the time limit or to failures [ps]."""
    n_runs: int
    """Number of runs that were planned."""
    broken: tuple[str, ...]
    """A sentence for each run that broke."""
    first: float | None = None
    """Time in its run at which the first of them broke [ps]."""

    @property
    def stable(self) -> bool:
        """Whether nothing broke."""
        return not self.broken

    @property
    def complete(self) -> bool:
        """Whether all of it was run."""
        return self.simulated > 0.995 * self.planned

    @property
    def outcome(self) -> Outcome:
        """How it stands in the legend of the picture."""
        if not self.planned:
            return "no hot dynamics"
        if not self.stable:
            return "hot dynamics broke"
        return "hot dynamics held" if self.complete else "held as far as it was run"

    def __str__(self) -> str:
        if self.first is not None:
            return f"broke after {self.first:.2g} ps ({len(self.broken)} of {self.n_runs} runs)"
        if self.broken:
            return "has no sound minimum"
        if not self.planned:
            return "–"
        cut = "" if self.complete else f" of {self.planned:.3g}"
        return f"ok ({self.simulated:.3g}{cut} ps)"


@dataclass(frozen=True)
class MethodResult:
    """A method, measured; what could not be measured is None, and the remark says why."""

    name: str
    errors: Errors | None = None
    """Errors on the test frames."""
    training: float | None = None
    """Time of the training [s]; None for methods that have none, and where it is not known."""
    evaluation: float | None = None
    """Median time of an energy with its forces, by ASE [s]."""
    step: float | None = None
    """Median time of a step of dynamics, in OpenMM [s]."""
    hot: HotDynamics | None = None
    """What hot dynamics came to."""
    setting: str = ""
    """What was trained, or what the method is."""
    remark: str = ""
    """Why something is missing, or what makes the row unlike the others."""

    @property
    def outcome(self) -> Outcome:
        """How its hot dynamics stand in the legend of the picture."""
        return "no hot dynamics" if self.hot is None else self.hot.outcome

    def ns_per_day(self, step: float) -> float | None:
        """Simulated time in a day [ns] with a time step [ps]; None where the speed is not known."""
        return None if self.step is None else step * 1e-3 / self.step * _SECONDS_PER_DAY

    def to_json(self) -> dict[str, Any]:
        """The row as JSON can hold it, for ``from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "MethodResult":
        """The row that ``to_json`` made this of."""
        errors, hot = found["errors"], found["hot"]
        values = {part.name: found[part.name] for part in fields(cls)}
        values["errors"] = None if errors is None else Errors(**errors)
        values["hot"] = None if hot is None else HotDynamics(**{**hot, "broken": tuple(hot["broken"])})
        return cls(**values)


@dataclass(frozen=True, eq=False)
class Comparison(Result):
    """Rows of methods, and all that they were measured with."""

    molecule: str
    """Name of the molecule."""
    n_train: int
    """Number of frames that the first model, and all that was trained here, were trained on."""
    n_validation: int
    """Number of validation frames."""
    rows: tuple[MethodResult, ...]
    """A row for each method, in the order in which they were named."""
    options: ComparisonOptions
    """What was measured beside the errors."""
    training: TrainingOptions
    """How programs trained their models."""
    remarks: tuple[str, ...] = ()
    """Remarks on the frames."""
    machine: Mapping[str, Any] = field(default_factory=dict)
    """What measured the rows: processor, threads, packages."""

    def sentences(self) -> list[str]:
        """What the columns of the table are; then remarks on frames and rows, and what broke."""
        return [*_explanation(self), *_remarks(self)]

    def table(self) -> Table:
        """A line for each method in field units, the best force error first; what failed comes last."""
        step = parse_time(self.options.step, "the step")
        return Table(HEADER, tuple(_cells(row, step) for row in ordered(self.rows)))

    def picture(self) -> bytes:
        """Accuracy against the cost of dynamics and of training as a PNG, a point for each method that has both."""
        points = [
            MethodPoint(row.name, row.errors.force_rmse, row.step, row.training, row.outcome)
            for row in self.rows
            if row.errors is not None and row.errors.force_rmse is not None and row.step is not None
        ]
        return png(accuracy_against_cost(points, f"{self.molecule}, {self.n_train} training frames"))

    def to_json(self) -> dict[str, Any]:
        """The comparison in field units, with the units in the keys."""
        used = {name for row in self.rows for name in TRAINED if row.name == name}
        training = {name: asdict(getattr(self.training, name)) for name in TRAINED if name in used}
        return {
            "molecule": self.molecule,
            "training_frames": self.n_train,
            "validation_frames": self.n_validation,
            "remarks": list(self.remarks),
            "rows": [_row_json(row) for row in self.rows],
            "options": asdict(self.options),
            "training options": {**training, **{name: dict(own) for name, own in self.training.calculators.items()}},
            "machine": dict(self.machine),
        }


def _explanation(comparison: Comparison) -> tuple[str, ...]:
    """Sentences that say what the columns of the table are."""
    options, machine = comparison.options, comparison.machine
    n_test = next((row.errors.n_frames for row in comparison.rows if row.errors is not None), 0)
    temperatures = " and ".join(f"{temperature:g}" for temperature in options.temperatures)
    hot = (
        f"Hot dynamics: {options.runs} Langevin runs of {options.time} at each of {temperatures} K, or as much of them "
        f"as {options.time_limit:g} s allow; broken is what breaks a bond, brings atoms on top of each other or falls "
        "into a hole. "
        if options.runs and options.temperatures
        else ""
    )
    return (
        f"Errors on {n_test} test frames; {comparison.n_train} frames trained and {comparison.n_validation} validated "
        "sgdml, gap and mace, and the fitted models unless a remark says otherwise. Energies in kcal/mol after "
        "subtraction of a constant over the training frames; force components in kcal/mol/Å.",
        "Evaluation: energy and forces of a frame through ASE, whose own 0.2 ms are most of it for force fields. "
        "MD step: Langevin dynamics of the isolated molecule in OpenMM, Reference platform; ns/day with steps of "
        f"{options.step}. {hot}"
        f"{machine.get('processor', 'Unknown processor')}; threads of PyTorch: {machine.get('torch_threads', '?')}.",
    )


def _remarks(comparison: Comparison) -> tuple[str, ...]:
    """Sentences on the frames, on what was trained, on rows that are missing or unlike the others, on what broke."""
    lines = list(comparison.remarks)
    for row in comparison.rows:
        parts = []
        if row.setting and row.setting != row.name:
            parts.append(row.setting)
        if row.remark:
            parts.append(row.remark)
        if row.hot is not None and row.hot.broken:
            parts.append(row.hot.broken[0])
        if parts:
            text = "; ".join(part.rstrip(".") for part in parts)
            lines.append(f"{text}." if text.startswith(row.name) else f"{row.name}: {text}.")
    return tuple(lines)


def ordered(rows: Sequence[MethodResult]) -> list[MethodResult]:
    """Rows by force error, those without one last."""
    return sorted(rows, key=lambda row: np.inf if row.errors is None else row.errors.force_rmse or 0.0)


def duration(seconds: float | None) -> str:
    """A time with three digits and the unit that fits; a dash for None."""
    if seconds is None:
        return "–"
    for limit, unit, name in ((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (120.0, 1.0, "s"), (7200.0, 60.0, "min")):
        if seconds < limit:
            return f"{float(f'{seconds / unit:.3g}'):g} {name}"
    return f"{float(f'{seconds / 3600:.3g}'):g} h"


def _cells(row: MethodResult, step: float) -> tuple[str, ...]:
    """Cells of a row of the table, with a time step [ps]."""
    if row.errors is None:
        return (row.name, *("–" for _ in HEADER[1:-1]), "not measured")
    errors, speed = row.errors, row.ns_per_day(step)
    assert errors.force_rmse is not None
    assert errors.force_mae is not None
    return (
        row.name,
        f"{errors.force_rmse / FORCE_KCAL:.2f}",
        f"{errors.force_mae / FORCE_KCAL:.2f}",
        f"{errors.energy_rmse / KCAL_MOL:.2f}",
        f"{errors.energy_mae / KCAL_MOL:.2f}",
        duration(row.training),
        duration(row.evaluation),
        duration(row.step),
        "–" if speed is None else f"{float(f'{speed:.3g}'):g}",
        "–" if row.hot is None else str(row.hot),
    )


def _row_json(row: MethodResult) -> dict[str, Any]:
    hot = row.hot
    return {
        "name": row.name,
        "setting": row.setting,
        "errors": None if row.errors is None else row.errors.in_field_units(),
        "training_seconds": row.training,
        "evaluation_seconds": row.evaluation,
        "step_seconds": row.step,
        "hot_dynamics": None if hot is None else {**asdict(hot), "stable": hot.stable, "verdict": str(hot)},
        "remark": row.remark,
    }
