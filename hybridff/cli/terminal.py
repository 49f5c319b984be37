"""What commands print."""

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hybridff.document.blocks import Document


class Output(io.TextIOBase):
    """Standard output that may be closed or full: work goes on without it, so that no result is lost."""

    closed_by: OSError | None = None
    """Why nothing can be written any more."""

    @property
    def lost(self) -> str | None:
        """Why a user has not seen everything; None where the reader itself has seen enough, as ``head`` has."""
        error = self.closed_by
        return None if error is None or isinstance(error, BrokenPipeError) else (error.strerror or str(error)).lower()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of standard output."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write, unless that is not possible any more."""
        if self.closed_by is None and sys.stdout is not None:
            with self._noticing():
                try:
                    sys.stdout.write(text)
                except UnicodeEncodeError:  # a terminal that does not know all letters gets a ? for them
                    sys.stdout.write(text.encode(self.encoding, errors="replace").decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        """Flush, unless that is not possible any more."""
        if self.closed_by is None and sys.stdout is not None:
            with self._noticing():
                sys.stdout.flush()

    def isatty(self) -> bool:
        """Whether standard output is a terminal."""
        return sys.stdout is not None and sys.stdout.isatty()

    def fileno(self) -> int:
        """Descriptor of standard output."""
        return sys.stdout.fileno()

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.closed_by = error
            with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what is left in its buffer goes there at the end


output = Output()
console = Console(file=cast(IO[str], output))
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
