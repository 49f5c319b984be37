"""The page of a real fit by the command line: what it holds, that it looks right, and that its commands run."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run
from pages import CHROMIUM, Page, screenshot, widths
from PIL import Image

from hybridff.export.modelfile import read_model
from hybridff.jobs.job import FitJob

pytestmark = pytest.mark.slow

TITLES = [
    *("Errors", "Data", "Errors by group", "Learning curve", "Torsion scans", "Frequencies", "Free energies at 300 K"),
    *("Uncertainty", "Speed", "Start", "Parameters that moved most", "Not determined by these data"),
    *("All parameters", "Do it again", "Provenance"),
]
NAME = "a<b>&\"c'.npz"
"""A file name that would break a careless page."""
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian's package is chromium")


@pytest.fixture(scope="module")
def folder(material, tmp_path_factory) -> Path:
    """Where a fit was done with all that a report can have; the result is in ``out``."""
    place = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch, np.load(material / "ethanol.npz") as data:
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        patch.chdir(place)
        np.savez(NAME, **{**data, "name": "<i>ethanol</i> & co"})
        Path("charges.txt").write_text((material / "charges.txt").read_text(encoding="utf-8"), encoding="utf-8")
        Path("run.toml").write_text("[fit]\ntrain = 40\nvalidation = 9\nlearning_curve = true\n", encoding="utf-8")
        patch.setattr("hybridff.report.documents._FEW", 5)
        patch.setattr("hybridff.report.observables._SAMPLING", 1e6)  # seconds: nothing is left out on a busy machine
        patch.setattr("hybridff.report.observables._LENGTHS", (2.0,))
        options = "--charges charges.txt --seed 3 --size small --gate none"
        outcome = run(f"--config run.toml fit {shlex.quote(NAME)} {options} --out out")
    assert (outcome.code, outcome.stderr) == (0, "")
    return place


@pytest.fixture(scope="module")
def text(folder) -> str:
    return Path(folder, "out", "report.html").read_text(encoding="utf-8")


def test_a_page_has_every_section_and_none_that_failed(text):
    page = Page(text)
    assert re.findall("<h2>(.*?)</h2>", text) == TITLES
    assert page.headings == [1] + [2] * len(TITLES)
    assert "could not be made" not in text
    assert "Left out" not in text


def test_a_page_needs_nothing_but_itself(text):
    page = Page(text)
    assert len(text) < 3e6
    assert not [address for address in page.addresses if not address.startswith(("data:image/", "#"))]
    assert not page.tags & {"script", "link", "iframe", "object", "base"}
    assert "url(" not in text
    assert "@import" not in text


def test_names_of_files_and_molecules_are_escaped(text):
    assert "<i>" not in text
    assert "<b>&" not in text
    page = Page(text)
    assert any(NAME in part for part in page.texts)
    assert any(part.startswith("<i>ethanol</i> & co: ") for part in page.texts)


def test_the_headline_has_the_numbers_of_the_model(folder, text):
    errors = [read_model(folder / "out").provenance[f"errors {when}"]["test"] for when in ("before", "after")]
    before, after = (f"{one['force_rmse_kcal_mol_angstrom']:.2f}" for one in errors)
    page = Page(text)
    assert f"{before} → {after}" in page.texts
    assert "40 frames" in page.texts
    assert "not tested" in page.texts
    assert any(re.fullmatch(r"\d+ ns/day", part) for part in page.texts)


def test_the_populations_of_both_force_fields_add_up(text):
    """Ethanol has two minima that no mirror image or exchange makes one: trans and gauche."""
    (table,) = re.findall(r"<table>(?:(?!<table>).)*?energy \[kcal/mol\].*?</table>", text, re.DOTALL)
    _, *rows = (re.findall("<t[hd].*?>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", table, re.DOTALL))
    angles, energies, *shares = zip(*rows, strict=True)
    assert sorted(abs(int(angle)) // 60 for angle in angles) in ([0, 2], [0, 3], [1, 2], [1, 3])
    assert sorted(map(float, energies))[0] == 0
    for column in shares:
        assert abs(sum(int(cell.split()[0]) for cell in column) - 100) <= 1


def test_the_commands_of_a_page_do_the_same_again(folder, text, monkeypatch):
    monkeypatch.chdir(folder)
    install, shell, table, python = Page(text).codes
    assert install.startswith('pip install "hybridff[gaff,qm]==')
    listing = f"hybridff() {{ printf '%s\\0' \"$@\"; }}\n{shell}"
    listed = subprocess.run(["bash", "-c", listing], capture_output=True, encoding="utf-8", check=True).stdout
    words = listed.split("\0")[:-1]
    assert words[:2] == ["fit", NAME]
    assert words[-3:] == ["--learning-curve", "--out", "out"]
    assert run(shlex.join([*words[:-3], "--report", "brief", "--out", "again"])).code == 0
    first, second = (read_model(name) for name in ("out", "again"))
    assert first.provenance == second.provenance
    assert np.array_equal(first.force_field.parameter_table.values, second.force_field.parameter_table.values)
    names: dict = {}
    exec(python, names)  # what the page says that a user may type
    assert FitJob.from_options(tomllib.loads(table)["fit"]) == names["job"]
    values = names["force_field"].parameter_table.values
    assert np.array_equal(first.force_field.parameter_table.values, values)


@needs_browser
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_a_browser_shows_the_page_without_scrolling_sideways(folder, tmp_path, width, height):
    page = folder / "out" / "report.html"
    found = widths(page, tmp_path, width)
    assert 0.9 * width < found["window"] <= width
    assert found["content"] <= found["window"]
    screenshot(page, tmp_path / "top.png", width, height)
    pixels = np.asarray(Image.open(tmp_path / "top.png").convert("L"))
    assert pixels.shape == (height, width)
    inked = (np.abs(pixels.astype(int) - np.median(pixels)) > 60).mean()
    assert 0.01 < inked < 0.5  # neither blank nor black: text and a drawing cover 3 to 6 %


@needs_browser
def test_the_probe_sees_what_is_too_wide(tmp_path):
    page = tmp_path / "wide.html"
    page.write_text("<!doctype html><title>wide</title><div style='width:500px'>wide</div>", encoding="utf-8")
    assert widths(page, tmp_path, 390)["content"] >= 500
