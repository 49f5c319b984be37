"""Force fields of large molecules from labels of their pieces; hexane stands for a large one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run, zero_charges

import hybridff as hf
from hybridff.errors import InputError
from hybridff.frames.label_folder import LabelFolder, read_label_folder
from hybridff.jobs.set_files import read_set
from hybridff.making import sampling
from hybridff.making.folder import MakeFolder
from hybridff.making.pieces import LabelledPiece, joint_start
from hybridff.making.start import charged
from hybridff.molecules import pieces
from hybridff.stability.gate import Finding, StabilityOptions
from hybridff.units import FORCE_KCAL
from hybridff.workflows import making_pieces
from hybridff.workflows.making_pieces import stable_whole
from hybridff.workflows.making_rounds import Made

pytestmark = pytest.mark.slow

LEVEL = "gfn2-xtb"
OPTIONS = {"pieces": "yes", "budget": 8, "check": 3, "pretrain": "none", "gate": "none", "processes": 1}
JOB = hf.MakeJob.of(**OPTIONS)

pytest.importorskip("tblite")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder of all tests; pieces are small, and few geometries are sampled."""
    folder = tmp_path_factory.mktemp("pieces")
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.chdir(folder)
        patch.setenv("HYBRIDFF_CACHE", str(folder / "cache"))
        patch.setattr(sampling, "_CONFORMERS", 2)
        patch.setattr(sampling, "_DRIVEN", 4)
        patch.setattr(sampling, "_HOT", {300.0: 12, 600.0: 12})
        patch.setattr(sampling, "_TARGETS", 10)
        patch.setattr(pieces, "PIECE", 14)
        patch.setattr(pieces, "MOST", 17)
        yield folder


@pytest.fixture(scope="module")
def made(place: Path) -> Made:
    """A force field of hexane."""
    return hf.make_force_field("CCCCCC", LEVEL, "hexane", JOB)


def test_pieces_are_labelled_and_the_whole_only_to_check_it(made: Made) -> None:
    folders = sorted(path.name for path in Path("hexane/pieces").iterdir())
    assert folders == [f"piece-{number}" for number in range(1, len(folders) + 1)]
    own = [LabelFolder.read(Path("hexane/pieces", name, "labels")) for name in folders]
    assert sum(len(folder.done()[0]) for folder in own) == made.summary.n_train
    assert all(len(folder.contents.numbers) < 20 for folder in own)
    assert not Path("hexane/labels").exists()
    assert len(read_label_folder(Path("hexane/test"))) == made.summary.n_test == 3


def test_the_whole_is_better_than_stock_gaff_on_frames_that_nothing_was_fitted_to(made: Made) -> None:
    test = read_label_folder(Path("hexane/test"))
    stock = hf.parametrize("CCCCCC").force_field
    before, after = (hf.evaluate(own, test).force_rmse for own in (stock, made.model.force_field))
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after, made.summary.actual_force, rtol=1e-6)
    assert after < 0.5 * before


def test_the_report_has_the_pieces_the_check_and_the_rows(made: Made) -> None:
    text = Path("hexane/summary.md").read_text(encoding="utf-8")
    for title in ("## Pieces", "## The whole molecule", "## Rows"):
        assert title in text
    assert f"{made.summary.actual_force / FORCE_KCAL:.2f}" in text
    assert "piece-1" in Path("hexane/report.html").read_text(encoding="utf-8")


def test_what_is_made_is_not_made_again(made: Made) -> None:
    before = {path: path.read_bytes() for path in Path("hexane").rglob("*") if path.is_file()}
    again = hf.make_force_field("CCCCCC", LEVEL, "hexane", JOB)
    assert again.summary == made.summary
    assert {path: path.read_bytes() for path in Path("hexane").rglob("*") if path.is_file()} == before


def test_what_was_made_from_pieces_is_extended_piece_by_piece(made: Made) -> None:
    with pytest.raises(InputError, match=r"hexane was made from pieces; extend the folder of a piece"):
        hf.extend_force_field("hexane")


def test_the_set_of_the_pieces_serves_other_molecules(made: Made) -> None:
    applied = hf.apply_parameter_set(made.folder / "set", "CCCCCCC")
    counts = applied.applied.counts
    assert counts["surroundings"] > counts["guessed"]


def test_a_run_that_was_killed_after_the_pieces_comes_to_the_same_numbers(made: Made) -> None:
    before = made.model.force_field.parameter_table.values
    Path("hexane/model.json").unlink()
    Path("hexane/made.json").unlink()
    again = hf.make_force_field("CCCCCC", LEVEL, "hexane", JOB)
    np.testing.assert_array_equal(again.model.force_field.parameter_table.values, before)
    assert again.summary.actual_force == made.summary.actual_force


def test_priors_get_narrower_until_the_whole_is_stable(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, before = hf.read_model("hexane").force_field, read_set("hexane/set").provenance["prior scale"]
    report = hf.check_stability(whole, StabilityOptions(temperatures=(), runs=0, quenches=0, scans=False))
    broken = replace(report, failures=(Finding("scan", (0, 1), "it falls apart"),))
    verdicts = iter((broken, broken, report))
    monkeypatch.setattr(making_pieces, "check_stability", lambda *_: next(verdicts))
    folder = MakeFolder.read(Path("hexane"))
    own = [LabelledPiece.read(path) for path in sorted(Path("hexane/pieces").iterdir())]
    start = charged(folder.molecule, folder.job.start, folder.start)
    _, found = stable_whole(folder, joint_start(own, LEVEL, folder.job), report.options, start)
    assert found is report
    assert read_set("hexane/set").provenance["prior scale"] == pytest.approx(0.25 * before)


@pytest.mark.parametrize(
    ("molecule", "options", "sentence"),
    [
        ("CCO", {}, "CCO has no pieces: bonds are cut that are single"),
        ("CCCCCC", {"pretrain": "gfn1-xtb", "correction": ("all",)}, "option correction is of the whole molecule"),
        ("CCCCCC", {"charges": "charges.txt"}, "option charges is of the whole molecule as given"),
        ("CCCCCC", {"pretrain": "frames.npz"}, "option pretrain is of the whole molecule as given"),
        ("CCCCCC", {"check_level": "nonsense"}, "nonsense"),
    ],
)
def test_what_cannot_be_made_from_pieces_is_refused_before_anything_is_written(
    place: Path, molecule: str, options: dict, sentence: str
) -> None:
    for name in ("charges.txt", "frames.npz"):
        Path(name).write_text("0.0\n", encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        hf.make_force_field(molecule, LEVEL, "refused", hf.MakeJob.of(**{**OPTIONS, **options}))
    assert not Path("refused").exists()


def test_the_command_lists_the_pieces_and_writes_a_file_that_make_reads(place: Path) -> None:
    shown = run("pieces CCCCCC --out pieces.smi")
    assert (shown.code, shown.stderr) == (0, "")
    names = [line.split()[0] for line in Path("pieces.smi").read_text(encoding="utf-8").splitlines()]
    assert names == [own.molecule.name for own in hf.pieces_of(hf.Molecule.from_smiles("CCCCCC"))]
    assert all(name in shown.stdout for name in names)


def test_the_command_says_where_there_are_no_pieces(place: Path) -> None:
    shown = run("pieces CCO --out none.smi")
    assert shown.code == 0
    assert "CCO has no pieces" in shown.stdout
    assert not Path("none.smi").exists()
