from dataclasses import replace
from functools import partial

import pytest
from bad_inputs import zero_charges

from hybridff.comparison.options import ComparisonOptions
from hybridff.comparison.run import ComparisonJob
from hybridff.gaff.forms import FormOptions
from hybridff.jobs.fitting import FittedMolecule, fit_data
from hybridff.jobs.job import FitJob
from hybridff.jobs.options import ReportOptions, SplitOptions
from hybridff.jobs.reading import read_data
from hybridff.report.documents import PageSections, fit_document
from hybridff.report.sections import fit_page_sections
from hybridff.stability.gate import GateOptions


@pytest.fixture(scope="module")
def fitted(material) -> FittedMolecule:
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        data = read_data([material / "ethanol.npz"])
        split, gate = SplitOptions(train=30, validation=10), GateOptions(gate="none")
        (result,) = fit_data(data, FitJob(split=split, form=FormOptions(form="harmonic"), gate=gate))
    return result


def sections(fitted: FittedMolecule, options: ReportOptions) -> PageSections:
    """Sections of a page that was asked for with some options."""
    (found,) = fit_page_sections([replace(fitted, job=replace(fitted.job, report=options))], ["ethanol.npz"])
    return found


def titles(fitted: FittedMolecule, options: ReportOptions) -> dict[str, str]:
    """Sections of a page, and the first sentence of each."""
    found = fit_document(fitted, sections(fitted, options)).sections
    return {one.title: one.sentences[0] if one.sentences else "" for one in found}


def test_a_brief_report_computes_nothing_more(fitted, monkeypatch):
    monkeypatch.setattr("hybridff.report.sections.speeds", None)
    monkeypatch.setattr("hybridff.report.sections.scan_section", None)
    found = titles(fitted, ReportOptions(report="brief"))
    assert not {"Torsion scans", "Frequencies", "Free energies at 300 K", "Speed", "Learning curve"} & set(found)
    assert {"Errors by group", "All parameters", "Do it again"} <= set(found)


def test_a_part_that_fails_is_replaced_by_a_sentence(fitted, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the floor is wet")

    for name in ("scan_section", "frequency_section", "speeds", "group_section", "parameter_section"):
        monkeypatch.setattr(f"hybridff.report.sections.{name}", broken)
    found = titles(fitted, ReportOptions())
    for title in ("Torsion scans", "Frequencies", "Speed", "Errors by group", "All parameters"):
        assert found[title] == "This part could not be made: the floor is wet."
    assert "Errors" in found


def test_an_interruption_ends_what_is_measured_but_not_the_report(fitted, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hybridff.report.sections.scan_section", interrupted)
    monkeypatch.setattr("hybridff.export.timing._TURN", 0.01)
    found = titles(fitted, ReportOptions())
    for title in ("Torsion scans", "Frequencies", "Free energies at 300 K", "All parameters"):
        assert found[title] == "Left out, as the report was interrupted."
    assert "Speed" in found


def test_a_learning_curve_without_test_frames_says_so(fitted):
    untested = replace(fitted, before={"train": fitted.before["train"]}, after={"train": fitted.after["train"]})
    found = titles(untested, ReportOptions(report="brief", learning_curve=True))
    assert "no test frames" in found["Learning curve"]


def test_errors_fall_along_the_learning_curve(fitted, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))
    with zero_charges():
        page = sections(fitted, ReportOptions(report="brief", learning_curve=True))
    (section,) = [one for one in page.errors if one.title == "Learning curve"]
    assert section.table is not None
    assert [row[0] for row in section.table.rows] == ["4", "7", "15", "30"]
    forces = [float(row[2]) for row in section.table.rows]
    assert forces[-1] == min(forces)
    after = fitted.after["test"].in_field_units()["force_rmse_kcal_mol_angstrom"]
    assert forces[-1] == pytest.approx(after, abs=0.0051)
    assert len(section.pictures) == 2


def test_a_report_shows_other_methods_beside_the_fit_where_it_is_asked_to(fitted, monkeypatch):
    short = ComparisonOptions(temperatures=(300.0,), runs=1, time="0.05 ps")
    monkeypatch.setattr("hybridff.export.timing._TURN", 0.01)
    monkeypatch.setattr("hybridff.report.other_methods.ComparisonJob", partial(ComparisonJob, options=short))
    page = sections(fitted, ReportOptions(report="brief", compare=("uff", "stock")))
    (section,) = [own for own in fit_document(fitted, page).sections if own.title == "Comparison"]
    assert section.table is not None
    # the best first
    assert [row[0] for row in section.table.rows] == ["fit", "stock", "uff"]
    (errors,) = [own for own in fit_document(fitted, page).sections if own.title == "Errors"]
    assert errors.table is not None
    after = errors.table.rows[2][4].split(" → ")[1]
    assert section.table.rows[0][1] == after
    assert "Comparison" not in titles(fitted, ReportOptions(report="brief"))
