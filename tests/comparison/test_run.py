from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import force_field

from hybridff import read_frames
from hybridff.comparison.options import ComparisonOptions, SGDMLOptions, TrainingOptions
from hybridff.comparison.result import Comparison, MethodResult
from hybridff.comparison.run import ComparisonJob, compare, labels, prepare
from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel, write_model
from hybridff.frames.checks import usable_frames
from hybridff.jobs.options import DataOptions, SplitOptions
from hybridff.jobs.provenance import provenance, write_timing
from hybridff.jobs.reading import Data

QUICK = ComparisonOptions(temperatures=(300.0,), runs=1, time="0.1 ps", time_limit=10.0)


def data(folder: Path, n: int = 60) -> Data:
    """The first bundled frames, atoms in the order of the model, with the file that they are in."""
    frames, molecule = read_frames("hybridff/data/ethanol.npz").subset(np.arange(n)), force_field("ethanol").molecule
    order = [1, 0, 2, 5, 6, 7, 3, 4, 8]
    assert frames.forces is not None
    frames = replace(
        frames, positions=frames.positions[:, order], forces=frames.forces[:, order], smiles=molecule.smiles
    )
    path = folder / "frames.npz"
    frames.write(path)
    return Data(molecule, *usable_frames(frames, molecule), (path,), DataOptions())


def model(folder: Path, own: Data, train: range, offset: float | None = -400000.0, seconds: float | None = 1.5) -> Path:
    """As if fitted to some of the frames; ten others validated, the rest tested."""
    folder.mkdir()
    others = [row for row in range(len(own.frames)) if row not in train]
    frames = {"train": list(train), "validation": others[:10], "test": others[10:]}
    about = {**provenance(own.files), "frames": frames}
    write_model(SavedModel(force_field("ethanol"), offset, about), folder)
    if seconds is not None:
        write_timing(seconds, folder)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Data:
    return data(tmp_path)


def rows_of(comparison: Comparison) -> dict[str, MethodResult]:
    return {row.name: row for row in comparison.rows}


def test_the_frames_are_those_of_the_first_model_and_its_training_time_is_known(own: Data, tmp_path: Path) -> None:
    path = model(tmp_path / "first", own, range(30))
    found = compare([path], own, ComparisonJob(methods=["uff"], options=QUICK))
    assert (found.n_train, found.n_validation, found.remarks) == (30, 10, ())
    rows = rows_of(found)
    assert list(rows) == ["first", "uff"]
    assert rows["first"].training == 1.5
    assert rows["first"].errors is not None
    assert rows["first"].errors.n_frames == 20
    assert rows["first"].errors.energy_offset == -400000.0
    assert rows["uff"].training is None
    assert rows["uff"].errors is not None
    # an offset of its own, so that its energies are near those of the reference
    assert rows["uff"].errors.energy_mae < 100
    assert not rows["first"].remark


def test_a_model_that_was_fitted_to_other_frames_says_so(own: Data, tmp_path: Path) -> None:
    first = model(tmp_path / "first", own, range(30))
    nested = model(tmp_path / "nested", own, range(5, 25))
    greedy = model(tmp_path / "greedy", own, range(30, 60), seconds=None)
    stock = model(tmp_path / "unfitted", own, range(20), offset=None)
    rows = rows_of(compare([first, nested, greedy, stock], own, ComparisonJob(methods=[], options=QUICK)))
    assert rows["nested"].remark == "Fitted to 20 other frames."
    assert rows["greedy"].training is None
    assert "20 of the test frames among them: its errors look better than they are" in rows["greedy"].remark
    assert rows["unfitted"].remark == ""


def test_other_data_are_split_anew_and_that_is_said(own: Data, tmp_path: Path) -> None:
    first = model(tmp_path / "first", own, range(30))
    other = tmp_path / "others.npz"
    own.frames.subset(np.arange(10, 60)).write(other)
    elsewhere = replace(own, files=(other,), frames=own.frames.subset(np.arange(10, 60)))
    task, remarks = prepare(first, elsewhere)
    assert [len(part) for part in task.split] == [40, 5, 5]
    assert "was fitted to frames of other files: 40 of these frames train the other methods, 5 test all" in remarks[0]
    task, remarks = prepare(first, own, ComparisonJob(split=SplitOptions(train=20, validation=10)))
    assert [len(part) for part in task.split] == [20, 10, 30]


