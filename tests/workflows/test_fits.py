import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import zero_charges
from models import write_frames

import hybridff as hf
from hybridff.errors import InputError
from hybridff.fitting.posterior import POSTERIOR
from hybridff.frames.accuracy import evaluate
from hybridff.frames.reading import read_frames
from hybridff.jobs.provenance import read_timing
from hybridff.workflows.fits import FitRun, fit_molecule

JOB = hf.FitJob.of(train=30, validation=10, gate="none", report="brief", keep_posterior=True)


@pytest.fixture(scope="module")
def found(material: Path) -> FitRun:
    """One fit for all tests; those that write have ``workplace`` beside it."""
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        patch.chdir(material)
        return fit_molecule("ethanol.npz", JOB)


def test_one_call_reads_checks_fits_and_evaluates(found: FitRun, workplace: Path) -> None:
    after, before = found.errors["test"].force_rmse, found.molecules[0].before["test"].force_rmse
    assert after is not None
    assert before is not None
    assert after < 0.5 * before
    assert found.model.force_field is found.force_field
    frames = read_frames("ethanol.npz").subset(found.molecules[0].split.test)
    assert evaluate(found.force_field, frames, found.model.energy_offset) == found.errors["test"]


def test_the_job_comes_back_from_the_provenance_of_the_model(found: FitRun) -> None:
    again = hf.FitJob.from_options(json.loads(json.dumps(found.model.provenance["options"])))
    assert again == replace(JOB, report=again.report, keep_posterior=False)


def test_a_fit_is_written_whole_and_read_back(found: FitRun, workplace: Path) -> None:
    (document,) = found.write("out")
    names = {"model.json", "summary.md", "report.html", "parameters.csv", "timing.json", POSTERIOR}
    assert {path.name for path in Path("out").iterdir()} == names
    read = hf.read_model("out").force_field
    np.testing.assert_array_equal(read.parameter_table.values, found.force_field.parameter_table.values)
    assert read_timing(Path("out")) == pytest.approx(found.molecules[0].seconds, abs=1e-3)
    assert "hybridff fit ethanol.npz" in document.html()
    assert "--out out" in document.html()


def test_a_folder_that_exists_is_kept_unless_it_may_be_replaced(found: FitRun, workplace: Path) -> None:
    found.write("out")
    Path("out/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="out"):
        found.write("out")
    assert Path("out/notes.txt").exists()
    found.write("out", overwrite=True)
    assert not Path("out/notes.txt").exists()


def test_a_report_does_not_need_a_folder(found: FitRun, workplace: Path) -> None:
    (document,) = found.report()
    assert "Errors" in [section.title for section in document.sections]
    assert not Path("out").exists()


def test_a_notebook_shows_the_errors_without_a_page_around_them(found: FitRun) -> None:
    shown = found._repr_html_()
    assert "<table" in shown
    assert "Force error" in shown
    assert f"{found.errors['test'].in_field_units()['force_rmse_kcal_mol_angstrom']:.2f}" in shown
    assert not any(tag in shown for tag in ("<html", "<script", "<style"))


def test_the_command_line_writes_the_same_model(found: FitRun, workplace: Path) -> None:
    from hybridff.cli.app import app

    found.write("python")
    with zero_charges():
        flags = ["--train", "30", "--validation", "10", "--gate", "none", "--report", "brief", "--keep-posterior"]
        app.meta(["fit", "ethanol.npz", *flags, "--out", "line"], exit_on_error=False, result_action="return_value")
    assert Path("python/model.json").read_bytes() == Path("line/model.json").read_bytes()


def test_several_molecules_have_no_single_model(workplace: Path) -> None:
    write_frames("ethanol", "first.npz")
    write_frames("propane", "second.npz")
    with zero_charges():
        job = hf.FitJob.of(train=20, form="harmonic", prior_scale=1.0, gate="none")
        found = fit_molecule(["first.npz", "second.npz"], job)
    assert found.folder_names() == ["ethanol", "propane"]
    with pytest.raises(InputError, match=r"several molecules \(ethanol, propane\)"):
        _ = found.force_field


def test_what_is_odd_about_the_data_is_said(workplace: Path) -> None:
    said: list[str] = []
    with np.load("ethanol.npz") as data:
        arrays = {key: data[key] for key in data.files}
    arrays["E"][4] = np.nan
    np.savez("holes.npz", **arrays)
    with zero_charges():
        fit_molecule("holes.npz", JOB, say=said.append)
    assert said[0].startswith("Note: ethanol: left out 1 frame (5): NaN")


def test_a_fit_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="there are no data files to fit to"):
        fit_molecule([])
