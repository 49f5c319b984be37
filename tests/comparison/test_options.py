from pathlib import Path

import pytest

from hybridff.comparison.options import (
    ComparisonOptions,
    GAPOptions,
    MACEOptions,
    SGDMLOptions,
    TrainingOptions,
    read_options,
)
from hybridff.errors import InputError

METHODS = ["stock", "gap", "my.module:Class"]


def written(text: str, folder: Path) -> Path:
    path = folder / "options.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    text = '[sgdml]\nwidths = [10, 15]\n[mace]\nminutes = 2\n["my.module:Class"]\ndepth = "deep"\n'
    found = read_options(written(text, tmp_path), METHODS)
    assert found == TrainingOptions(
        sgdml=SGDMLOptions(widths=(10, 15)),
        mace=MACEOptions(minutes=2.0),
        calculators={"my.module:Class": {"depth": "deep"}},
    )
    assert isinstance(found.mace.minutes, float)
    assert found.gap == GAPOptions()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[gap]\ncut = 4", r"\[gap\] has no option cut; it has cutoff, n_max"),
        ("[gpa]\ncutoff = 4", r"\[gpa\] is no method with options; those of this comparison are sgdml, gap, mace, my"),
        ('["other:Class"]\na = 1', r"\[other:Class\] is no method with options"),
        ("cutoff = 4", "the option cutoff stands in no table; write it below its method"),
        ("[gap]\nn_max = 2.5", "option n_max has to be an integer, not 2.5"),
        ("[gap]\nn_max = true", "option n_max has to be an integer, not True"),
        ('[mace]\nminutes = "5"', "option minutes has to be a number, not '5'"),
        ("[mace]\nminutes = 0", r"\[mace\]: option minutes has to be a positive number, not 0"),
        ("[mace]\nmax_L = -1", "option max_L has to be at least 0, not -1"),
        ("[gap]\nl_max = -1", "option l_max has to be at least 0, not -1"),
        ("[sgdml]\nwidths = 5", r"option widths has to be a list such as \[5, 10"),
        ("[sgdml]\nwidths = []", r"option widths has to be a list such as \[5, 10"),
        ("[sgdml]\nwidths = [20, 10]", r"option widths has to be of rising positive integers, not \[20, 10\]"),
        ("[sgdml]\nwidths = [10", "is no TOML file"),
    ],
)
def test_what_a_file_cannot_say_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        read_options(written(text, tmp_path), METHODS)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: there is no such file"):
        read_options(tmp_path / "none.toml", METHODS)


def test_the_hot_dynamics_are_those_of_the_gate_without_quenches_and_scans() -> None:
    hot = ComparisonOptions(temperatures=(700.0,), runs=5, time="3 ps", step="1 fs", seed=4).hot
    assert (hot.temperatures, hot.runs, hot.time, hot.step, hot.seed) == ((700.0,), 5, "3 ps", "1 fs", 4)
    assert (hot.quenches, hot.scans) == (0, False)


@pytest.mark.parametrize(
    "options", [{"runs": -1}, {"time": "3"}, {"step": "0 fs"}, {"time_limit": 0.0}, {"temperatures": (-5.0,)}]
)
def test_what_cannot_be_measured_is_refused(options: dict) -> None:
    with pytest.raises(InputError):
        ComparisonOptions(**options)
