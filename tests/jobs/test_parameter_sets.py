from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import class_one_of, molecule, small_set

from hybridff.errors import InputError
from hybridff.gaff.start import StartOptions
from hybridff.jobs.job import FitJob
from hybridff.jobs.parameter_sets import applied_to, apply_parameter_set, check_version
from hybridff.jobs.set_files import write_set
from hybridff.jobs.starting import form_at_start


def test_a_set_counts_from_the_start_of_a_fit_where_atoms_are_in_line() -> None:
    own, parameters, saved = molecule("propyne"), class_one_of("propyne"), small_set()
    assert own.positions is not None
    start = form_at_start(own, parameters, FitJob.of(share="environment"), own.positions[None])
    unchanged = replace(saved, parameters=replace(saved.parameters, changes=np.zeros(2)))
    applied, table = applied_to(unchanged, own, parameters), start.parameter_table
    found = applied.force_field.parameter_table
    assert found.labels == table.labels
    np.testing.assert_array_equal(found.values, table.values)


@pytest.mark.parametrize("name", ["own.prmtop", "system.xml"])
def test_a_start_of_the_users_own_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"the set alkanes counts from stock GAFF, not from {name}; leave start out"):
        check_version(small_set(), StartOptions(start=Path(name)), "alkanes")


def test_a_prmtop_as_the_molecule_is_refused_whatever_the_version_of_the_set(workplace: Path) -> None:
    Path("set").mkdir()
    write_set(small_set(), Path("set"))
    with pytest.raises(InputError, match=r"not from ethanol\.prmtop; .* as a SMILES, or an SDF or MOL2 file"):
        apply_parameter_set("set", "ethanol.prmtop")
