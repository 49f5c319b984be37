import re
import sys
from dataclasses import replace

import pytest
from bad_inputs import zero_charges
from pages import Page

from hybridff.document.blocks import Document, Section
from hybridff.export.dynamics import SimulationResult
from hybridff.fitting.options import FitOptions
from hybridff.frames.accuracy import evaluate
from hybridff.gaff.forms import FormOptions
from hybridff.jobs.fitting import FittedMolecule, fit_data
from hybridff.jobs.job import FitJob
from hybridff.jobs.options import SplitOptions
from hybridff.jobs.reading import read_data
from hybridff.jobs.stock import parametrize
from hybridff.report.documents import (
    error_table,
    fit_document,
    simulation_section,
    stock_document,
)
from hybridff.stability.gate import Finding, GateOptions, StabilityOptions, check_stability
from hybridff.units import FORCE_KCAL, KCAL_MOL

NEAR_PAIRS, NO_GATE = FormOptions(form="near-pairs"), GateOptions(gate="none")


@pytest.fixture(scope="module")
def fitted(material) -> FittedMolecule:
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        data = read_data([material / "ethanol.npz"])
        (result,) = fit_data(data, FitJob(split=SplitOptions(train=30, validation=10), form=NEAR_PAIRS, gate=NO_GATE))
    return result


def section(document: Document, title: str) -> Section:
    (found,) = [one for one in document.sections if one.title == title]
    return found


def test_the_report_of_a_fit_is_well_formed_and_needs_no_network(fitted):
    text = fit_document(fitted).html()
    page = Page(text)
    kinds = [address.partition(";")[0] for address in page.addresses if address.startswith("data:")]
    assert kinds == ["data:image/svg+xml", "data:image/png", "data:image/png"]
    assert not [address for address in page.addresses if not address.startswith(("data:", "#"))]


def test_the_table_has_the_errors_before_and_after(fitted):
    rows = {row[0]: row for row in error_table(fitted).rows}
    assert list(rows) == ["train", "validation", "test"]
    test = fitted.data.frames.subset(fitted.split.test)
    before, after = evaluate(fitted.start, test), evaluate(fitted.model.force_field, test, fitted.model.energy_offset)
    assert before.force_rmse is not None
    assert after.force_rmse is not None
    header = error_table(fitted).header
    shown = {name: [float(part) for part in rows["test"][header.index(name)].split(" → ")] for name in header[2:]}
    # two digits are shown
    forces = [before.force_rmse / FORCE_KCAL, after.force_rmse / FORCE_KCAL]
    assert shown["force RMSE"] == pytest.approx(forces, abs=0.0051)
    assert shown["energy RMSE"][1] == pytest.approx(after.energy_rmse / KCAL_MOL, abs=0.0051)
    assert rows["test"][1] == "20"


def test_the_offset_and_the_loss_are_told(fitted):
    text = " ".join(section(fit_document(fitted), "Errors").sentences)
    offset = re.search(r"constant offset \(reference minus model\) is (-?[0-9.]+) kcal/mol", text)
    assert offset is not None
    assert float(offset[1]) == pytest.approx(fitted.model.energy_offset / KCAL_MOL, abs=0.00051)  # three digits
    losses = re.search(r"training loss ([0-9.e+]+) before, ([0-9.e+]+) after", text)
    assert losses is not None
    assert float(losses[2]) < float(losses[1])


def test_parameters_that_moved_most_come_in_order(fitted):
    table = section(fit_document(fitted), "Parameters that moved most").table
    assert table is not None
    result = fitted.result
    labels = [result.start.labels[i] for i in result.largest_moves(len(table.rows))]
    assert [row[1] for row in table.rows] == labels


def test_parameters_that_the_data_cannot_determine_are_named(fitted):
    text = " ".join(section(fit_document(fitted), "Not determined by these data").sentences)
    undetermined = int(fitted.result.undetermined.sum())
    assert undetermined > 0
    assert text.startswith(f"{undetermined} of {int((fitted.result.deviations > 0).sum())} fitted parameters")
    none = replace(fitted.result, deviations=fitted.result.deviations * 0.0)
    text = " ".join(section(fit_document(replace(fitted, result=none)), "Not determined by these data").sentences)
    assert text.startswith("None of the")


