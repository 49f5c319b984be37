"""Commands, scripts and files that README and docs name exist, and so do their options."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml

import hybridff
from hybridff.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {"bad-inputs.md"}
"""Pages of commands that are wrong on purpose."""


def blocks(text: str) -> list[str]:
    """Code blocks, fenced or indented, and code in sentences; lines that a backslash joins are one."""
    text = re.sub(r"\\\n\s*", " ", text)
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4}(.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    inline = [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]
    lines = [line for block in fenced for line in block.splitlines()]
    return [*lines, *indented, *inline]


def commands(program: str) -> list[tuple[str, str]]:
    """(page, command) for each place where a program is called, without what comes before, pipes and comments."""
    found = []
    for page in PAGES:
        if page.name in GENERATED:
            continue
        for code in blocks(page.read_text(encoding="utf-8")):
            place = re.search(rf"(?:^|\s|/|')({re.escape(program)}\s.*)", code.strip())
            if place and "=" not in code.split(program)[0]:
                command = re.split(r"\s(?:&&|\||&|#|>)(?:\s|$)", place[1] + " ")[0].rstrip("'")
                found.append((str(page.relative_to(ROOT)), command.strip()))
    return list(dict.fromkeys(found))


@cache
def options_of(*names: str) -> frozenset[str]:
    """Flags of a command, found by its names."""
    command = app
    for name in names:
        command = command[name]
    arguments = command.assemble_argument_collection() if command.default_command else ()
    return frozenset(flag for argument in arguments for flag in (*argument.names, *argument.negatives)) | {"--config"}


def subcommands(command: object) -> set[str]:
    return {name for name in command if not name.startswith("-")}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("page", "command"), commands("hybridff"))
def test_a_command_exists_with_its_options(page: str, command: str) -> None:
    words = [word for word in shlex.split(command.replace("…", " "))[1:] if word]
    if words[:1] == ["--config"]:
        words = words[2:]
    names: list[str] = []
    known = subcommands(app)
    while known and len(names) < len(words) and words[len(names)] in known:
        names.append(words[len(names)])
        known = subcommands(app[names[0]]) if len(names) == 1 else set()
    if not names:
        pytest.skip("a sentence about the program")
    flags = {word.split("=")[0] for word in words if re.match(r"--\w", word)} - {"--help", "--version"}
    assert flags <= options_of(*names), f"{page}: {command}"


@pytest.mark.parametrize(("page", "command"), commands("python"))
def test_a_script_exists_and_knows_the_options(page: str, command: str) -> None:
    words = shlex.split(command.replace("…", " "))[1:]
    if not words or not words[0].endswith(".py"):
        pytest.skip("not a script")
    path = ROOT / words[0]
    assert path.is_file(), f"{page}: {command}"
    text = path.read_text(encoding="utf-8")
    for flag in {word for word in words if re.match(r"--\w", word)}:
        assert re.search(rf"[\"']{flag}\b", text), f"{page}: {command}: {flag}"


@pytest.mark.parametrize("folder", ["scripts", "benchmarks", "examples", "tools"])
def test_every_file_of_a_folder_that_pages_name_is_there(folder: str) -> None:
    for page in PAGES:
        for name in re.findall(rf"\b{folder}/[\w-]+\.(?:py|toml)", page.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{page.name}: {name}"


def test_every_page_of_the_navigation_exists_and_stands_there_once() -> None:
    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        parts = entry.values() if isinstance(entry, dict) else entry
        return [page for part in parts for page in pages(part)]  # type: ignore[attr-defined]

    named = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert len(named) == len(set(named)) > 20
    assert [page for page in named if not (ROOT / "docs" / page).is_file()] == []


def test_every_public_name_that_pages_use_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"\bhf\.(\w+)|^::: hybridff\.(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert "".join(name) in hybridff.__all__, f"{page.name}: {name}"


def test_a_wrong_option_would_be_noticed() -> None:
    assert "--trian" not in options_of("fit")
    assert {"--train", "--out", "--pretrain"} <= options_of("fit")
    assert "--torsion" in options_of("analyse", "scan")
