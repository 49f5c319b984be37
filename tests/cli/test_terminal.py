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
