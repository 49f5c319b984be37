import csv
import json
from pathlib import Path

import pytest
from bad_inputs import run

from hybridff.comparison.present import FILES

pytestmark = pytest.mark.slow

QUICK = '--temperatures 300 --runs 1 --time "0.1 ps"'

FIT = (
    "fit ethanol.npz --charges charges.txt --train 30 --validation 10 --form harmonic --gate none --report brief "
    "--out fitted"
)
"""A quick fit for comparisons."""


def succeed(command: str) -> str:
    """What a command prints; it must end well and write nothing to standard error."""
    outcome = run(command)
    assert (outcome.code, outcome.stderr) == (0, "")
    return outcome.stdout


def lines(folder: str) -> dict[str, dict[str, str]]:
    """Of the table, by the names of the methods."""
    with Path(folder, "comparison.csv").open(encoding="utf-8") as file:
        return {line["method"]: line for line in csv.DictReader(file)}


def test_compare_prints_one_table_and_writes_it_with_a_picture_and_a_page(workplace: Path) -> None:
    succeed(FIT)
    said = succeed(f"compare fitted model --data ethanol.npz --with stock mmff94 nowhere:Class {QUICK} --out out")
    assert {path.name for path in Path("out").iterdir()} == set(FILES)
    found = lines("out")
    assert next(iter(found)) == "fitted"
    assert set(found) == {"fitted", "model", "stock", "mmff94", "nowhere:Class"}
    # charges of nothing on both
    assert found["model"]["force RMSE [kcal/mol/Å]"] == found["stock"]["force RMSE [kcal/mol/Å]"]
    assert float(found["fitted"]["force RMSE [kcal/mol/Å]"]) < float(found["stock"]["force RMSE [kcal/mol/Å]"])
    assert float(found["fitted"]["training [s]"]) > 0
    assert found["mmff94"]["training [s]"] == ""
    assert "there is no nowhere:Class" in found["nowhere:Class"]["remark"]
    assert "| nowhere:Class |" in said
    assert "Errors on 20 test frames; 30 frames trained and 10 validated" in said
    assert "Written to out: comparison.csv" in said
    errors = succeed("evaluate fitted ethanol.npz")
    assert "these errors include them" in errors


def test_errors_of_a_fitted_model_are_those_of_its_report(workplace: Path) -> None:
    succeed(FIT)
    succeed(f"compare fitted --data ethanol.npz --with uff {QUICK} --out out")
    model = json.loads(Path("fitted/model.json").read_text(encoding="utf-8"))
    expected = model["provenance"]["errors after"]["test"]
    rows = json.loads(Path("out/comparison.json").read_text(encoding="utf-8"))["rows"]
    (own,) = [row["errors"] for row in rows if row["name"] == "fitted"]
    for name in ("force_rmse_kcal_mol_angstrom", "energy_rmse_kcal_mol", "energy_mae_kcal_mol"):
        assert own[name] == pytest.approx(expected[name], rel=1e-9)


def test_a_comparison_takes_options_from_a_file_and_trains_sgdml(workplace: Path) -> None:
    pytest.importorskip("sgdml")
    Path("options.toml").write_text(
        '[sgdml]\nwidths = [15]\n["ase.calculators.lj:LennardJones"]\nepsilon = 0.5\n', encoding="utf-8"
    )
    others = "sgdml ase.calculators.lj:LennardJones"
    command = f"compare model --data ethanol.npz --with {others} --options options.toml --train 25 --validation 10"
    said = succeed(f"{command} {QUICK} --out out")
    assert "sgdml: length scale 15/Å" in said
    assert Path("out/models/sgdml/model.npz").is_file()
    settings = json.loads(Path("out/comparison.json").read_text(encoding="utf-8"))["training options"]
    assert settings["sgdml"]["widths"] == [15]
    assert settings["ase.calculators.lj:LennardJones"] == {"epsilon": 0.5}
    assert float(lines("out")["sgdml"]["training [s]"]) > 0
    again = succeed(f"compare model --data ethanol.npz --with out/models/sgdml/model.npz {QUICK} --out again")
    assert "model.npz" in again