def test_methods_that_are_missing_or_fail_have_rows_that_say_why_and_the_others_go_on(
    own: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = model(tmp_path / "first", own, range(30))
    monkeypatch.setattr("hybridff.comparison.trainers.importlib.util.find_spec", lambda name: None)
    methods = ["gap", "mace", "sgdml", "nowhere:Class", "ase.calculators.tip3p:TIP3P", "mmff94"]
    rows = rows_of(compare([path], own, ComparisonJob(methods=methods, options=QUICK)))
    for name, package in (("gap", "quippy-ase"), ("mace", "mace-torch"), ("sgdml", "sgdml")):
        assert rows[name].remark == f"{name} needs {package}: pip install hybridff[compare]."
        assert rows[name].errors is None
    assert "there is no nowhere:Class" in rows["nowhere:Class"].remark
    assert "TIP3P failed (AssertionError" in rows["ase.calculators.tip3p:TIP3P"].remark
    assert rows["mmff94"].errors is not None


def test_sgdml_is_trained_on_the_same_frames_and_its_file_kept(own: Data, tmp_path: Path) -> None:
    pytest.importorskip("sgdml")
    path = model(tmp_path / "first", own, range(25))
    training = TrainingOptions(sgdml=SGDMLOptions(widths=(20,)))
    row = rows_of(
        compare(
            [path], own, ComparisonJob(methods=["sgdml"], options=QUICK, training=training), folder=tmp_path / "kept"
        )
    )["sgdml"]
    assert row.errors is not None
    assert row.training is not None
    assert "length scale 20/Å" in row.setting
    assert "25 points" in row.setting
    assert (tmp_path / "kept" / "sgdml" / "model.npz").is_file()


def test_options_reach_a_calculator_of_the_user_s_own(own: Data, tmp_path: Path) -> None:
    name = "ase.calculators.lj:LennardJones"
    task, _ = prepare(
        model(tmp_path / "first", own, range(30)),
        own,
        ComparisonJob(training=TrainingOptions(calculators={name: {"epsilon": 0.25}})),
    )
    assert task.calculator(name).parameters.epsilon == 0.25


def test_what_cannot_be_compared_is_refused_before_anything_is_measured(own: Data, tmp_path: Path) -> None:
    first = model(tmp_path / "first", own, range(30))
    with pytest.raises(InputError, match=r"gpa is no method: give stock, uff, .*gfn2-xtb, sgdml, gap, mace"):
        compare([first], own, ComparisonJob(methods=["gpa"], options=QUICK))
    with pytest.raises(InputError, match="no test frames are left"):
        compare([first], own, ComparisonJob(methods=[], options=QUICK, split=SplitOptions(train=40, validation=20)))
    with pytest.raises(InputError, match="the data have no forces, which a comparison needs"):
        compare(
            [first], replace(own, frames=replace(own.frames, forces=None)), ComparisonJob(methods=[], options=QUICK)
        )
    with pytest.raises(InputError, match="uff is named twice"):
        compare([first], own, ComparisonJob(methods=["uff", "uff"], options=QUICK))
    with pytest.raises(InputError, match="no model in"):
        compare([tmp_path / "none"], own, ComparisonJob(methods=[], options=QUICK))


def test_rows_are_called_by_the_last_part_of_a_path_where_that_is_enough(tmp_path: Path) -> None:
    for name in ("a/harmonic", "b/harmonic", "b/morse"):
        (tmp_path / name).mkdir(parents=True)
    paths = [str(tmp_path / name) for name in ("a/harmonic", "b/harmonic", "b/morse")]
    assert labels(paths, ["uff"]) == {paths[0]: paths[0], paths[1]: paths[1], "morse": paths[2], "uff": "uff"}
