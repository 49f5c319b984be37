"""How a long computation tells how far it is: one protocol for the whole package."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

Say = Callable[[str], None]
"""Called with one sentence for the user, while the work goes on."""


@runtime_checkable
class Progress(Protocol):
    """Called now and then while the work goes on."""

    def __call__(self, fraction: float, what: str = "", /) -> None:
        """``fraction`` of the work is done, from 0 to 1; ``what`` is being done now, if that is worth a word."""


def silent(fraction: float, what: str = "", /) -> None:
    """Tell nobody."""


def quiet(sentence: str) -> None:
    """Say nothing."""


def part(progress: Progress | None, begin: float, end: float, name: str = "") -> Progress:
    """The progress of one part of the work, which takes it from ``begin`` to ``end``, under a ``name`` of its own."""

    def tell(fraction: float, what: str = "", /) -> None:
        if progress is not None:
            progress(begin + min(max(fraction, 0.0), 1.0) * (end - begin), what or name)

    return tell
