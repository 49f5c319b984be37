"""Documents for people: sections of sentences, pictures and tables, as Markdown and as one offline HTML page."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal

from hybridff.document import page


@dataclass(frozen=True)
class Table:
    """Rows of text under a header."""

    header: tuple[str, ...]
    """Titles of the columns, with their units."""
    rows: tuple[tuple[str, ...], ...]
    """Cells of the rows, each as long as the header."""
    caption: str = ""
    """Sentence above the table on the page."""
    folded: bool = False
    """Whether the page shows the table only once it is asked for; its caption is what can be chosen."""

    def csv(self) -> str:
        """Header and rows as the text of a CSV file."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue()


@dataclass(frozen=True)
class Picture:
    """A picture, PNG or SVG."""

    data: bytes = field(repr=False)
    """Content of the picture's file."""
    alt: str
    """What is seen, for those who do not see it."""
    caption: str = ""
    """Sentence below the picture."""
    wide: bool = False
    """Whether the picture is too wide to stand beside another."""


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str
    """The lines, as they are."""


Block = str | Table | Picture | Code
"""What a section is made of; text is a paragraph."""


@dataclass(frozen=True)
class Section:
    """A title with sentences, pictures and a table, each of which may be missing."""

    title: str
    """Heading of the section."""
    sentences: tuple[str, ...] = ()
    """Paragraphs at the beginning."""
    table: Table | None = None
    """The table that Markdown has too."""
    pictures: tuple[Picture, ...] = ()
    """Pictures, which only the page shows."""
    more: tuple[Block, ...] = ()
    """What the page has besides, after all others."""
    page_only: bool = False
    """Whether the section is left out of Markdown."""

    def html(self, anchor: str) -> str:
        """The section with its title, where links to the anchor lead."""
        blocks = [*self.sentences, *self.pictures, *([] if self.table is None else [self.table]), *self.more]
        body = [page.text("h2", self.title)]
        for is_picture, group in groupby(blocks, lambda block: isinstance(block, Picture)):
            parts = "\n".join(map(_html, group))
            body.append(page.element("div", parts, class_="pictures") if is_picture else parts)
        return page.element("section", "\n".join(body), id=anchor)


@dataclass(frozen=True)
class Fact:
    """One number that matters, or a verdict."""

    name: str
    """What the number is."""
    value: str
    """The number with its unit, or the verdict."""
    note: str = ""
    """A few words below the value."""
    tone: Literal["", "good", "bad"] = ""
    """Colour of the fact: green, red, or none."""


@dataclass(frozen=True)
class Document:
    """A titled sequence of sections; the page begins with a drawing, a few facts and a table of contents."""

    title: str
    """Title of the document."""
    sections: tuple[Section, ...]
    """Sections in their order."""
    lead: str = ""
    """What the page says below its title."""
    facts: tuple[Fact, ...] = ()
    """Facts that stand before all sections."""
    drawing: Picture | None = None
    """Picture beside the title, such as the molecule."""

    def markdown(self) -> str:
        """Title, sentences and tables of all sections that are not of the page alone."""
        parts = [f"# {self.title}"]
        for section in self.sections:
            if section.page_only:
                continue
            parts.append(f"## {section.title}")
            parts += section.sentences
            if section.table:
                rows = [section.table.header, ("---",) * len(section.table.header), *section.table.rows]
                parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows))
        return "\n\n".join(parts) + "\n"

    def without(self, *titles: str) -> "Document":
        """A copy without the sections of these titles."""
        return replace(self, sections=tuple(section for section in self.sections if section.title not in titles))

    def notebook_html(self, *titles: str) -> str:
        """Title, facts and the sections of some titles, for a notebook: a fragment without style sheet or script."""
        facts = Table(("", "", ""), tuple((fact.name, fact.value, fact.note) for fact in self.facts))
        parts = [page.text("h3", self.title), *([_html(facts)] if self.facts else [])]
        parts += [section.html(_anchors([section.title])[0]) for section in self.sections if section.title in titles]
        return page.element("div", "\n".join(parts))

    def html(self) -> str:
        """The whole document as one page."""
        top = page.text("h1", self.title) + (page.text("p", self.lead, class_="lead") if self.lead else "")
        drawing = "" if self.drawing is None else _html(self.drawing)
        body = [page.element("header", page.element("div", top) + drawing)]
        if self.facts:
            body.append(page.element("ul", "\n".join(map(_fact, self.facts)), class_="facts"))
        anchors = _anchors([section.title for section in self.sections])
        named = list(zip(self.sections, anchors, strict=True))
        links = [page.element("li", page.text("a", one.title, href=f"#{anchor}")) for one, anchor in named]
        if len(links) > 1:
            body.append(page.element("nav", page.element("ol", "\n".join(links)), aria_label="Contents"))
        body.append(page.element("main", "\n".join(one.html(anchor) for one, anchor in named)))
        return page.page(self.title, "\n".join(body))


def _html(block: Block) -> str:
    if isinstance(block, str):
        return page.text("p", block)
    if isinstance(block, Code):
        return page.element("pre", page.text("code", block.text), tabindex="0")
    if isinstance(block, Picture):
        return page.figure(block.data, block.alt, block.caption, wide=block.wide)
    if block.folded:
        return page.folded(block.caption or "Table", page.table(block.header, block.rows, ""))
    return page.table(block.header, block.rows, block.caption)


def _fact(fact: Fact) -> str:
    note = page.text("span", fact.note, class_="note") if fact.note else ""
    named = page.text("span", fact.name, class_="name") + page.text("span", fact.value, class_="value")
    return page.element("li", named + note, class_=fact.tone)


def _anchors(titles: Sequence[str]) -> list[str]:
    """Addresses inside a page, each once."""
    found: list[str] = []
    for title in titles:
        plain = re.sub(r"\W+", "-", title.lower()).strip("-") or "section"
        same = sum(other.rpartition("--")[0] == plain or other == plain for other in found)
        found.append(f"{plain}--{same + 1}" if same else plain)
    return found
