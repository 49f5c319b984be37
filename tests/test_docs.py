"""Commands, scripts and files that README and docs name exist, and so do their options."""

import re
import shlex
import subprocess
import sys
from functools import cache

import pytest
import yaml
from cyclopts import CycloptsError
from documented import PAGES, ROOT, Section, commands, sections

import hybridff
from hybridff.cli.app import app
from hybridff.errors import InputError

COMMAND = re.compile(
    r"python \S+\.py|examples/\w+\.py|hybridff (?:demo|fit|make|sample|analyse|simulate|verify|label|export)\b"
)
ORIGIN = re.compile(
    r"\bno script|script (?:that is not in|outside of) the repository|[Pp]ublished|by hand|own log|own line"
)
"""Where a figure is from, if no command prints it."""
NUMBER = re.compile(r"[*~+−-]*\d[\d.]*\b(?! of)")


def shows_numbers(text: str) -> bool:
    """Whether a table in it has a row with two cells or more that begin with a number."""
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    return any(sum(bool(NUMBER.match(cell.strip())) for cell in cells) >= 2 for cells in rows)


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


@pytest.mark.parametrize(("page", "command"), [own for own in commands("hybridff") if len(own[1].split()) > 2])
def test_a_command_takes_what_the_page_gives_it(page: str, command: str) -> None:
    """Values, too: a choice that does not exist, a number that is none. Files and arguments left out may be missing."""
    if re.search(r"DATA…|\bFORM\b|\bas hf\b|--config", command):
        pytest.skip("a place to fill in")
    try:
        app.parse_args(shlex.split(command.replace("…", " "))[1:], exit_on_error=False, print_error=False)
    except InputError as error:
        assert "neither a file nor a folder" in str(error), f"{page}: {command}"
    except CycloptsError as error:
        assert type(error).__name__ == "MissingArgumentError", f"{page}: {command}: {error}"


def test_scripts_that_pages_name_take_their_commands_and_have_short_versions() -> None:
    """In a process of its own, since scripts are imported: some ten seconds."""
    tool = [sys.executable, str(ROOT / "tools" / "figures.py")]
    done = subprocess.run(tool, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"(\d+) commands, (\d+) scripts: all are there", done.stdout), done.stdout


def test_a_wrong_command_of_a_script_would_be_noticed() -> None:
    from figures import refusal, what_is_wrong

    assert refusal(["tools/figures.py", "--run", "--only", "fit"]) == ""
    assert "--runn" in refusal(["tools/figures.py", "--runn"])
    assert refusal(["tools/figure.py"]) == "there is no such script"
    assert refusal(["tools/licences.py", "--all"]) == "it takes no options"
    assert what_is_wrong({"a": ["tools/documented.py"]}) == [
        "tools/documented.py has no short version in tools/short.toml"
    ]


def without_origin(section: Section) -> bool:
    """Whether a section shows something measured, and neither it nor what it stands under says where it is from."""
    shows = shows_numbers(section.text) or ".png)" in section.text or "Measured" in section.text
    said = section.outer + section.text
    return bool(shows) and not COMMAND.search(said) and not ORIGIN.search(said)


def test_measured_figures_have_a_command_or_say_where_they_are_from() -> None:
    assert [(own.page, own.titles) for own in sections() if without_origin(own)] == []


def test_a_figure_without_origin_would_be_noticed() -> None:
    row = "| ethanol | 0.81 | 12.4 ± 0.1 |"
    assert without_origin(Section("page.md", ("Errors",), row, ""))
    assert without_origin(Section("page.md", ("Errors",), "![a map](images/map.png)", ""))
    assert not without_origin(Section("page.md", ("Errors",), f"    python scripts/table_forms.py\n{row}", ""))
    assert not without_origin(Section("page.md", ("Errors",), row, "by `hybridff demo`"))


def test_pages_count_the_bad_inputs_right() -> None:
    rows = (ROOT / "docs" / "bad-inputs.md").read_text(encoding="utf-8").count("\n| ") - 2
    for page in PAGES:
        for said in re.findall(r"(\d+) bad inputs", page.read_text(encoding="utf-8")):
            assert int(said) == rows, page.name


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
