"""Documents for people: sections of sentences, tables and pictures, as Markdown and as one offline HTML page."""

import base64
import html
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Rows of text under a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A title with sentences, a table and a picture, each of which may be missing."""

    title: str
    sentences: tuple[str, ...] = ()
    table: Table | None = None
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Document:
    """A titled sequence of sections."""

    title: str
    sections: tuple[Section, ...]

    def markdown(self) -> str:
        """The document without its pictures."""
        parts = [f"# {self.title}"]
        for section in self.sections:
            parts.append(f"## {section.title}")
            parts += section.sentences
            if section.table:
                rows = [section.table.header, ("---",) * len(section.table.header), *section.table.rows]
                parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows))
        return "\n\n".join(parts) + "\n"

    def without(self, *titles: str) -> "Document":
        """A copy without the sections of these titles."""
        return Document(self.title, tuple(section for section in self.sections if section.title not in titles))

    def html(self) -> str:
        """The whole document as one page."""
        body = [f"<h1>{html.escape(self.title)}</h1>"]
        for section in self.sections:
            body.append(f"<h2>{html.escape(section.title)}</h2>")
            body += [f"<p>{html.escape(sentence)}</p>" for sentence in section.sentences]
            if section.picture:
                data = base64.b64encode(section.picture).decode()
                body.append(f'<img alt="{html.escape(section.title)}" src="data:image/png;base64,{data}">')
            if section.table:
                body.append(_html_table(section.table))
        return _PAGE.format(title=html.escape(self.title), body="\n".join(body))


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
h1, h2 {{ line-height: 1.2; }} h2 {{ margin-top: 2rem; }}
img {{ max-width: 100%; }}
.table {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _html_table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = [row(table.header, "th"), *(row(cells, "td") for cells in table.rows)]
    return '<div class="table"><table>' + "\n".join(rows) + "</table></div>"
