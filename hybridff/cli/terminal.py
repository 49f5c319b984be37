"""What commands print."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hybridff.document.blocks import Document


class Output(Console):
    """Standard output that may be closed or full: work goes on without it, so that no result is lost."""

    lost: str | None = None
    """Why nothing can be written any more; None where it can, or where the reader has seen enough."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, unless that is not possible any more."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self.lost = (error.strerror or str(error)).lower()
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on: ``head`` has closed the pipe, say."""
        self.quiet = True
        with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


console = Output()
error_console = Console(stderr=True)


def say(text: str) -> None:
    """Print one line as it is, however long."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def show(document: Document) -> None:
    """Tables fitted to the terminal; plain Markdown, with nothing cut off, where the output goes elsewhere."""
    if console.is_terminal:
        console.print(Markdown(document.markdown()))
    else:
        say(document.markdown())


class Advance(Protocol):
    """Tells a bar how far the work is."""

    def __call__(self, fraction: float, name: str = ..., /) -> None:
        """``fraction`` of the work, and another name of it."""


@contextmanager
def progress(task: str) -> Iterator[Advance]:
    """A bar, shown only once the work has taken two seconds; what is done may change its name."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    bar, begin = Progress(*columns, console=console, transient=True), time.perf_counter()
    identity = bar.add_task(task, total=1.0)
    started = False

    def advance(fraction: float, name: str = task) -> None:
        nonlocal started
        if not started and time.perf_counter() - begin > 2.0:
            bar.start()
            started = True
        bar.update(identity, completed=fraction, description=name)

    try:
        yield advance
    finally:
        if started:
            bar.stop()
