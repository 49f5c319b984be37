import csv
import re
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run, succeed

PNG = b"\x89PNG"


def table(name: str) -> list[list[str]]:
    return list(csv.reader(Path(name).read_text(encoding="utf-8").splitlines()))


@pytest.mark.slow
def test_analyse_vdos_says_where_bands_lie_at_each_temperature(workplace):
    said = succeed(
        'analyse vdos model uff --temperatures 50 300 --time "1 ps" --runs 2 --table vdos.csv --picture vdos.png'
    )
    bands = re.findall(r"^(model|uff), (50|300) K: C-H ([0-9.]+) ± [0-9.]+.*O-H ([0-9.]+) ±", said, re.MULTILINE)
    assert [band[:2] for band in bands] == [("model", "50"), ("model", "300"), ("uff", "50"), ("uff", "300")]
    assert all(2500 < float(ch) < float(oh) < 4200 for *_, ch, oh in bands)
    rows = np.array([[float(value) for value in row] for row in table("vdos.csv")[1:]])
    assert np.trapezoid(rows[:, 1], rows[:, 0]) == pytest.approx(1, abs=1e-3)
    assert Path("vdos.png").read_bytes().startswith(PNG)


def test_analyse_populations_of_minima_add_up(workplace):
    files = "--table shares.csv --picture shares.png"
    said = succeed(f"analyse populations model uff --temperatures 300 600 --time 0.02 --runs 2 {files}")
    assert "minima at 0.00 / " in said
    rows = table("shares.csv")
    assert rows[0] == ["method", "temperature [K]", "minimum", "energy [kcal/mol]", "population", "standard error"]
    for name in ("model", "uff"):
        for kelvin in ("300", "600"):
            own = [float(row[4]) for row in rows[1:] if row[:2] == [name, kelvin]]
            assert len(own) == 2
            assert sum(own) == pytest.approx(1, abs=2e-4)
    assert Path("shares.png").read_bytes().startswith(PNG)


def test_analyse_populations_along_torsions_are_free_energies(workplace):
    files = "--table free.csv --picture free.png"
    said = succeed(f"analyse populations model --torsion 2,1,3,9 --bins 6 --time 0.02 --runs 2 {files}")
    assert re.search(r"^model: up to [0-9.]+ kcal/mol, \d+% of the bins visited", said, re.MULTILINE)
    rows = table("free.csv")
    assert [row[0] for row in rows[1:]] == ["-150", "-90", "-30", "30", "90", "150"]
    assert min(float(row[1]) for row in rows[1:]) == 0
    succeed("analyse populations model --torsion 2,1,3,9 3,1,2,6 --bins 4 --time 0.01 --runs 1 --picture map.png")
    assert Path("map.png").read_bytes().startswith(PNG)


def test_analyse_distances_compares_with_frames(workplace):
    files = "--reference ethanol.npz --table h.csv --picture h.png"
    said = succeed(f"analyse distances model uff --hottest 300 --time 0.005 --runs 2 {files}")
    areas = [float(value) for value in re.findall(r"common area with ethanol.npz ([0-9.]+)", said)]
    assert len(areas) == 2
    assert all(0.5 < area < 1 for area in areas)
    rows = np.array([[float(value) for value in row] for row in table("h.csv")[1:]])
    assert rows[:, 1].sum() * 0.05 == pytest.approx(1, abs=1e-3)
    one = succeed("analyse distances model --pair 3,9 --hottest 300 --time 0.002 --runs 1")
    assert 0.9 < float(re.findall(r"mean ([0-9.]+) Å", one)[0]) < 1.05
    assert Path("h.png").read_bytes().startswith(PNG)


def test_analyse_extrapolate_is_right_where_the_reference_is_the_model(workplace):
    command = 'analyse extrapolate model uff --reference model --temperatures 300 600 --frames 2 --spacing "0.05 ps"'
    said = succeed(f"{command} --table own.csv --picture own.png")
    assert "model, 2 own frames at 300 K: energy RMSE 0.000 kcal/mol, force RMSE 0.000 kcal/mol/Å" in said
    rows = table("own.csv")
    assert [row[:2] for row in rows[1:]] == [["model", "300"], ["model", "600"], ["uff", "300"], ["uff", "600"]]
    assert all(float(row[4]) > 1 for row in rows[3:])
    assert Path("own.png").read_bytes().startswith(PNG)


def test_methods_that_blow_up_are_left_out_with_a_note(workplace):
    outcome = run("analyse populations model uff --temperatures 300 --step 6 --hottest 300 --time 0.05 --runs 1")
    assert outcome.code == 2
    assert outcome.stderr == "hybridff: no method came to an end.\n"
    for name in ("model", "uff"):
        assert f"Note: {name} is left out: the sampling blew up" in outcome.stdout
