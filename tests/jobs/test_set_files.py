import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models import small_set

from hybridff.errors import InputError
from hybridff.fitting.related_priors import SHARES
from hybridff.jobs.set_files import SET, is_set, read_set, write_set


def test_a_set_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert not is_set(tmp_path)
    write_set(small_set(), tmp_path)
    assert is_set(tmp_path)
    found, own = read_set(tmp_path), small_set()
    assert (found.gaff, found.charges, found.provenance) == (own.gaff, own.charges, own.provenance)
    assert found.parameters.rows == own.parameters.rows
    assert found.parameters.widths == own.parameters.widths
    assert (found.parameters.scale, found.parameters.shares) == (2.0, SHARES)
    np.testing.assert_array_equal(found.parameters.changes, own.parameters.changes)
    np.testing.assert_allclose(found.parameters.spread, own.parameters.spread, rtol=1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda own: own.pop("labels"), "'labels' is missing"),
        (lambda own: own.update(format=99), "format 99; this version of hybridff reads format 1"),
        (lambda own: own.update(kind="model"), "is not a parameter set"),
        (lambda own: own.update(changes=[1.0]), "differ in length"),
        (lambda own: own.update(changes=[1.0, "x"]), "is damaged"),
        (lambda own: own.update(labels=["C1-C2", "C2-C3"]), "too few or too many levels"),
        (lambda own: own.update(levels=["one"]), "its levels are not elements, types, neighbours, surroundings"),
        (lambda own: own.update(widths={}), "no prior width"),
        (lambda own: own.update(quantities=["bond 9"] * 2, widths={"bond 9": 1.0}), "'bond 9', which is not known"),
        (lambda own: own.update(scale=-1), "its scale"),
        (lambda own: own.update(gaff=2), "should be"),
        (lambda own: own.update(scale="nan"), "not finite"),
        (lambda own: own.update(changes=[1.0, "inf"]), "not finite"),
        (lambda own: own.update(widths={"bond 1": "inf"}), "not finite"),
        (lambda own: own.update(shares=["nan", 0.5, 0.3, 0.2]), "not finite"),
        (lambda own: own.update(shares=[0.7, 0.3, 0.3, 0.2]), "do not add up to 1"),
        (lambda own: own.update(shares=[0.7, 0.4, -0.2, 0.1]), "not positive"),
    ],
)
def test_a_damaged_set_is_refused_in_a_sentence(tmp_path: Path, change: Callable[[dict], object], words: str) -> None:
    write_set(small_set(), tmp_path)
    content = json.loads((tmp_path / SET).read_text(encoding="utf-8"))
    change(content)
    (tmp_path / SET).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_set(tmp_path)


def test_numbers_that_are_text_are_read_as_numbers(tmp_path: Path) -> None:
    write_set(small_set(), tmp_path)
    content = json.loads((tmp_path / SET).read_text(encoding="utf-8"))
    content["widths"] = {name: str(width) for name, width in content["widths"].items()}
    (tmp_path / SET).write_text(json.dumps(content), encoding="utf-8")
    assert read_set(tmp_path).parameters.widths == small_set().parameters.widths


def test_a_posterior_of_another_set_is_refused(tmp_path: Path) -> None:
    write_set(small_set(), tmp_path)
    np.savez(tmp_path / "set.npz", spread=np.eye(3))
    with pytest.raises(InputError, match="not n × 2; restore it"):
        read_set(tmp_path)


def test_what_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no set\.json; make one with 'hybridff fit … --share environment'"):
        read_set(tmp_path)
    write_set(small_set(), tmp_path)
    (tmp_path / SET).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="complete parameter set"):
        read_set(tmp_path)
