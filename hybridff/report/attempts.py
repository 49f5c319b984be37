"""Parts of a report that may fail without taking the fit along: each is made, or replaced by a sentence on why not."""

from collections.abc import Callable
from typing import TypeVar

from hybridff.document.blocks import Picture, Section

T = TypeVar("T")
_INTERRUPTED = "Left out, as the report was interrupted."


def attempted(draw: Callable[[], tuple[Picture, ...]]) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    """Pictures, or none and a sentence on why they are missing."""
    try:
        return draw(), ()
    except Exception as error:  # noqa: BLE001 (whatever a picture fails with, the fit is worth its report)
        return (), (_reason("A picture", error),)


class Attempts:
    """Makes one part of a report after another; an interruption ends what is computed, not the report."""

    def __init__(self) -> None:
        self.interrupted = False

    def value(self, make: Callable[[], T]) -> T | str:
        """What is made, or a sentence on why it is missing."""
        if self.interrupted:
            return _INTERRUPTED
        try:
            return make()
        except KeyboardInterrupt:
            self.interrupted = True
            return _INTERRUPTED
        except Exception as error:  # noqa: BLE001 (whatever a part fails with, the rest is worth its report)
            return _reason("This part", error)

    def section(self, title: str, make: Callable[[], Section]) -> Section:
        """A section, or one that says why it is missing."""
        found = self.value(make)
        return found if isinstance(found, Section) else missing_section(title, found)


def missing_section(title: str, sentence: str) -> Section:
    """A section that says why it has nothing else."""
    return Section(title, (sentence,), page_only=True)


def _reason(what: str, error: Exception) -> str:
    return f"{what} could not be made: {str(error).rstrip('.') or type(error).__name__}."
