import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hybridff import output
from hybridff.errors import InputError
from hybridff.output import check_new_file, check_new_folder, files_of_folder, new_file, new_files, new_folder

STOPS = (RuntimeError, KeyboardInterrupt, SystemExit)


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def test_a_file_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    with new_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.suffix == ".txt"
    assert contents(tmp_path) == {"a.txt": "new"}
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_a_file_replaces_the_old_one_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    with new_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old"
    assert contents(tmp_path) == {"a.txt": "new"}


@pytest.mark.parametrize("stop", STOPS)
def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    with pytest.raises(stop), new_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise stop
    assert contents(tmp_path) == {"a.txt": "old"}


def test_files_are_put_into_a_folder_the_last_one_after_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_text("", encoding="utf-8")
    with files_of_folder(tmp_path, last="a") as one, files_of_folder(tmp_path, last="a") as other:
        for name in "abc":
            (one / name).write_text("one", encoding="utf-8")
            (other / name).write_text("other", encoding="utf-8")
    assert contents(tmp_path) == {"kept": "", "a": "one", "b": "one", "c": "one"}
    moved: list[str] = []
    replace = Path.replace

    def told(path: Path, target: Path) -> Path:
        moved.append(path.name)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", told)
    with files_of_folder(tmp_path, last="a") as place:
        for name in "abc":
            (place / name).write_text("new", encoding="utf-8")
    assert sorted(moved) == ["a", "b", "c"]
    assert moved[-1] == "a"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"cannot write .*a\.txt: the folder .*nowhere does not exist; make it first\."
    ):
        enter(new_file(tmp_path / "nowhere" / "a.txt"))


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder; give the name of a file"):
        enter(new_file(tmp_path))


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot write .*txt \(not a directory\)"):
        enter(new_file(tmp_path / "a" / "b.txt"))


def test_a_folder_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "out") as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a").write_text("new", encoding="utf-8")
        assert not (tmp_path / "deep" / "out").exists()
    assert contents(tmp_path) == {"deep/out/sub/a": "new"}
    assert (tmp_path / "deep" / "out").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.parametrize("stop", STOPS)
def test_an_interrupted_folder_leaves_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop), new_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("half", encoding="utf-8")
        raise stop
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", STOPS)
def test_an_interrupted_overwrite_leaves_the_old_folder(tmp_path: Path, stop: type[BaseException]) -> None:
    old(tmp_path / "out")
    with pytest.raises(stop), new_folder(tmp_path / "out", overwrite=True) as temporary:
        (temporary / "a").write_text("half", encoding="utf-8")
        raise stop
    assert contents(tmp_path) == {"out/a": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_exchange_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old(tmp_path / "out")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "out" and not self.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    monkeypatch.setattr(output, "_swapped", lambda one, other: False)
    with (
        pytest.raises(InputError, match="no space left on device"),
        new_folder(tmp_path / "out", overwrite=True) as temporary,
    ):
        (temporary / "a").write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"out/a": "old"}


def killed_while_writing(code: str, folder: Path) -> None:
    """Run some lines of Python, which kill themselves."""
    lines = "import os\nfrom pathlib import Path\nfrom hybridff import output\nfrom hybridff.output import *\n" + code
    done = subprocess.run([sys.executable, "-c", lines], cwd=folder, check=False)
    assert done.returncode == -signal.SIGKILL


_KILL = "os.kill(os.getpid(), 9)"


def test_what_a_killed_process_has_left_goes_with_the_next_one(tmp_path: Path) -> None:
    old(tmp_path / "out")
    killed_while_writing(f"with new_folder('out', overwrite=True) as new: {_KILL}", tmp_path)
    killed_while_writing(f"with new_file('a.txt') as new: new.write_text('half', encoding='utf-8'); {_KILL}", tmp_path)
    assert contents(tmp_path / "out") == {"a": "old"}
    assert len(list(tmp_path.iterdir())) == 3
    with new_folder(tmp_path / "out", overwrite=True) as temporary:
        (temporary / "b").write_text("new", encoding="utf-8")
    with new_file(tmp_path / "a.txt") as part:
        part.write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"out/b": "new", "a.txt": "new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "out"]


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_whole_whenever_its_exchange_is_killed(tmp_path: Path, *, in_one_step: bool) -> None:
    """Killed before the second renaming, which a system without exchanges needs: the next run puts the old one back."""
    old(tmp_path / "out")
    without = "" if in_one_step else "output._swapped = lambda one, other: False\n"
    rename = "rename, n = Path.rename, []\ndef once(self, target):\n    n.append(0)\n    "
    rename += f"{_KILL} if len(n) > 1 else None\n    return rename(self, target)\nPath.rename = once\n"
    write = "with new_folder('out', overwrite=True) as new:\n    (new / 'b').write_text('new', encoding='utf-8')\n"
    remove = f"    output.shutil.rmtree = lambda *a, **k: {_KILL}\n"
    killed_while_writing(without + rename + write + remove, tmp_path)
    if in_one_step:
        assert contents(tmp_path / "out") == {"b": "new"}
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out", overwrite=True):
        raise RuntimeError
    assert contents(tmp_path) == ({"out/b": "new"} if in_one_step else {"out/a": "old"})


