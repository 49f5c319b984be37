import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from benchmark import benchmark_set
from models import force_field

from hybridff.analysis import energy_drift
from hybridff.comparison import stability_runs
from hybridff.comparison.stability_runs import (
    RunFile,
    StabilityPlan,
    StabilityRun,
    TriedModel,
    drift_cell,
    stability_cells,
    stability_rows,
    verdict,
)
from hybridff.stability.gate import GateOptions
from hybridff.units import KCAL_MOL

PLAN = StabilityPlan(temperatures=(300.0, 500.0), seeds=2, time="0.2 ps", quenches=1, nve="0.5 ps")
MODEL = TriedModel("ethanol", "harmonic", 30, None)
NO_GATE = GateOptions(gate="none")


def run(kind: str, temperature: float = 300.0, seed: int = 0) -> StabilityRun:
    return StabilityRun("it", "digest", kind, temperature, seed, "0.2 ps", 1)  # type: ignore[arg-type]


def test_a_plan_has_scans_drifts_and_every_temperature_with_every_seed() -> None:
    runs = list(PLAN.runs("it", "digest"))
    assert [own.kind for own in runs] == ["scans", "nve", "nve", *["dynamics"] * 4]
    assert len(set(runs)) == len(runs)
    assert {(own.temperature, own.seed) for own in runs[3:]} == {(t, s) for t in (300.0, 500.0) for s in (0, 1)}
    mixed = StabilityPlan(temperatures=(), seeds=1, time="", quenches=0, nve="1 ps", mixed="nve, CUDA")
    assert [own.kind for own in mixed.runs("it", "digest")] == ["scans", "nve", "nve, CUDA"]


def test_every_kind_of_run_tells_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy_drift, "_WARM", 0.1)
    model = force_field("ethanol")
    hot = run("dynamics").found(model)
    assert hot["failures"] == hot["wells"] == []
    assert hot["quenches"] == 1
    assert verdict(hot) == "stable"
    drift = run("nve").found(model)
    assert set(drift) == {"slope", "error", "plain_slope", "plain_error"}
    options = energy_drift.DriftOptions(time=0.2)
    assert drift["slope"] == pytest.approx(energy_drift.energy_drift(model, options).slope / KCAL_MOL)
    assert verdict(drift).endswith("kcal/mol per atom and ns")


def test_cells_count_failures_wells_scans_and_drifts() -> None:
    finished: list[tuple[StabilityRun, dict[str, Any]]] = [
        (run("scans", 0.0), {"failures": ["hole"], "notes": [], "scans": 12}),
        (run("nve"), {"slope": 0.001, "error": 0.0003}),
        (run("nve", seed=1), {"slope": 0.003, "error": 0.0004}),
        (run("dynamics"), {"failures": [], "wells": ["well"], "quenches": 5}),
        (run("dynamics", seed=1), {"failures": ["broke"], "wells": [], "quenches": 4}),  # of a file without times
        (run("dynamics", 500.0), {"failures": ["broke"], "wells": [], "quenches": 0, "broke": [120.4]}),
        (run("dynamics", 500.0, seed=1), {"failures": ["broke"], "wells": [], "quenches": 0, "broke": [50.0]}),
    ]
    cells = stability_cells(finished, (300.0, 500.0))
    assert cells == ["1 of 2", "2 of 2, first after 50 ps", "1 of 9", "1 of 12", "+2.00 ± 0.25", "–", "–"]
    assert drift_cell([]) == "–"


def test_finished_runs_are_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[StabilityRun] = []

    def found(self: StabilityRun, model: object) -> dict[str, object]:
        done.append(self)
        return {"failures": [], "wells": [], "quenches": 1}

    monkeypatch.setattr(stability_runs.StabilityRun, "found", found)
    file, said = RunFile(tmp_path / "runs.jsonl"), list[str]()
    runs = [run("dynamics", seed=seed) for seed in range(3)]
    file.finish(force_field("ethanol"), runs[:2], said.append)
    file.finish(force_field("ethanol"), runs)
    assert done == runs
    assert set(file.finished()) == set(runs)
    assert said[1].startswith("it: dynamics at 300 K, seed 1, 2 of 2: stable (")
    entry = json.loads((tmp_path / "runs.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert entry["found"]["quenches"] == 1


def test_models_are_fitted_once_and_stand_in_the_table_with_what_they_found(tmp_path: Path) -> None:
    calls = []

    def data():
        calls.append(1)
        return benchmark_set(100)

    one, again = (MODEL.kept(tmp_path, data, NO_GATE) for _ in range(2))
    assert len(calls) == 1
    assert one.provenance == again.provenance
    assert len(one.provenance["errors"]) == 2
    file = RunFile(tmp_path / "runs.jsonl")
    (scan, *_) = PLAN.runs(MODEL.name, MODEL.digest(tmp_path))
    content = {**asdict(scan), "found": {"failures": ["a hole"], "notes": [], "scans": 3}, "seconds": 1.0}
    file.path.write_text(json.dumps(content) + "\n", encoding="utf-8")
    missing = TriedModel("ethanol", "morse", 30, "all")
    assert missing.name == "ethanol-morse-30-all"
    rows, remarks = stability_rows([MODEL, missing], tmp_path, PLAN, file)
    errors = " / ".join(f"{error:.3f}" for error in one.provenance["errors"])
    assert rows[0] == ["ethanol", "harmonic", "30", errors, "0 of 0", "0 of 0", "0 of 0", "1 of 3", "–", "–", "–"]
    assert rows[1] == ["ethanol", "morse", "30", "not fitted yet"]
    assert remarks == ["ethanol-harmonic-30: a hole"]
