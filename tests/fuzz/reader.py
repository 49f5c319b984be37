"""What a reader is to the suite: a function, a good file for it, and how that is damaged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutations import TEXT, Mutation


@dataclass(frozen=True)
class Reader:
    """A reader and a good file for it."""

    file: str
    """Name of the file, which may be in folders."""
    write: Callable[[Path], Any]
    """Writes the good file, and whatever has to be beside it."""
    read: Callable[[Path], Any]
    """Reads it, and does with the result what commands do at once."""
    mutations: tuple[Mutation, ...] = TEXT
    cases: int = 20
    """Damaged files in an ordinary run of the tests."""
    forgives: bool = False
    """Whether a file that cannot be read counts as one that is not there."""