def test_a_fit_that_stopped_early_says_so(fitted):
    stopped = replace(fitted, result=replace(fitted.result, converged=False))
    text = " ".join(section(fit_document(stopped), "Errors").sentences)
    assert "stopped before it converged; raise --max-iterations" in text


def test_a_fit_that_is_worse_on_unseen_frames_says_so(fitted):
    worse = replace(fitted, before=fitted.after, after={**fitted.after, "test": fitted.before["test"]})
    sentence = "On frames that were not trained on, the fit is worse than its start"
    assert sentence in " ".join(section(fit_document(worse), "Errors").sentences)
    assert sentence not in " ".join(section(fit_document(fitted), "Errors").sentences)


def test_a_fit_without_test_frames_shows_its_training_frames(material, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))
    with zero_charges():
        data = read_data([material / "ethanol.npz"])
        options = FitOptions(prior_scale=1.0)
        job = FitJob(split=SplitOptions(train=60, validation=0), form=NEAR_PAIRS, fit=options, gate=NO_GATE)
        (fitted,) = fit_data(data, job)
    document = fit_document(fitted)
    assert [row[0] for row in error_table(fitted).rows] == ["train"]
    assert document.html()


def test_the_gates_verdict_is_told_after_what_it_took(fitted):
    report = check_stability(fitted.model.force_field, StabilityOptions(temperatures=(), quenches=0, scans=False))
    told = fit_document(replace(fitted, stability=report, remarks=("It was fitted twice.",)))
    assert section(told, "Stability").sentences == ("It was fitted twice.", *report.sentences())
    failed = replace(report, failures=(Finding("dynamics", (0, 1), "the bond C1-C2 broke."),))
    told = fit_document(replace(fitted, stability=failed, remarks=()))
    assert "FAILED: the bond C1-C2 broke." in section(told, "Stability").sentences


def test_without_a_gate_nothing_is_said_of_stability(fitted):
    assert "Stability" not in [one.title for one in fit_document(fitted).sections]


def test_data_options_and_hashes_are_told(fitted):
    document = fit_document(fitted)
    assert "ethanol.npz: 60 frames at PBE-D3(BJ)/def2-SVP" in section(document, "Data").sentences[0]
    table = section(document, "Provenance").table
    assert table is not None
    rows = dict(table.rows)
    assert rows["option seed"] == "0"
    assert re.fullmatch("[0-9a-f]{64}", rows["SHA-256 of ethanol.npz"])


def test_a_stock_force_field_lists_its_atoms(fitted):
    with zero_charges():
        document = stock_document(parametrize(fitted.model.force_field.molecule))
    table = section(document, "Atoms").table
    assert table is not None
    assert [row[:2] for row in table.rows][:3] == [("C1", "c3"), ("C2", "c3"), ("O3", "oh")]
    assert section(document, "Atoms").sentences == ("Total charge 0.0000 e.",)


def test_a_simulation_is_told_in_one_sentence():
    result = SimulationResult(steps=20, time=0.01, mean_temperature=301.4, ns_per_day=500.2)
    (sentence,) = simulation_section(result, 300.0, "Reference").sentences
    assert sentence == "0.01 ps at 300 K on the Reference platform: 20 steps, " + (
        "mean temperature of its second half 301 K, 500 ns/day."
    )


def test_few_frames_that_carry_the_error_are_named(fitted, monkeypatch):
    frames = fitted.data.frames
    forces = frames.forces.copy()
    worst = int(fitted.split.test[3])
    forces[worst] += 1e6
    broken = replace(fitted, data=replace(fitted.data, frames=replace(frames, forces=forces)))
    monkeypatch.setattr(sys.modules["hybridff.report.documents"], "_FEW", 2)
    text = " ".join(section(fit_document(broken), "Errors").sentences)
    assert "1 of 20 test frames carry 100 % of the squared force error" in text
    assert f"from 1: {worst + 1}, " in text
    assert "carry" not in " ".join(section(fit_document(fitted), "Errors").sentences)


def test_what_the_frames_were_used_for_is_said_as_it_was(fitted):
    told = " ".join(section(fit_document(fitted), "Errors").sentences)
    assert "test frames were never used in the fit" in told
    untested = replace(fitted, after={name: fitted.after[name] for name in ("train",)})
    told = " ".join(section(fit_document(untested), "Errors").sentences)
    assert "There are no test frames" in told
    assert "Validation frames chose" not in told
