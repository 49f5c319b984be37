from pathlib import Path

import pytest
from bad_inputs import zero_charges

import hybridff as hf
from hybridff.errors import InputError
from hybridff.jobs.provenance import read_timing
from hybridff.workflows.corrections import CorrectionRun, correct_model
from hybridff.workflows.evaluations import evaluate_model
from hybridff.workflows.folder import read_posterior

PLAIN = {"train": 40, "validation": 10, "form": "harmonic", "gate": "none", "report": "brief"}
GIVEN = {"kernel_width": 0.4, "kernel_noise": 0.5}  # the search for them is tested in tests/hybrid
JOB = hf.CorrectionJob.of(correction=["all"], gate="none", report="brief", descriptor="distances", **GIVEN)


@pytest.fixture(scope="module")
def corrected(material: Path, tmp_path_factory: pytest.TempPathFactory) -> CorrectionRun:
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        folder = tmp_path_factory.mktemp("models") / "plain"
        hf.fit_molecule(material / "ethanol.npz", hf.FitJob.of(**PLAIN)).write(folder)
        return correct_model(folder, material / "ethanol.npz", JOB)


def test_kernels_are_trained_on_the_frames_of_the_fit_and_make_it_better(corrected: CorrectionRun) -> None:
    plain = hf.read_model(corrected.start)
    assert corrected.model.provenance["frames"] == plain.provenance["frames"]
    assert len(corrected.model.force_field.corrections) == 1
    after, before = corrected.after["test"].force_rmse, corrected.molecule.before["test"].force_rmse
    assert after is not None
    assert before is not None
    assert after < 0.8 * before


def test_a_correction_is_written_whole_with_the_time_of_both(corrected: CorrectionRun, tmp_path: Path) -> None:
    document = corrected.write(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("model.json", "summary.md", "report.html", "timing.json"),
    }
    before = read_timing(corrected.start)
    assert before is not None
    assert read_timing(tmp_path / "out") == pytest.approx(before + corrected.molecule.seconds, abs=2e-3)
    assert "hybridff correct" in document.html()
    with pytest.raises(InputError):
        corrected.write(tmp_path / "out")


def test_a_notebook_shows_what_became_of_the_kernel(corrected: CorrectionRun) -> None:
    shown = corrected._repr_html_()
    assert "The kernel on all atoms" in shown
    assert "<html" not in shown


def test_a_model_is_evaluated_on_files_by_name(corrected: CorrectionRun, material: Path) -> None:
    said: list[str] = []
    found = evaluate_model(corrected.start, [material / "ethanol.npz"], say=said.append)
    assert found["n_frames"] == 60
    assert found["energy_offset_from"] == "the model's training frames"
    assert "mean_distance_from_training" not in found
    assert "fitted to frames of ethanol.npz" in said[-1]


def test_a_fit_that_was_not_asked_for_its_posterior_has_none(corrected: CorrectionRun) -> None:
    assert read_posterior(corrected.start) is None


def test_a_correction_of_nothing_is_refused(corrected: CorrectionRun, material: Path) -> None:
    with pytest.raises(InputError, match="name at least one"):
        correct_model(corrected.start, material / "ethanol.npz", hf.CorrectionJob())
