"""HTML of one page that needs nothing but itself: its style, and the elements that documents are made of."""

import base64
import html
from collections.abc import Sequence

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2428; --soft: #5b6670; --line: #d9dee3; --back: #fff; --card: #f4f6f8;
  --accent: #0b6e99; --good: #1a7f43; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb7; --line: #39424b; --back: #14181c;
  --card: #1e242a; --accent: #6cc0e5; --good: #5fd08a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink);
  background: var(--back); max-width: 66rem; margin: 0 auto; padding: 1.25rem clamp(1rem, 4vw, 2.5rem) 4rem;
  overflow-wrap: anywhere; }
h1, h2 { line-height: 1.2; text-wrap: balance; }
h1 { font-size: clamp(1.5rem, 4.5vw, 2.2rem); margin: .25rem 0 .5rem; }
h2 { font-size: 1.35rem; margin: 0 0 .75rem; }
p { margin: 0 0 .8rem; max-width: 48rem; }
a { color: var(--accent); }
header { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: center; }
header > div { flex: 1 1 20rem; min-width: 0; }
header > figure { flex: 0 1 20rem; margin: 0; }
.lead { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.2rem), 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.facts li { background: var(--card); border-radius: .6rem; padding: .7rem .75rem; border-top: 3px solid var(--line); }
.facts .value { display: block; font-size: 1.1rem; white-space: nowrap; font-weight: 650; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.facts .name, .facts .note { display: block; color: var(--soft); font-size: .85rem; line-height: 1.35; }
.facts .good { border-color: var(--good); } .facts .good .value { color: var(--good); }
.facts .bad { border-color: var(--bad); } .facts .bad .value { color: var(--bad); }
nav ol { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; list-style: none; padding: .75rem 0; margin: 1rem 0 0;
  border: solid var(--line); border-width: 1px 0; font-size: .95rem; }
section { margin-top: 2.5rem; scroll-margin-top: 1rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem;
  margin: 0 0 1rem; align-items: start; }
.pictures > figure { margin: 0; max-width: 34rem; } .pictures > .wide { grid-column: 1 / -1; max-width: 64rem; }
img { display: block; width: 100%; height: auto; background: #fff; border-radius: .5rem; }
figcaption, caption { color: var(--soft); font-size: .9rem; text-align: left; padding: .4rem 0; }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th.words, td.words { text-align: left; }
tbody th { color: var(--ink); font-weight: 400; }
details { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: .5rem; padding: 0 .9rem; }
summary { cursor: pointer; padding: .5rem 0; color: var(--accent); }
pre { overflow-x: auto; background: var(--card); border-radius: .5rem; padding: .8rem 1rem; margin: 0 0 1rem;
  font: .88rem/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --back: #fff; --card: #fff;
    --accent: #000; --good: #000; --bad: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  figure, tr, .facts li { break-inside: avoid; } h2 { break-after: avoid; } section { margin-top: 1.2rem; }
  .facts li { border: 1px solid var(--line); } .scroll { overflow: visible; } pre { white-space: pre-wrap; } }
"""


_NUMBER = "0123456789+-–."
"""What the cells of a column of numbers begin with."""


def page(title: str, body: str) -> str:
    """A whole page; ``body`` is HTML."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
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


def image(data: bytes, alt: str) -> str:
    """A picture, PNG or SVG, that lies in the page itself."""
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/svg+xml"
    return f'<img alt="{html.escape(alt)}" src="data:{kind};base64,{base64.b64encode(data).decode()}">'


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
