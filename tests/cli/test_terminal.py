import io

from rich.console import Console

from hybridff.cli import terminal


def test_a_bar_appears_once_work_has_taken_two_seconds(monkeypatch):
    now = [0.0]
    screen = io.StringIO()
    monkeypatch.setattr(terminal.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(terminal, "console", Console(file=screen, force_terminal=True, width=80))
    with terminal.progress("fit") as advance:
        now[0] = 1.9
        advance(0.4)
        assert screen.getvalue() == ""
        now[0] = 2.1
        advance(0.5)
    assert "fit" in screen.getvalue()
    assert "50 %" in screen.getvalue()


def test_quick_work_shows_no_bar(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=screen, force_terminal=True, width=80))
    with terminal.progress("fit") as advance:
        advance(1.0)
    assert screen.getvalue() == ""


class Failing(io.StringIO):
    """A file that cannot be written."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


def test_a_full_output_is_remembered_and_work_goes_on(monkeypatch):
    monkeypatch.setattr("sys.stdout", Failing(OSError(28, "No space left on device")))
    output = terminal.Output()
    screen = Console(file=output)
    with screen.status("work"):
        screen.print("one")
    screen.print("two")
    assert output.lost == "no space left on device"


def test_a_reader_that_has_seen_enough_ends_nothing(monkeypatch):
    monkeypatch.setattr("sys.stdout", Failing(BrokenPipeError(32, "Broken pipe")))
    output = terminal.Output()
    Console(file=output).print("more")
    assert output.closed_by is not None
    assert output.lost is None


def test_without_standard_output_nothing_is_written(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    output = terminal.Output()
    Console(file=output).print("more")
    assert not output.isatty()
    assert output.lost is None
