import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import openmm
import pytest

from hybridff.__main__ import main
from hybridff.cli import app


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The process that tests keeps its own answers to signals."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("interruption", "code"), [(KeyboardInterrupt(), 130), (KeyboardInterrupt(signal.SIGTERM), 143)]
)
def test_an_interruption_that_no_command_answers_is_an_exit_code(
    interruption: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise interruption

    monkeypatch.setattr(app, "main", interrupted)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == code


def test_an_interruption_while_commands_load_shows_no_traceback() -> None:
    code = (
        "import builtins, os, signal, sys; from hybridff.__main__ import main; load = builtins.__import__\n"
        "def slow(name, *rest, **named):\n"
        "    if name == 'hybridff.cli.app': os.kill(os.getpid(), signal.SIGINT)\n"
        "    return load(name, *rest, **named)\n"
        "builtins.__import__ = slow; sys.argv = ['hybridff', '--version']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(("words", "code"), [("", 130), ("15", 143)])
def test_what_openmm_makes_of_an_interruption_is_an_interruption(
    words: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(arguments: object) -> None:
        raise openmm.OpenMMException(words)

    monkeypatch.setattr(app, "app", SimpleNamespace(meta=command))
    monkeypatch.setattr(sys, "argv", ["hybridff", "simulate"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == code
    assert capsys.readouterr().err == "hybridff: interrupted; nothing was written.\n"
