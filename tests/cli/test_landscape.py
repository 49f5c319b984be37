import csv
import re
from pathlib import Path

import ase.io
import numpy as np
import pytest
from bad_inputs import load, save, succeed

PNG = b"\x89PNG"


def table(name: str) -> list[list[str]]:
    return list(csv.reader(Path(name).read_text(encoding="utf-8").splitlines()))


def test_analyse_errors_groups_them_and_draws(workplace):
    said = succeed("analyse errors model ethanol.npz --table errors.csv --picture errors.png")
    assert "O3-C1-C2-H6" in said
    rows = table("errors.csv")
    assert rows[0][:3] == ["by", "group", "frames or atoms"]
    assert [row[1] for row in rows if row[0] == "element"] == ["C", "O", "H"]
    n_frames = sum(int(row[2]) for row in rows if row[0] == "energy")
    assert n_frames == sum(int(row[2]) for row in rows if row[0] == "C2-C1-O3-H9")
    assert Path("errors.png").read_bytes().startswith(PNG)
    one = succeed("analyse errors model ethanol.npz --torsion 2,1,3,9")
    assert "O3-C1-C2-H6" not in one
    assert "C2-C1-O3-H9" in one


def test_analyse_along_a_bond_can_be_labelled_and_read_again(workplace):
    said = succeed(
        "analyse along model uff --bond 3,9 --points 5 --structures line.xyz --table line.csv --picture line.png"
    )
    assert "O3-H9 [Å]: 5 geometries; model rises by up to" in said
    rows = table("line.csv")
    assert rows[0] == ["O3-H9 [Å]", "model [kcal/mol]", "uff [kcal/mol]"]
    frames = ase.io.read("line.xyz", index=":")
    assert [f"{frame.get_distance(2, 8):.5g}" for frame in frames] == [row[0] for row in rows[1:]]
    assert min(float(row[1]) for row in rows[1:]) == 0
    # labelled by the model's own energies, the model is right
    energies = np.array([float(row[1]) for row in rows[1:]])
    save(R=np.array([frame.positions for frame in frames]), E=energies + 5, F=np.zeros((5, 9, 3)))
    said = succeed("analyse along model uff --frames bad.npz")
    assert re.search(r"^model: off bad.npz by 0.000 kcal/mol on average", said, re.MULTILINE)
    assert not re.search(r"^uff: off bad.npz by 0.000", said, re.MULTILINE)


def test_analyse_along_a_mode_rises_on_both_sides(workplace):
    succeed("analyse along model uff --mode 21 --reach 0.1 --points 5 --table mode.csv")
    rows = table("mode.csv")
    assert "mode 21 at" in rows[0][0]
    own = [float(row[1]) for row in rows[1:]]
    assert own[2] == 0
    assert own[0] > own[1] > 0
    assert own[4] > own[3] > 0


def test_analyse_path_has_a_barrier_between_two_minima(workplace):
    said = succeed("analyse path model uff --images 7 --table path.csv --picture path.png --structures path.xyz")
    barriers = [float(value) for value in re.findall(r"barrier ([0-9.]+) kcal/mol", said)]
    assert len(barriers) == 2
    assert all(0 < barrier < 6 for barrier in barriers)
    assert len(ase.io.read("path.xyz", index=":")) == 7
    assert len(table("path.csv")) == 8
    assert Path("path.png").read_bytes().startswith(PNG)


def test_analyse_scan_takes_a_reference_and_shows_differences(workplace):
    succeed("analyse scan model --torsion 2,1,3,9 --every 120 --rigid --structures grid.xyz")
    frames = ase.io.read("grid.xyz", index=":")
    save(R=np.array([frame.positions for frame in frames]), E=np.array([1.0, 3.0, 2.0]), F=np.zeros((3, 9, 3)))
    files = "--table scan.csv --differences off.png"
    said = succeed(f"analyse scan model --torsion 2,1,3,9 --every 120 --rigid --reference bad.npz {files}")
    assert "model: up to" in said
    assert "off bad.npz by" in said
    rows = table("scan.csv")
    assert rows[0][1] == "bad.npz [kcal/mol]"
    assert [float(row[1]) for row in rows[1:]] == pytest.approx([0, 2, 1])
    assert Path("off.png").read_bytes().startswith(PNG)
    two = "--torsion 2,1,3,9 --torsion 3,1,2,6 --every 180 --rigid"
    succeed(f"analyse scan model uff {two} --differences map.png")
    assert Path("map.png").stat().st_size > 5000


def test_methods_take_options_from_a_file(workplace):
    name = "ase.calculators.lj:LennardJones"
    save(R=load()["R"][:3], E=load()["E"][:3], F=load()["F"][:3])
    rises = []
    for strength in (0.1, 0.2):
        Path("options.toml").write_text(f'["{name}"]\nepsilon = {strength}\nrc = 8.0\n', encoding="utf-8")
        succeed(f"analyse along model {name} --frames bad.npz --options options.toml --table lj.csv")
        rises.append(max(abs(float(row[3])) for row in table("lj.csv")[1:]))
    assert rises[1] == pytest.approx(2 * rises[0])
