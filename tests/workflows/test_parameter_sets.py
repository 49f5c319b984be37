from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run, zero_charges
from models import write_frames

import hybridff as hf
from hybridff.errors import InputError
from hybridff.gaff.start import StartOptions, programs_of
from hybridff.jobs.parameter_sets import AppliedSet
from hybridff.jobs.set_files import SET, read_set
from hybridff.units import FORCE_KCAL
from hybridff.workflows.fits import FitRun, fit_molecule
from hybridff.workflows.folder import read_posterior
from hybridff.workflows.parameter_sets import write_applied

pytestmark = pytest.mark.slow

OPTIONS = {"share": "environment", "train": 12, "validation": 5, "gate": "none", "report": "brief"}
JOB = hf.FitJob.of(**OPTIONS)


@pytest.fixture(scope="module")
def found(material: Path) -> FitRun:
    """A fit of ethanol and propane with rows shared by environment, for all tests."""
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        patch.chdir(material)
        write_frames("propane", "propane.npz", 20)
        return fit_molecule(["ethanol.npz", "propane.npz"], JOB)


@pytest.fixture
def parameter_set(found: FitRun, workplace: Path) -> Path:
    """The folder of the fit; the data of propane beside it."""
    write_frames("propane", "propane.npz", 20)
    found.write("set")
    return Path("set")


def test_a_fit_of_several_molecules_leaves_a_set_beside_their_models(parameter_set: Path) -> None:
    assert {path.name for path in parameter_set.iterdir()} == {"ethanol", "propane", SET, "set.npz"}
    saved = read_set(parameter_set)
    assert list(saved.provenance["molecules"]) == ["ethanol", "propane"]
    assert set(saved.provenance["inputs"]) == {"ethanol.npz", "propane.npz"}
    assert (saved.gaff, saved.charges) == ("gaff-2.2.20", "resp")


@pytest.fixture(scope="module")
def applied(found: FitRun, tmp_path_factory: pytest.TempPathFactory) -> AppliedSet:
    """The set's model of propanol, which is in no fit."""
    folder = tmp_path_factory.mktemp("applied") / "set"
    found.write(folder)
    with zero_charges():
        return hf.apply_parameter_set(folder, "CCCO")


def test_a_model_by_a_set_names_the_programs_of_its_types_and_charges(applied: AppliedSet) -> None:
    assert applied.model.provenance["programs"] == programs_of(StartOptions())


def test_rows_are_counted_and_deviations_stated(applied: AppliedSet) -> None:
    counts = applied.applied.counts
    assert all(counts[level] for level in ("surroundings", "neighbours", "types", "guessed"))
    assert sum(counts.values()) == len(applied.applied.rows)
    rows, deviations, _ = applied.sentences()
    assert f"{counts['surroundings']} known" in rows
    assert f"{counts['guessed']} guessed" in rows
    assert f"forces {applied.force_deviation / FORCE_KCAL:.2f} kcal/mol/Å" in deviations


def test_a_model_by_a_set_is_written_with_its_posterior_and_named_rows(applied: AppliedSet, tmp_path: Path) -> None:
    document = write_applied(applied, tmp_path / "propanol", keep_posterior=True)
    assert f"{applied.applied.counts['guessed']} guessed" in document.markdown()
    assert "oh" in next(section for section in document.sections if section.title == "Guessed rows").sentences[0]
    read = hf.read_model(tmp_path / "propanol").force_field
    np.testing.assert_array_equal(read.parameter_table.values, applied.model.force_field.parameter_table.values)
    assert read.share == "environment"
    posterior = read_posterior(tmp_path / "propanol")
    assert posterior is not None
    assert read.molecule.positions is not None
    one, other = (own.deviations(read, read.molecule.positions[None])[1] for own in (posterior, applied.posterior))
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_molecules_that_would_be_guessed_are_refused(parameter_set: Path) -> None:
    with (
        zero_charges(),
        pytest.raises(InputError, match=r"the set set knows \d+ of its rows, and \d+ would be guessed"),
    ):
        hf.apply_parameter_set(parameter_set, "FC=CF")


def test_a_pre_trained_set_gives_its_molecules_what_level_and_data_say(
    material: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The set counts from stock GAFF, the fit from what the level had taught."""
    pytest.importorskip("tblite")
    monkeypatch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
    monkeypatch.chdir(material)
    job = hf.FitJob.of(**OPTIONS, pretrain="gfn2-xtb", pretrain_frames=50)
    with zero_charges():
        run = fit_molecule(["ethanol.npz"], job)
        run.write(tmp_path / "set")
        applied = hf.apply_parameter_set(tmp_path / "set", run.molecules[0].data.molecule)
    assert "GFN2-xTB" in " ".join(read_set(tmp_path / "set").provenance["pretrained"])
    frames = run.molecules[0].data.frames
    stock, fitted, again = (
        hf.evaluate(own, frames).force_rmse
        for own in (run.molecules[0].start, run.force_field, applied.model.force_field)
    )
    assert fitted is not None
    assert stock is not None
    assert fitted < 0.5 * stock
    assert again == pytest.approx(fitted, rel=0.02)  # rows whose sign is the molecule's own are not in the set


def test_a_set_keeps_its_version_of_gaff(parameter_set: Path) -> None:
    with pytest.raises(InputError, match=r"types of gaff-2\.2\.20, not of gaff-1\.81; give --gaff gaff-2\.2\.20"):
        hf.apply_parameter_set(parameter_set, "CCCO", StartOptions(gaff="gaff-1.81"))


def test_a_fit_that_does_not_count_from_stock_gaff_makes_no_set(parameter_set: Path) -> None:
    made = run("fit propane.npz --share environment --pretrain set --out out")
    assert made.code == 2
    assert "counts from stock GAFF; leave start out, and let pretrain be none, auto or a level of theory" in " ".join(
        made.stderr.split()
    )
    assert not Path("out").exists()


def test_the_command_writes_a_model_that_others_read(parameter_set: Path) -> None:
    with zero_charges():
        made = run("apply set CCO --out out")
    assert (made.code, made.stderr) == (0, "")
    assert "backed off" in made.stdout
    assert hf.read_model("out").force_field.molecule.smiles
    assert {path.name for path in Path("out").iterdir()} == {"model.json", "summary.md", "report.html"}


def test_a_set_is_a_start_for_further_fits(parameter_set: Path) -> None:
    with zero_charges():
        few = {"train": 4, "validation": 0, "gate": "none", "report": "brief"}
        plain = fit_molecule("propane.npz", hf.FitJob.of(**few))
        taught = fit_molecule("propane.npz", hf.FitJob.of(pretrain="set", **few))
    errors = [one.errors["test"].force_rmse for one in (plain, taught)]
    assert errors[1] < 0.7 * errors[0]  # type: ignore[operator]
    (sentence,) = taught.model.provenance["pretrained"]
    assert sentence.startswith("The fit began with the parameter set set, which knows ")
    assert SET in taught.model.provenance["inputs"]
