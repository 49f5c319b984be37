"""What an analysis found, for people: sentences, a table and a picture, which a notebook shows by itself."""

import abc
from dataclasses import replace

from hybridff.document import page
from hybridff.document.blocks import Table

_MOST_ROWS = 30
"""Most rows of a table that a notebook shows."""
_PICTURE_STYLE = "width: 100%; max-width: 44rem; height: auto"
"""How a picture stands in a notebook, which has no style of ours."""


class Result(abc.ABC):
    """What an analysis found: fields hold numbers in nm, kJ/mol, rad and ps; text and pictures are for people."""

    @abc.abstractmethod
    def sentences(self) -> list[str]:
        """What was found, in lines that ``hybridff analyse`` prints; lengths in Å, energies in kcal/mol."""

    @abc.abstractmethod
    def table(self) -> Table:
        """All numbers with their units, as ``hybridff analyse --table`` writes them; ``.csv()`` is the file."""

    @abc.abstractmethod
    def picture(self) -> bytes:
        """The numbers drawn: the content of a PNG file."""

    def _repr_html_(self) -> str:
        """Table and picture in a notebook; of a long table, only the first rows."""
        table, n_rows = self.table(), len(self.table().rows)
        caption = f"The first {_MOST_ROWS} of {n_rows} rows; .table() has them all." if n_rows > _MOST_ROWS else ""
        shown = replace(table, rows=table.rows[:_MOST_ROWS], caption=caption)
        scrolling = page.element("div", page.table(shown.header, shown.rows, shown.caption), style="overflow-x: auto")
        return scrolling + page.image(self.picture(), self.sentences()[0], _PICTURE_STYLE)
