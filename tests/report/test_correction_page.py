"""The page of a real correction by the command line."""

import re
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run
from pages import Page

from hybridff.export.modelfile import read_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(material, tmp_path_factory) -> Path:
    """Where a correction was made on top of a fit; the result is in ``out``."""
    place = tmp_path_factory.mktemp("correction")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        patch.chdir(place)
        for name in ("ethanol.npz", "charges.txt"):
            Path(name).write_bytes((material / name).read_bytes())
        patch.setattr("hybridff.report.observables._SAMPLING", 1e6)  # seconds: nothing is left out on a busy machine
        patch.setattr("hybridff.report.observables._LENGTHS", (2.0,))
        quick = "--gate none --report"
        base = f"--charges charges.txt --train 40 --validation 10 --form harmonic {quick} brief"
        made = run(f"fit ethanol.npz {base} --out in")
        assert made.code == 0
        options = "--correction all --kernel-width 0.4 --kernel-noise 0.5 --descriptor distances"
        outcome = run(f"correct in ethanol.npz {options} {quick} full --out out")
    assert (outcome.code, outcome.stderr) == (0, "")
    return place


def test_a_corrections_page_compares_with_the_uncorrected_model(folder):
    text = Path(folder, "out", "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert re.findall("<h2>(.*?)</h2>", text) == [
        *("Errors", "Correction", "Errors by group", "Distance from the training data", "Torsion scans"),
        *("Frequencies", "Free energies at 300 K", "Speed", "Do it again", "Provenance"),
    ]
    assert "could not be made" not in text
    assert not [address for address in page.addresses if not address.startswith(("data:image/", "#"))]
    errors = [read_model(folder / "out").provenance[f"errors {when}"]["test"] for when in ("before", "after")]
    before, after = (f"{one['force_rmse_kcal_mol_angstrom']:.2f}" for one in errors)
    assert f"{before} → {after}" in page.texts


def test_the_python_of_the_page_makes_the_same_model(folder, monkeypatch):
    monkeypatch.chdir(folder)
    _, shell, _, python = Page(Path("out", "report.html").read_text(encoding="utf-8")).codes
    assert shell.startswith("hybridff correct in ethanol.npz ")
    names: dict = {}
    exec(python, names)  # what the page says that a user may type
    positions = read_model("out").force_field.molecule.positions[None]
    again, first = names["corrected"].model.force_field, read_model("out").force_field
    assert np.allclose(again.distance(positions), first.distance(positions))
    assert names["corrected"].model.energy_offset == pytest.approx(read_model("out").energy_offset, abs=1e-9)
