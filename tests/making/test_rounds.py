from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.rounds import (
    Chosen,
    Extension,
    Outcome,
    chosen_file,
    outcome_file,
    read_extensions,
    read_rounds,
    write_chosen,
    write_extension,
    write_outcome,
)
from hybridff.molecules.molecule import Molecule
from hybridff.units import FORCE_KCAL
from hybridff.workflows import making, making_whole
from hybridff.workflows.making_rounds import Rounds

CHOSEN = Chosen(
    np.arange(18.0).reshape(2, 3, 3) / 7, ("a", "b"), "why", np.array([3.0, 4.0]), np.array([2.0, np.nan]), 9
)
OUTCOME = Outcome(
    n_train=2,
    n_failed=0,
    predicted_force=40.0,
    predicted_energy=1.0,
    predicted_torsions=None,
    left_out=50.0,
    scale=2.0,
    batch_predicted=None,
    batch_actual=None,
    stable=None,
    label_seconds=1.0,
    wall_seconds=2.0,
    other_seconds=3.0,
)


def test_what_was_chosen_and_what_came_of_it_is_read_back(tmp_path: Path) -> None:
    write_chosen(chosen_file(tmp_path, 1), CHOSEN)
    write_outcome(outcome_file(tmp_path, 1), OUTCOME)
    write_chosen(chosen_file(tmp_path, 2), CHOSEN)
    (first, outcome), (second, nothing) = read_rounds(tmp_path)
    assert outcome == OUTCOME
    assert nothing is None
    for found in (first, second):
        np.testing.assert_allclose(found.positions, CHOSEN.positions, atol=1e-15)
        np.testing.assert_array_equal(found.left, CHOSEN.left)
        assert (found.origins, found.reason, found.n_candidates) == (CHOSEN.origins, CHOSEN.reason, 9)


def test_the_first_choice_stays(tmp_path: Path) -> None:
    path = chosen_file(tmp_path, 1)
    write_chosen(path, CHOSEN)
    assert write_chosen(path, replace(CHOSEN, origins=("c", "d"))).origins == ("a", "b")


def test_an_extension_that_chose_nothing_gives_way_to_another(tmp_path: Path) -> None:
    write_extension(tmp_path, Extension(3, 20))
    assert write_extension(tmp_path, Extension(3, 40)).budget == 40
    write_chosen(chosen_file(tmp_path, 3), CHOSEN)
    assert write_extension(tmp_path, Extension(3, 60)).budget == 40
    assert read_extensions(tmp_path) == [Extension(3, 40)]


def test_a_target_that_was_met_before_an_extension_stays_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def round_with(number: int, predicted: float | None, actual: float | None) -> None:
        write_chosen(chosen_file(tmp_path, number), CHOSEN)
        own = replace(OUTCOME, predicted_force=0.5 * FORCE_KCAL, batch_predicted=predicted, batch_actual=actual)
        write_outcome(outcome_file(tmp_path, number), own)

    job = MakeJob.of(pretrain="none", target=1.0, pieces="no")
    folder = MakeFolder.opened(tmp_path, Molecule.from_smiles("O"), "ase.calculators.emt:EMT", job)
    write_extension(tmp_path, Extension(3, 20))
    for number, (predicted, actual) in enumerate([(None, None), (10.0, 10.0), (10.0, 100.0)], start=1):
        round_with(number, predicted, actual)
    rounds = object.__new__(Rounds)  # without a start, which no new round needs
    rounds.folder, rounds.job, rounds.other_seconds = folder, job, 0.0

    def ended(_: Rounds, n_rounds: int) -> None:
        raise StopIteration(n_rounds)

    monkeypatch.setattr(making_whole, "begun", lambda *_, **__: rounds)
    monkeypatch.setattr(Rounds, "finished", ended)
    with pytest.raises(StopIteration, match="3"):
        making.make_force_field("O", "ase.calculators.emt:EMT", tmp_path, job)


def test_a_prediction_counts_once_new_labels_confirm_it() -> None:
    assert OUTCOME.confirmed_force is None
    assert replace(OUTCOME, batch_predicted=10.0, batch_actual=8.0).confirmed_force == 40.0
    assert replace(OUTCOME, batch_predicted=10.0, batch_actual=15.0).confirmed_force == pytest.approx(60.0)


@pytest.mark.parametrize("text", ["{}", "[]", '{"n_train": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    write_chosen(chosen_file(tmp_path, 1), CHOSEN)
    path = outcome_file(tmp_path, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"01-outcome.json is damaged"):
        read_rounds(tmp_path)
