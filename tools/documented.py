"""README and docs as tests and tools read them: code, commands, sections."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {"bad-inputs.md"}
"""Pages of commands that are wrong on purpose."""
PLACES = r"(?:scripts|benchmarks|tools|examples|tests)/[\w/-]+\.py"
"""A script of the repository, as pages name it."""


@dataclass(frozen=True)
class Section:
    """A part of a page below a heading, with the headings that it stands under."""

    page: str
    titles: tuple[str, ...]
    text: str
    outer: str
    """Text that stands directly under the outer headings."""


def read(page: Path) -> str:
    """The text of a page; lines that a backslash joins are one."""
    return re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))


def blocks(text: str) -> list[str]:
    """Lines of code blocks, fenced or indented, and code in sentences."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4}(.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    inline = [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]
    return [*(line for block in fenced for line in block.splitlines()), *indented, *inline]


def commands(program: str) -> list[tuple[str, str]]:
    """(page, command) for each place where a program is called, without what comes before, pipes and comments."""
    found = []
    for page in PAGES:
        for code in blocks(read(page)) if page.name not in GENERATED else ():
            place = re.search(rf"(?:^|\s|/|')({re.escape(program)}\s.*)", code.strip())
            if place and "=" not in code.split(program)[0]:
                command = re.split(r"\s(?:&&|\||&|#|>)(?:\s|$)", place[1] + " ")[0].rstrip("'")
                found.append((str(page.relative_to(ROOT)), command.strip()))
    return list(dict.fromkeys(found))


def sections() -> list[Section]:
    """All sections of all pages that people wrote."""
    found = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```", lambda code: code[0].replace("#", ""), read(page), flags=re.DOTALL | re.MULTILINE)
        parts = re.split(r"^(#{1,6}) (.*)$", text, flags=re.MULTILINE)
        above: list[tuple[int, str, str]] = []
        for marks, title, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            above = [own for own in above if own[0] < len(marks)]
            titles, outer = (*(own[1] for own in above), title), "\n".join(own[2] for own in above)
            if page.name not in GENERATED:
                found.append(Section(str(page.relative_to(ROOT)), titles, body, outer))
            above.append((len(marks), title, body))
    return found
