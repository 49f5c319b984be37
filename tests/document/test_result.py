import base64
from dataclasses import dataclass

from pages import Page

from hybridff.document.blocks import Table
from hybridff.document.result import Result

PNG = b"\x89PNG and more"


@dataclass(frozen=True)
class Squares(Result):
    """Squares of numbers."""

    numbers: tuple[int, ...]
    """The numbers."""

    def sentences(self) -> list[str]:
        """How many there are."""
        return [f"{len(self.numbers)} squares", "and no cubes"]

    def table(self) -> Table:
        """A row for each number."""
        return Table(("number", "square <small>"), tuple((str(n), str(n * n)) for n in self.numbers))

    def picture(self) -> bytes:
        """No picture to speak of."""
        return PNG


def test_a_notebook_shows_table_and_picture_without_the_network() -> None:
    shown = Squares((1, 2, 7))._repr_html_()
    page = Page(shown)
    assert {"number", "square <small>", "7", "49"} <= set(page.texts)
    assert page.addresses == [f"data:image/png;base64,{base64.b64encode(PNG).decode()}"]
    assert 'alt="3 squares"' in shown
    assert "max-width" in shown  # a picture is not wider than the notebook


def test_a_notebook_shows_the_first_rows_of_a_long_table_and_says_so() -> None:
    page = Page(Squares(tuple(range(100)))._repr_html_())
    assert "The first 30 of 100 rows; .table() has them all." in page.texts
    assert str(29 * 29) in page.texts
    assert str(30 * 30) not in page.texts
    assert not any("of 30 rows" in text for text in Page(Squares(tuple(range(30)))._repr_html_()).texts)
