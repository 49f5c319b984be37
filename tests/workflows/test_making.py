"""Force fields from a molecule alone; the level is another force field of ours, so that labels cost nothing."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run, zero_charges
from models import force_field, perturbed

import hybridff as hf
from hybridff.analysis.torsions import angles_of
from hybridff.errors import FitError, InputError
from hybridff.export.modelfile import SavedModel, write_model
from hybridff.frames.label_folder import read_label_folder
from hybridff.making import sampling
from hybridff.units import FORCE_KCAL
from hybridff.workflows import making_rounds
from hybridff.workflows.making_rounds import Made

pytestmark = pytest.mark.slow

LEVEL = "hybridff.export.calculator:HybridFFCalculator"
HYDROXYL = (2, 1, 0, 3)
"""The torsion of formic acid about its single bond, which does not turn at 300 K."""
JOB = hf.MakeJob.of(
    options="level.toml", budget=16, batch=7, target=0.0, pretrain="none", gate="none", report="brief", processes=1
)

UNRELIABLE = """
from pathlib import Path

from hybridff.export.calculator import HybridFFCalculator

class Model(HybridFFCalculator):
    def __init__(self):
        super().__init__("truth of level")

    def energy_forces(self, positions):
        energy, forces = super().energy_forces(positions)
        if int(1e6 * energy) % 4 == 0 or Path("no licence").exists():
            raise RuntimeError("no convergence")
        return energy, forces
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder of all tests, with the level; few geometries are sampled."""
    folder = tmp_path_factory.mktemp("making")
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        patch.setenv("HYBRIDFF_CACHE", str(folder / "cache"))
        patch.setattr(sampling, "_CONFORMERS", 2)
        patch.setattr(sampling, "_DRIVEN", 4)
        patch.setattr(sampling, "_HOT", {300.0: 12, 600.0: 12})
        patch.setattr(sampling, "_TARGETS", 10)
        write_level("level", force_field("ethanol"))
        write_level("acid", hf.parametrize("OC=O").force_field)
        yield folder


def write_level(name: str, stock: hf.ForceField) -> None:
    """Write the options of the level: the truth is a force field whose parameters are others."""
    truth = Path(f"truth of {name}")
    truth.mkdir()
    write_model(SavedModel(perturbed(stock, 0.5), None), truth)
    Path(f"{name}.toml").write_text(f'["{LEVEL}"]\nmodel = "{truth.resolve()}"\n', encoding="utf-8")


@pytest.fixture(scope="module")
def made(place: Path) -> Made:
    """A force field of ethanol."""
    return hf.make_force_field("CCO", LEVEL, "made", JOB)


def numbers(folder: str) -> list[dict[str, object]]:
    """What the rounds of a folder chose and came to, but for times."""
    found = []
    for path in sorted(Path(folder, "rounds").iterdir()):
        content = json.loads(path.read_text(encoding="utf-8"))
        found.append({name: value for name, value in content.items() if not name.endswith("seconds")})
    return found


def test_a_molecule_alone_becomes_a_model_with_predicted_and_actual_errors(made: Made) -> None:
    labels, test = read_label_folder(Path("made/labels")), read_label_folder(Path("made/test"))
    assert (len(labels), len(test)) == (made.summary.n_train, made.summary.n_test) == (14, 2)
    model = hf.read_model("made")
    errors = hf.evaluate(model.force_field, test, model.energy_offset)
    assert errors.force_rmse == pytest.approx(made.summary.actual_force)
    assert made.summary.actual_force < 0.5 * (hf.evaluate(force_field("ethanol"), test).force_rmse or 0)
    assert 0.3 < made.summary.predicted_force / made.summary.actual_force < 3
    assert made.rounds[1][1].predicted_force < made.rounds[0][1].predicted_force


def test_every_label_was_chosen_and_the_model_says_what_it_was_fitted_to(made: Made) -> None:
    chosen = np.concatenate([own.positions for own, _ in made.rounds])
    labels = read_label_folder(Path("made/labels")).positions
    np.testing.assert_allclose(np.sort(chosen.ravel()), np.sort(labels.ravel()), atol=1e-12)
    about = hf.read_model("made").provenance
    assert about["frames"]["train"] == list(range(14))
    assert about["frames"]["test"] == [14, 15]
    assert set(about["inputs"]) >= {"labels", "test"}


def test_the_report_shows_the_rounds(made: Made) -> None:
    summary = Path("made/summary.md").read_text(encoding="utf-8")
    assert "## Rounds" in summary
    assert f"and is {made.summary.actual_force / FORCE_KCAL:.2f}" in summary
    assert "dynamics at 600 K" in summary
    assert "Frames were taken in the order of their files" in summary


def test_what_is_done_is_not_done_again(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making_rounds, "learnt_from", None)
    assert hf.make_force_field("CCO", LEVEL, "made", JOB).summary == made.summary


def test_a_run_that_is_stopped_or_shared_ends_with_the_same_numbers(made: Made) -> None:
    def stopped_at(word: str) -> None:
        def stop(sentence: str) -> None:
            if word in sentence:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            hf.make_force_field("CCO", LEVEL, "shared", JOB, say=stop)
        assert not Path("shared/model.json").exists()

    def other_run(sentence: str) -> None:
        if "round 2: fit to" in sentence:  # another one goes on meanwhile, is stopped, and comes to the end
            stopped_at("report")
            hf.make_force_field("CCO", LEVEL, "shared", JOB)

    stopped_at("geometries to label")
    found = hf.make_force_field("CCO", LEVEL, "shared", JOB, say=other_run)
    assert numbers("shared") == numbers("made")
    assert found.summary.actual_force == made.summary.actual_force
    ours, other = (hf.read_model(name).force_field.parameter_table.values for name in ("shared", "made"))
    np.testing.assert_array_equal(ours, other)


def test_a_level_that_fails_for_some_geometries_or_a_whole_round_costs_these_alone(place: Path) -> None:
    Path("unreliable.py").write_text(UNRELIABLE, encoding="utf-8")
    job = hf.MakeJob.of(**{name: value for name, value in JOB.changed().items() if name != "options"})
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        if sentence.startswith("round 2: 7 geometries to label"):
            Path("no licence").touch()

    with pytest.raises(FitError, match=r"of 2 geometries 0 could be labelled.*The same command tries them again"):
        hf.make_force_field("CCO", "unreliable:Model", "some", job, say=say)
    assert any(sentence.startswith("test: 2 geometries to label") for sentence in said)
    Path("no licence").unlink()
    found = hf.make_force_field("CCO", "unreliable:Model", "some", job)
    failed = len(list(Path("some/labels").glob("*.failed.json")))
    first, second = (after for _, after in found.rounds)
    assert (first.n_failed, second.n_failed) == (failed - 7, 7)
    assert first.n_failed > 0
    assert (second.batch_predicted, second.batch_actual) == (None, None)
    assert found.summary.n_train == 14 - failed
    assert found.summary.n_test > 0


def test_a_larger_budget_goes_on_and_the_test_stays(made: Made) -> None:
    shutil.copytree("made", "more")
    found = hf.make_force_field("CCO", LEVEL, "more", hf.MakeJob.of(**{**JOB.changed(), "budget": 18}))
    assert (found.summary.n_train, found.summary.n_test) == (15, 2)
    assert numbers("more")[:4] == numbers("made")[:4]


@pytest.mark.parametrize(
    ("molecule", "changed", "sentence"),
    [
        ("CC=O", {}, "is of the molecule"),
        ("CCO", {"seed": 1}, "was begun with seed = 0, not 1"),
        ("CCO", {"budget": 2}, "option budget has to be at least 8, not 2"),
    ],
)
def test_a_folder_of_something_else_is_refused(
    made: Made, molecule: str, changed: dict[str, int], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        hf.make_force_field(molecule, LEVEL, "made", hf.MakeJob.of(**{**JOB.changed(), **changed}))


def test_one_stereoisomer_is_taken_and_said_where_the_molecule_leaves_it_open(place: Path) -> None:
    said: list[str] = []
    with pytest.raises(InputError, match="no level"):
        hf.make_force_field("FC=CF", "nonsense", place / "open", JOB, say=said.append)
    with pytest.raises(InputError, match="no level"):
        hf.make_force_field("F/C=C/F", "nonsense", place / "open", JOB, say=said.append)
    assert len(said) == 1
    assert re.search(r"nothing says which stereoisomer FC=CF is; F/C=C[/\\]F is taken", said[0])


def test_several_molecules_are_made_and_one_that_fails_is_a_row(made: Made) -> None:
    Path("list.smi").write_text("CCO ethanol\nC[Si](C)C no GAFF\nxyz\n", encoding="utf-8")
    shutil.copytree("made", "several/ethanol")
    options = " ".join(f"--{name} {value}" for name, value in JOB.changed().items())
    found = run(f"make list.smi --level {LEVEL} --out several {options}")
    assert found.code == 1, found.stderr
    rows = Path("several/molecules.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["molecule", "ethanol", "no_GAFF", "xyz"]
    assert rows[1].startswith("ethanol,14 + 2,")
    assert "SMILES" in rows[3]


def test_a_conformer_without_labels_is_made_relaxed_and_labelled(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "relaxed_conformers", lambda molecule, *_: molecule.positions[None])
    monkeypatch.setattr(sampling, "_DRIVEN", 0)
    monkeypatch.setattr(sampling, "_HOT", {300.0: 20})
    job = hf.MakeJob.of(**{**JOB.changed(), "options": "acid.toml", "budget": 12, "batch": 10})
    before = hf.make_force_field("OC=O", LEVEL, "extended", job)
    found = hf.extend_force_field("extended", 5)
    assert found.summary.n_train == before.summary.n_train + 5
    assert found.summary.n_test == before.summary.n_test
    *_, first, second = [own for own, _ in found.rounds]
    assert first.origins[0].startswith("a conformer without labels")
    assert second.origins[0].startswith("a conformer without labels")
    assert len(first) + len(second) == 5
    old = np.concatenate([own.positions for own, _ in before.rounds])
    assert (np.cos(angles_of(old, [HYDROXYL])) * np.cos(angles_of(first.positions[:1], [HYDROXYL])) < 0).all()
    unknown = found.rounds[-2][1].batch_actual
    after = hf.evaluate(found.model.force_field, read_label_folder(Path("extended/labels"))).force_rmse
    assert unknown is not None
    assert after is not None
    assert after < 0.5 * unknown


def test_a_folder_that_make_did_not_finish_is_not_extended(made: Made) -> None:
    shutil.copytree("made", "unfinished")
    Path("unfinished/made.json").unlink()
    for folder, sentence in (
        ("unfinished", "no finished force field"),
        ("truth of acid", "no folder of hybridff make"),
    ):
        with pytest.raises(InputError, match=sentence):
            hf.extend_force_field(folder)
    shutil.copytree("made", "stopped")
    shutil.copy("made/rounds/02-chosen.json", "stopped/rounds/03-chosen.json")
    with pytest.raises(InputError, match="has a round of hybridff make that is not done; run make until it ends"):
        hf.extend_force_field("stopped")
    with pytest.raises(InputError, match="option processes means nothing for a cluster"):
        hf.extend_force_field("made", processes=1, scheduler="tcp://host:8786")
    with pytest.raises(InputError, match="budget has to be at least 5, not 4"):
        hf.extend_force_field("made", 4)
