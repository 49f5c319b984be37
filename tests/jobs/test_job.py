import json
from dataclasses import replace
from pathlib import Path

import pytest

from hybridff.errors import InputError
from hybridff.fitting.options import FitOptions
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions
from hybridff.hybrid.options import CorrectionOptions
from hybridff.jobs.job import CorrectionJob, FitJob, Job, plain_options
from hybridff.jobs.options import DataOptions, ReportOptions, SplitOptions
from hybridff.stability.gate import GateOptions

EVERYTHING = FitJob(
    molecule="CCO",
    split=SplitOptions(train=30, seed=2),
    start=StartOptions(charges="q.txt"),
    reading=DataOptions(max_energy=30.0, trust_data=True),
    form=FormOptions(form="morse", fourier=4),
    fit=FitOptions(prior_scale=0.5, size="small"),
    gate=GateOptions(gate="none"),
    kernels=CorrectionOptions(points=20, kernel_noise=0.5),
    report=ReportOptions(report="brief", compare=("stock",)),
    correction=("all", "1,2"),
    keep_posterior=True,
)
CORRECTION = CorrectionJob(
    correction=("1,2,3",), alone=True, split=SplitOptions(train=20), gate=GateOptions(gate="full")
)


def test_options_are_named_as_the_flags_whatever_set_they_belong_to() -> None:
    job = FitJob.of(train=110, form="harmonic", charges="am1bcc", gate="none", correction=["all"])
    assert job.split == SplitOptions(train=110)
    assert job.form == FormOptions(form="harmonic")
    assert job.start == StartOptions(charges="am1bcc")
    assert job.gate == GateOptions(gate="none")
    assert job.correction == ("all",)
    assert job.fit == FitOptions()


@pytest.mark.parametrize("kind", [FitJob, CorrectionJob])
def test_no_two_options_have_the_same_name(kind: type[Job]) -> None:
    assert len(set(kind.names())) == len(kind.names())


@pytest.mark.parametrize("job", [FitJob(), EVERYTHING, CorrectionJob(), CORRECTION])
def test_a_job_comes_back_from_its_options_after_json(job: Job) -> None:
    assert type(job).from_options(json.loads(json.dumps(job.options()))) == job
    assert type(job).from_options(job.changed()) == job


@pytest.mark.parametrize(
    "options",
    [{"pretrain": "README.md"}, {"pretrain": "forcefields"}, {"start": "own.prmtop"}, {"molecule": "own.parm7"}],
)
def test_a_parameter_set_has_to_count_from_stock_gaff(options: dict[str, str]) -> None:
    with pytest.raises(InputError, match="counts from stock GAFF; leave start out, and let pretrain be none, auto or"):
        FitJob.from_options({"share": "environment", **options})
    FitJob.from_options({"share": "types", **options})


@pytest.mark.parametrize("pretrain", ["none", "auto", "gfn2-xtb"])
def test_a_parameter_set_may_be_pre_trained_on_a_level(pretrain: str) -> None:
    assert FitJob.from_options({"share": "environment", "pretrain": pretrain}).pretraining.pretrain == pretrain


def test_only_what_differs_from_the_defaults_is_changed() -> None:
    assert FitJob().changed() == {}
    assert FitJob.of(train=5).changed() == {"train": 5}
    assert CorrectionJob().changed() == {}
    assert CORRECTION.changed() == {"train": 20, "gate": "full", "correction": ["1,2,3"], "alone": True}


def test_a_path_is_a_path_again_and_a_known_word_is_none(tmp_path: Path) -> None:
    form = tmp_path / "own.toml"
    form.write_text(Path("examples/my-form.toml").read_text(encoding="utf-8"), encoding="utf-8")
    job = FitJob.from_options({"form": str(form), "start": "own.prmtop"})
    assert job.form.form == form
    assert job.start.start == Path("own.prmtop")
    assert FitJob.of(form="class2").form.form == "class2"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"trian": 5}, "fit has no option trian; did you mean train[?]"),
        ({"frm": 1}, "fit has no option frm; did you mean form"),
        ({"zzz": 5}, "fit has no option zzz; known are train"),
        ({"train": "many"}, "option train cannot be 'many'; give a whole number"),
        ({"train": 2.5}, "option train cannot be 2.5; give a whole number"),
        ({"train": True}, "option train cannot be True"),
        ({"trust_data": 1}, "option trust_data cannot be 1; give true or false"),
        ({"gate": "loose"}, "option gate cannot be 'loose'; give short, full or none"),
        ({"correction": "all"}, "option correction cannot be 'all'; give a list"),
        ({"prior_scale": False}, "option prior_scale cannot be False; give a number"),
        ({"train": 1}, "option train has to be at least 2"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_can(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        FitJob.from_options(options)


def test_a_job_is_read_from_the_table_of_its_command(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    content = '[fit]\ntrain = 20\nform = "morse"\n\n[correct]\ncorrection = ["all"]\nalone = true\n'
    path.write_text(content, encoding="utf-8")
    assert FitJob.read(path) == FitJob.of(train=20, form="morse")
    assert CorrectionJob.read(path) == CorrectionJob.of(correction=["all"], alone=True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[correct]\n", r"has no table \[fit\]"),
        ("fit = 3\n", r"has no table \[fit\]"),
        ("[fit\n", "is no TOML file"),
        ("[fit]\ntrane = 3\n", "did you mean train"),
    ],
)
def test_a_file_that_is_no_job_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        FitJob.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        FitJob.read(tmp_path / "job.toml")


def test_what_is_shown_or_kept_of_a_fit_does_not_decide_its_model() -> None:
    shown = replace(EVERYTHING, report=ReportOptions(), keep_posterior=False)
    assert shown.model_options() == EVERYTHING.model_options()
    assert not {"report", "compare", "learning_curve", "keep_posterior"} & set(EVERYTHING.model_options())
    assert replace(EVERYTHING, correction=()).model_options() != EVERYTHING.model_options()


def test_a_molecule_given_as_prmtop_brings_its_own_start_unless_there_is_another() -> None:
    assert FitJob(molecule="own.prmtop").starting == StartOptions(start=Path("own.prmtop"))
    other = StartOptions(start=Path("other.prmtop"))
    assert FitJob(molecule="own.prmtop", start=other).starting == other
    assert FitJob(molecule="own.sdf").starting == StartOptions()
    assert FitJob(molecule="own.prmtop").model_options()["start"] == "own.prmtop"


def test_the_options_of_a_set_are_plain() -> None:
    found = plain_options(StartOptions(start=Path("a.prmtop")))
    others = {"gaff": StartOptions().gaff, "charges": "resp", "topology": None, "bonds_from": None}
    assert found == {**others, "start": "a.prmtop"}


def test_a_text_that_is_too_long_to_be_a_path_is_no_file() -> None:
    with pytest.raises(InputError, match="neither a file nor a folder"):
        FitJob.of(pretrain="a" * 5000)
