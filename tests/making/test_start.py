from pathlib import Path

import numpy as np
import pytest
from bad_inputs import zero_charges
from models import molecule, small_set

from hybridff.gaff.class2_kinds import KINDS
from hybridff.jobs.options import PretrainOptions
from hybridff.jobs.set_files import is_set, write_set
from hybridff.making.job import MakeJob
from hybridff.making.start import prepared_start


def test_rows_that_a_parameter_set_does_not_know_keep_their_full_prior_widths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("set").mkdir()
    write_set(small_set(), Path("set"))
    job, wanted = MakeJob.of(pretrain="set"), PretrainOptions(pretrain="set")
    with zero_charges():
        start = prepared_start(molecule("ethanol"), job, wanted, Path("start"))
        again = prepared_start(molecule("ethanol"), job, wanted, Path("start"))
    kinds = start.force_field.parameter_table.kinds
    guessed = [name for name in kinds if name.endswith(", guessed")]
    assert guessed
    for name in guessed:
        assert kinds[name].prior_width == KINDS[name.removesuffix(", guessed")].prior_width
    assert is_set(start.fit_job.pretraining.pretrain)
    values, others = (own.force_field.parameter_table.values for own in (start, again))
    np.testing.assert_array_equal(values, others)
