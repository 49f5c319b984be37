"""HTML of one page that needs nothing but itself, and of the elements that documents are made of."""

import base64
import html
from collections.abc import Sequence
from importlib.resources import files

_NUMBER = "0123456789+-–."
"""What the cells of a column of numbers begin with."""


def page(title: str, body: str) -> str:
    """A whole page with the style of ``report.css`` in it; ``body`` is HTML."""
    style = files("hybridff.document").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def element(tag: str, content: str, **attributes: str) -> str:
    """An element around HTML; a trailing underscore of an attribute's name is dropped, others are hyphens."""
    named = (
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items() if value
    )
    return f"<{tag}{''.join(named)}>{content}</{tag}>"


def text(tag: str, content: str, **attributes: str) -> str:
    """An element around plain text."""
    return element(tag, html.escape(content), **attributes)


def image(data: bytes, alt: str, style: str = "") -> str:
    """A picture, PNG or SVG, that lies in the page itself; ``style`` is for pages without ours."""
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/svg+xml"
    own = f' style="{html.escape(style)}"' if style else ""
    return f'<img alt="{html.escape(alt)}"{own} src="data:{kind};base64,{base64.b64encode(data).decode()}">'


def figure(data: bytes, alt: str, caption: str, *, wide: bool = False) -> str:
    """A picture with what stands below it."""
    content = image(data, alt) + (text("figcaption", caption) if caption else "")
    return element("figure", content, class_="wide" if wide else "")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table in a box that scrolls sideways; the first cell of a row is its name."""
    words = ["" if all(row[i][:1] in _NUMBER for row in rows) else "words" for i in range(len(header))]
    head = element("tr", "".join(text("th", cell, scope="col", class_=words[i]) for i, cell in enumerate(header)))
    body = "\n".join(
        element("tr", text("th", row[0], scope="row") + "".join(map(_cell, row[1:], words[1:]))) for row in rows
    )
    title = text("caption", caption) if caption else ""
    inner = element("table", f"{title}<thead>{head}</thead>\n<tbody>{body}</tbody>")
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption or "table")


def _cell(content: str, kind: str) -> str:
    return text("td", content, class_=kind)


def folded(title: str, content: str) -> str:
    """HTML that shows once its title is chosen."""
    return element("details", text("summary", title) + content)
