import json
from pathlib import Path

import pytest

from hybridff.comparison.kept_rows import ResumableComparison
from hybridff.comparison.options import ComparisonOptions
from hybridff.comparison.run import ComparisonJob

QUICK = ComparisonOptions(temperatures=(300.0,), runs=1, time="0.1 ps", time_limit=5.0)
DATA = Path(__file__).resolve().parents[2] / "hybridff" / "data" / "ethanol.npz"


@pytest.mark.slow
def test_fits_and_rows_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DATA.parents[2])
    said: list[str] = []
    fits = {"quick": ("--form", "harmonic", "--gate", "none", "--report", "brief")}
    job = ComparisonJob(options=QUICK)
    kept = ResumableComparison(DATA, 40, 20, 30, fits, {"UFF": "uff"}, tmp_path, job, said.append)
    one, again = kept.comparison(["quick", "UFF"]), kept.comparison(["quick", "UFF"])
    assert [row.name for row in one.rows] == ["quick", "UFF"]
    assert [line.split(": ")[1][:5] for line in said] == ["quick", "quick", "UFF i"]
    assert json.dumps(one.to_json()) == json.dumps(again.to_json())
    assert one.rows[0].errors is not None
    assert one.rows[0].errors.n_frames == 30
    assert (one.n_train, one.n_validation) == (40, 20)
    assert len(list((tmp_path / "rows").iterdir())) == 2
