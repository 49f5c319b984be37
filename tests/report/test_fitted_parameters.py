import csv
import io

import numpy as np
import pytest
from bad_inputs import zero_charges

from hybridff.document.blocks import Table
from hybridff.gaff.forms import FormOptions
from hybridff.jobs.fitting import FittedMolecule, fit_data
from hybridff.jobs.job import FitJob
from hybridff.jobs.options import SplitOptions
from hybridff.jobs.reading import read_data
from hybridff.report.fitted_parameters import parameter_csv, parameter_section
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM


@pytest.fixture(scope="module")
def fitted(material) -> FittedMolecule:
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        data = read_data([material / "ethanol.npz"])
        split, gate = SplitOptions(train=30, validation=10), GateOptions(gate="none")
        (result,) = fit_data(data, FitJob(split=split, form=FormOptions(form="harmonic"), gate=gate))
    return result


def test_the_csv_file_has_every_parameter_in_the_units_of_reports(fitted):
    result = fitted.result
    rows = list(csv.DictReader(io.StringIO(parameter_csv(result, fitted.model.force_field))))
    assert len(rows) == len(result.start)
    for i, row in enumerate(rows):
        assert (row["parameter"], row["of"]) == (result.start.quantities[i], result.start.labels[i])
        scale = result.start.kinds[row["parameter"]].scale
        assert float(row["value"]) == pytest.approx(result.end.values[i] / scale, rel=1e-7)
        assert bool(row["posterior deviation"]) == (result.deviations[i] > 0)
        assert ("not determined" in row["remark"]) == (result.undetermined[i] and result.deviations[i] > 0)
    length = next(row for row in rows if row["parameter"] == "bond r0")
    assert length["unit"] == "Å"
    assert float(length["prior width"]) == pytest.approx(0.05 * ANGSTROM / ANGSTROM)


def test_the_page_counts_families_and_lists_all_of_a_small_form(fitted):
    section = parameter_section(fitted.result, fitted.model.force_field)
    counts = {row[0]: int(row[1]) for row in section.table.rows}
    tables = [block for block in section.more if isinstance(block, Table)]
    assert sum(counts.values()) == len(fitted.result.start) == sum(len(table.rows) for table in tables)
    assert all(table.folded for table in tables)
    undetermined = {row[0]: int(row[3]) for row in section.table.rows}
    assert sum(undetermined.values()) == int((fitted.result.undetermined & (fitted.result.deviations > 0)).sum())


def test_a_large_form_shows_those_that_moved_most(fitted, monkeypatch):
    monkeypatch.setattr("hybridff.report.fitted_parameters._FEW_ENOUGH", 10)
    monkeypatch.setattr("hybridff.report.fitted_parameters._MOST_ROWS", 2)
    section = parameter_section(fitted.result, fitted.model.force_field)
    tables = {table.caption.partition(":")[0]: table for table in section.more if isinstance(table, Table)}
    assert max(len(table.rows) for table in tables.values()) == 2
    result = fitted.result
    own = np.flatnonzero([name == "bond k" for name in result.start.quantities])
    moves = np.abs(result.end.values - result.start.values)[own]  # one prior width for all of them
    assert tables["bond k"].rows[0][0] == result.start.labels[own[moves.argmax()]]
