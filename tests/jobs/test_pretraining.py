from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import zero_charges
from models import force_field

from hybridff.errors import InputError
from hybridff.export.modelfile import write_model
from hybridff.fitting.difference import FACTOR
from hybridff.frames.reading import read_frames
from hybridff.gaff.class2_kinds import KINDS
from hybridff.gaff.forms import Form
from hybridff.jobs.fitting import FittedMolecule, fit_data
from hybridff.jobs.job import FitJob
from hybridff.jobs.pretraining import with_level
from hybridff.jobs.reading import read_data
from hybridff.jobs.stock import parametrize


def fitted(pretrain: str, **options: object) -> FittedMolecule:
    """A fit to six of the reference frames."""
    chosen = {"train": 6, "validation": 0, "gate": "none", "molecule": "ethanol.sdf", **options}
    with zero_charges():
        (found,) = fit_data(read_data([Path("ethanol.npz")]), FitJob.of(pretrain=pretrain, **chosen))
    return found


@pytest.fixture
def other_level(workplace: Path) -> str:
    """Frames that the fit does not have, at another level: energies and forces a tenth smaller."""
    frames = read_frames("ethanol.npz")
    assert frames.forces is not None
    rows = np.setdiff1d(np.arange(len(frames)), frames.split(6, 0).train)
    other = replace(frames, energies=0.9 * frames.energies, forces=0.9 * frames.forces, theory="other level")
    other.subset(rows).write("other.npz")
    return "other.npz"


@pytest.mark.slow
def test_few_frames_beside_many_of_another_level_predict_better(other_level: str) -> None:
    plain, taught = fitted("none"), fitted(other_level)
    assert plain.after["test"].force_rmse is not None
    assert taught.after["test"].force_rmse is not None
    assert taught.after["test"].force_rmse < 0.6 * plain.after["test"].force_rmse
    assert plain.pretraining is None
    assert taught.pretraining is not None
    assert taught.pretraining.n_frames == 54
    (sentence,) = taught.model.provenance["pretrained"]
    assert sentence.startswith("The fit began with one to 54 frames of other level, which leaves ")
    assert "other.npz" in taught.model.provenance["inputs"]


@pytest.mark.slow
def test_kernels_are_taught_by_the_other_level_and_need_no_validation_frames(other_level: str) -> None:
    plain, hybrid = fitted(other_level), fitted(other_level, correction=["all"])
    assert hybrid.pretraining is not None
    assert hybrid.pretraining.kernels is not None
    assert hybrid.correction is None  # six frames are too few to leave some out
    kernels = hybrid.pretraining.force_field.corrections
    assert len(kernels) == 1
    assert hybrid.model.force_field.corrections == kernels
    assert hybrid.model.provenance["corrections"] == ["all"]
    assert "trained on 45 frames" in hybrid.model.provenance["pretrained"][1]
    assert plain.after["test"].force_rmse is not None
    assert hybrid.after["test"].force_rmse is not None
    assert hybrid.after["test"].force_rmse < plain.after["test"].force_rmse


def test_a_model_may_be_the_start_of_another(other_level: str) -> None:
    first = fitted(other_level)
    Path("first").mkdir()
    write_model(first.model, Path("first"))
    second = fitted("first", train=12)
    assert second.pretraining is not None
    assert second.pretraining.sentences() == ("The fit began with the model first.",)
    widths = {name: kind.prior_width for name, kind in second.model.force_field.parameter_table.kinds.items()}
    assert widths["bond 2"] == FACTOR * (KINDS["bond 2"].prior_width or 0.0)
    assert "model.json" in second.model.provenance["inputs"]


@pytest.mark.parametrize("form", ["harmonic", "morse"])
def test_forms_that_are_not_linear_are_refused(other_level: str, form: str) -> None:
    with pytest.raises(InputError, match="option pretrain is for forms that are fitted in closed form"):
        fitted(other_level, form=form)


def test_a_model_of_another_molecule_is_refused(workplace: Path) -> None:
    with zero_charges():
        saved = parametrize("CCC")
    Path("propane").mkdir()
    write_model(saved, Path("propane"))
    with pytest.raises(InputError, match="is O in the molecule"):
        fitted("propane")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tblite") is None, reason="tblite is not installed")
def test_frames_of_a_cheap_level_are_made_and_taught(workplace: Path) -> None:
    plain, taught = fitted("none"), fitted("gfn2-xtb", pretrain_frames=200)
    assert taught.pretraining is not None
    assert taught.pretraining.source.startswith("GFN2-xTB (tblite ")
    assert plain.after["test"].force_rmse is not None
    assert taught.after["test"].force_rmse is not None
    assert taught.after["test"].force_rmse < 0.7 * plain.after["test"].force_rmse


def test_auto_is_a_cheap_level_where_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def level(n_train: int, form: Form = "class2", *, installed: bool = True) -> str:
        monkeypatch.setattr("hybridff.jobs.pretraining.xtb_is_there", lambda: installed)
        job = with_level(FitJob.of(pretrain="auto"), force_field("ethanol", form=form), n_train)
        return job.pretraining.pretrain

    assert level(50) == "gfn2-xtb"
    assert level(200) == "none"
    assert level(50, "harmonic") == "none"
    assert level(50, installed=False) == "none"
    assert with_level(FitJob.of(pretrain="gfn1-xtb"), force_field("ethanol"), 200).pretraining.pretrain == "gfn1-xtb"