def test_what_a_running_process_writes_stays(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as first:
        (first / "a").write_text("first", encoding="utf-8")
        with (
            pytest.raises(InputError, match=r"written by another process meanwhile; the results .* are in .*out-2\."),
            new_folder(tmp_path / "out") as second,
        ):
            (second / "a").write_text("second", encoding="utf-8")
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "a").write_text("third", encoding="utf-8")
        assert first.is_dir()
        shutil.rmtree(tmp_path / "out")
    assert contents(tmp_path) == {"out/a": "first", "out-2/a": "second"}


def test_several_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    with pytest.raises(RuntimeError), new_files(paths) as temporaries:
        temporaries[0].write_text("half", encoding="utf-8")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with new_files(paths) as temporaries:
        for temporary in temporaries:
            temporary.write_text("new", encoding="utf-8")
        assert not any(path.exists() for path in paths)
    assert contents(tmp_path) == {"a.txt": "new", "b.txt": "new"}


def test_files_that_cannot_all_be_replaced_stay_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "c.txt":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    sentence = r"cannot write .*c\.txt \(no space left on device\), so nothing was written"
    paths = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt", "d.txt")]
    with pytest.raises(InputError, match=sentence), new_files(paths) as temporaries:
        for temporary in temporaries:
            temporary.write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"a.txt": "old"}


@pytest.mark.parametrize("dead", [True, False])
def test_of_a_symbolic_link_the_folder_behind_it_is_written(tmp_path: Path, *, dead: bool) -> None:
    (tmp_path / "disk").mkdir()
    if not dead:
        old(tmp_path / "disk" / "real")
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "real")
    check_new_folder(tmp_path / "out", overwrite=True)
    with new_folder(tmp_path / "out", overwrite=True) as temporary:
        (temporary / "b").write_text("new", encoding="utf-8")
    assert (tmp_path / "out").is_symlink()
    assert contents(tmp_path / "disk") == {"real/b": "new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "out"]


def test_overwriting_replaces_the_whole_folder(tmp_path: Path) -> None:
    old(tmp_path / "out")
    with new_folder(tmp_path / "out", overwrite=True) as temporary:
        (temporary / "b").write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"out/b": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    old(tmp_path / "out")
    sentence = r"out exists and is not empty: choose another folder, or replace it with --overwrite\."
    with pytest.raises(InputError, match=sentence):
        check_new_folder(tmp_path / "out")
    with pytest.raises(InputError, match=sentence):
        enter(new_folder(tmp_path / "out"))
    check_new_folder(tmp_path / "out", overwrite=True)
    assert contents(tmp_path) == {"out/a": "old"}


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as temporary:
        (temporary / "a").write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"out/a": "new"}


def test_the_current_folder_may_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    with new_folder(".") as temporary:
        (temporary / "a").write_text("new", encoding="utf-8")
    assert contents(tmp_path) == {"out/a": "new"}


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot make the folder .*out: a file of that name exists"):
        check_new_folder(tmp_path / "out", overwrite=True)
    with pytest.raises(InputError, match=r"cannot write .*deeper: .*out is a file, not a folder"):
        check_new_folder(tmp_path / "out" / "deeper")


def test_a_folder_without_permission_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*arguments: object, **options: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", refusing)  # root may write anywhere
    with pytest.raises(InputError, match=r"cannot write .*out \(permission denied\), so nothing was written"):
        check_new_folder(tmp_path / "deep" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder; give the name of a file"):
        check_new_file(tmp_path)
    with pytest.raises(InputError, match="does not exist; make it first"):
        check_new_file(tmp_path / "nowhere" / "a.txt")
    check_new_file(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", STOPS)
def test_an_interrupted_folder_takes_the_folders_above_it_along(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop), new_folder(tmp_path / "deep" / "er" / "out"):
        raise stop
    assert list(tmp_path.iterdir()) == []


def old(folder: Path) -> None:
    folder.mkdir()
    (folder / "a").write_text("old", encoding="utf-8")


def enter(manager) -> None:
    with manager:
        pytest.fail("the block must not run")
