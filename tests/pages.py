"""Reads pages as a strict parser and as a browser does."""

import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "hr", "link"}


class Page(HTMLParser):
    """Fails where an element is not closed, an id comes twice or a picture has no alt text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.codes: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert not self.open
        assert len(set(self.ids)) == len(self.ids)
        inside = {address[1:] for address in self.addresses if address.startswith("#")}
        assert inside <= set(self.ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        assert len(named) == len(attrs)
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value is not None]
        self.ids += [value for name, value in attrs if name == "id" and value is not None]
        if tag == "img":
            assert named.get("alt"), "a picture without words"
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag == "code":
            self.codes.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] == "code":
            self.codes[-1] += data


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--allow-file-access-from-files",
]


def browse(page: Path, *flags: str) -> str:
    """What chromium prints about a page."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
            capture_output=True,
            encoding="utf-8",
            timeout=100,
            check=True,
        )
    return done.stdout


def screenshot(page: Path, picture: Path, width: int, height: int) -> None:
    """The top of a page, as wide and high as a window."""
    browse(page, f"--window-size={width},{height}", f"--screenshot={picture}")
    assert picture.is_file()


def widths(page: Path, folder: Path, width: int) -> dict[str, int]:
    """How wide a page, and what is widest in it, becomes in a frame of some width [pixels]."""
    probe = folder / f"probe-{width}.html"
    probe.write_text(_PROBE.format(address=page.as_uri(), width=width), encoding="utf-8")
    text = browse(probe, "--window-size=1600,1200", "--virtual-time-budget=20000", "--dump-dom")
    found = text.partition('<p id="found">')[2].partition("</p>")[0]
    content, inner = map(int, found.split())
    return {"content": content, "window": inner}


_PROBE = """<!doctype html><title>probe</title>
<iframe id="page" src="{address}" style="width:{width}px;height:900px;border:0"></iframe><p id="found"></p>
<script>
document.getElementById("page").onload = event => {{
  const inside = event.target.contentDocument.documentElement;
  document.getElementById("found").textContent = inside.scrollWidth + " " + inside.clientWidth;
}};
</script>
"""
