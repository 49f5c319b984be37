import json
from pathlib import Path

import pytest

from hybridff.errors import InputError
from hybridff.making import job as making_job
from hybridff.making.folder import CONTENTS, MakeFolder
from hybridff.making.job import MakeJob
from hybridff.molecules.molecule import Molecule

WATER, LEVEL = Molecule.from_smiles("O"), "pbe/def2-svp"


def test_what_other_processes_write_at_this_moment_is_no_content(tmp_path: Path) -> None:
    (tmp_path / ".make-abc").write_text("half", encoding="utf-8")
    assert MakeFolder.opened(tmp_path, WATER, LEVEL, MakeJob()).level == LEVEL
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes").touch()
    with pytest.raises(InputError, match="is not empty"):
        MakeFolder.opened(other, WATER, LEVEL, MakeJob())


def test_pretraining_is_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making_job, "xtb_is_there", lambda: False)
    assert MakeFolder.opened(tmp_path / "a", WATER, LEVEL, MakeJob()).job.pretrain == "none"
    monkeypatch.setattr(making_job, "xtb_is_there", lambda: True)
    assert MakeFolder.opened(tmp_path / "a", WATER, LEVEL, MakeJob()).job.pretrain == "none"
    assert MakeFolder.opened(tmp_path / "b", WATER, LEVEL, MakeJob()).job.pretrain == "gfn2-xtb"
    with pytest.raises(InputError, match="was begun with pretrain = none, not gfn2-xtb"):
        MakeFolder.opened(tmp_path / "a", WATER, LEVEL, MakeJob.of(pretrain="gfn2-xtb"))


def test_folders_that_are_older_than_an_option_go_on_as_they_were_begun(tmp_path: Path) -> None:
    job = MakeJob.of(pretrain="none", pieces="no")
    path = tmp_path / "made"
    MakeFolder.opened(path, WATER, LEVEL, job)
    content = json.loads((path / CONTENTS).read_text(encoding="utf-8"))
    for name in ("pieces", "check"):
        del content["options"][name]
    (path / CONTENTS).write_text(json.dumps(content), encoding="utf-8")
    assert MakeFolder.opened(path, WATER, LEVEL, job).path == path
    with pytest.raises(InputError, match="begun with pieces = no, not yes"):
        MakeFolder.opened(path, WATER, LEVEL, MakeJob.of(pretrain="none", pieces="yes"))


def test_files_are_found_again_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "charges.txt").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    job = MakeJob.of(charges="charges.txt", pretrain="none")
    assert MakeFolder.opened(Path("made"), WATER, LEVEL, job).job.start.charges == str(tmp_path / "charges.txt")
    monkeypatch.chdir("below")
    job = MakeJob.of(charges="../charges.txt", pretrain="none")
    assert MakeFolder.opened(Path("../made"), WATER, LEVEL, job).job.start.files[0].is_file()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"processes": 0}, "option processes has to be at least 1, not 0"),
        ({"processes": 2, "scheduler": "tcp://host:8786"}, "option processes means nothing for a cluster"),
        ({"seed": 2**30}, "option seed has to be at least 0 and less than 1073741824"),
    ],
)
def test_options_that_could_only_fail_later_are_refused_at_once(options: dict[str, int | str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        MakeJob.of(**options)
