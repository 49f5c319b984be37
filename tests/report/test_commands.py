import shlex
import tomllib

import pytest

from hybridff.fitting.options import FitOptions
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions
from hybridff.hybrid.correcting import CorrectionOptions
from hybridff.jobs.job import CorrectionJob, FitJob
from hybridff.jobs.options import DataOptions, ReportOptions, SplitOptions
from hybridff.report.commands import command_section, correction_in_python, fit_in_python, shell, toml

JOB = FitJob(
    split=SplitOptions(train=30, validation=10),
    start=StartOptions(charges="my charges.txt"),
    reading=DataOptions(length_unit="bohr", trust_data=True),
    form=FormOptions(form="morse"),
    fit=FitOptions(prior_scale=0.5),
    kernels=CorrectionOptions(kernel_width=0.3),
    molecule="C[C@H](O)F",
    correction=("all", "1,2"),
)


def words(text: str) -> list[str]:
    return shlex.split(text.replace("\\\n", " "))


def test_a_command_names_what_differs_from_the_defaults_and_nothing_else() -> None:
    text = shell(JOB, ["a b.npz"], "x")
    assert words(text) == [
        *("hybridff", "fit", "a b.npz", "--train", "30", "--validation", "10", "--charges", "my charges.txt"),
        *("--length-unit", "bohr", "--trust-data", "--form", "morse", "--prior-scale", "0.5", "--kernel-width", "0.3"),
        *("--molecule", "C[C@H](O)F", "--correction", "all", "--correction", "1,2", "--out", "x"),
    ]
    assert max(map(len, text.splitlines())) < 100


def test_a_plain_fit_is_a_plain_command() -> None:
    assert shell(FitJob(), ["a.npz"], "x") == "hybridff fit a.npz --out x"
    assert shell(FitJob(), ["a.npz"]) == "hybridff fit a.npz --out DIR"


def test_the_toml_table_is_the_job() -> None:
    assert FitJob.from_options(tomllib.loads(toml(JOB))["fit"]) == JOB
    assert toml(FitJob()) == "[fit]"


@pytest.mark.parametrize("job", [JOB, FitJob(report=ReportOptions(compare=("uff", "stock")), keep_posterior=True)])
def test_the_python_of_a_fit_makes_the_same_job(job: FitJob) -> None:
    text = fit_in_python(job, ["a b.npz"])
    assert "hf.fit_molecule(['a b.npz'], job)" in text
    made = text[text.index("job = ") : text.index("fit = hf.fit_molecule")]
    found: dict[str, FitJob] = {}
    exec(f"import hybridff as hf\n{made}", found)
    assert found["job"] == job


def test_the_python_of_a_correction_makes_the_same_job() -> None:
    job = CorrectionJob(correction=("1,2,3",), alone=True, split=SplitOptions(train=20))
    text = correction_in_python(job, "DIR", ["a.npz"])
    assert "hf.correct_model('DIR', ['a.npz'], job)" in text
    found: dict[str, CorrectionJob] = {}
    exec(text[: text.index("corrected = ")], found)
    assert found["job"] == job


def test_a_page_says_how_to_do_it_again_in_three_ways() -> None:
    section = command_section(JOB, ["a.npz"], "python", "x")
    shown = "\n".join(getattr(block, "text", "") for block in section.more)
    for part in ("pip install", "hybridff fit a.npz", "[fit]", "python"):
        assert part in shown
