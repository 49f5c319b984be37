import numpy as np
import pytest
import torch
from models import distorted, force_field, molecule
from synthetic import class2, data

from hybridff.fitting import problem
from hybridff.fitting.conformers import DEVIATION, Lessons, Unseen
from hybridff.fitting.linear import Heights, LinearProblem, _heights_in_moves
from hybridff.fitting.options import FitOptions
from hybridff.fitting.refit import fit
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.geometry import torsion
from hybridff.molecules.rotors import find_rotors, turn
from hybridff.units import DEGREE

HYDROXYL = (1, 2)
"""Carbon and oxygen of ethanol."""


def hydroxyl(unseen: Unseen) -> tuple[int, int, int, int]:
    return next(rotor for rotor in unseen.rotors if set(rotor[1:3]) == set(HYDROXYL))


def spun(n: int = 72) -> np.ndarray:
    """Ethanol at all angles of both rotors."""
    ethanol = molecule("ethanol")
    found = ethanol.positions
    assert found is not None
    frames = []
    for i in range(n):
        frame = found
        for rotor in find_rotors(ethanol):
            frame = turn(ethanol, frame, rotor, i * 2 * np.pi / n)
        frames.append(frame)
    return np.array(frames)


def test_nothing_is_unseen_where_frames_show_all_angles() -> None:
    unseen = Unseen(force_field("ethanol"), spun())
    assert not unseen.rotors
    assert unseen.sentence() == ""


def test_frames_of_one_conformer_leave_angles_unseen_and_a_sentence_names_them() -> None:
    unseen = Unseen(force_field("ethanol"), distorted("ethanol", 20))
    angles = unseen.rotors[hydroxyl(unseen)]
    shown = torsion(torch.as_tensor(distorted("ethanol", 20)[:, list(hydroxyl(unseen))])).numpy()
    nearest = np.abs(np.remainder(angles[:, None] - shown + np.pi, 2 * np.pi) - np.pi).min()
    assert nearest > 25 * DEGREE
    assert "-O3-" in unseen.sentence()
    assert "add frames" in unseen.sentence()


def test_mirror_images_and_equivalent_atoms_count_as_seen() -> None:
    frames = distorted("ethanol", 20)
    mirrored = np.concatenate([frames, frames * [1, 1, -1]])
    one, both = Unseen(force_field("ethanol"), frames), Unseen(force_field("ethanol"), mirrored)
    assert all(np.array_equal(one.rotors[rotor], both.rotors[rotor]) for rotor in one.rotors)


def test_only_atoms_on_both_sides_of_a_bond_can_tell_its_rotor() -> None:
    unseen = Unseen(force_field("ethanol"), distorted("ethanol", 20))
    # some conformers relax to angles that frames show
    assert 0.5 * len(unseen.conformers) < len(unseen.seen_by(range(9))) < len(unseen.conformers)
    # the hydroxyl group with its carbon, but nothing beyond it; the methyl group with its carbon
    assert len(unseen.seen_by((1, 2, 8))) == 0
    assert len(unseen.seen_by((0, 1, 3, 4, 5))) == 0
    assert 0 < len(unseen.seen_by((0, 1, 2, 8))) < len(unseen.seen_by(range(9)))


def with_wells(model: ForceField, depth: float) -> ForceField:
    """Torsions of the hydroxyl group that like to be eclipsed [kJ/mol]."""
    table = model.parameter_table
    rows = [i for i, label in enumerate(table.labels) if "oh-ho)" in label and table.quantities[i] == "torsion k"]
    assert rows
    values = table.values.copy()
    values[rows] -= 2 * depth / len(rows)
    return model.with_values(values)


def test_the_start_has_no_wells_that_it_does_not_know_itself() -> None:
    start = force_field("ethanol")
    assert Unseen(start, distorted("ethanol", 20)).wells(start) is None


def test_a_well_at_unseen_angles_is_found_with_the_height_that_the_start_gives_it() -> None:
    start = force_field("ethanol")
    unseen = Unseen(start, distorted("ethanol", 20))
    lessons = unseen.wells(with_wells(start, 30.0))
    assert lessons is not None
    assert lessons.heights is not None
    own, _ = predict(start, lessons.conformers)
    assert unseen.first is not None
    zero, _ = predict(start, unseen.first.references)
    # the start relaxes what it is given, bonds and angles, so that its height is at most that of the geometry itself
    assert np.all(lessons.heights <= own - zero.mean() + 1e-6)


def test_rows_of_conformers_are_what_moves_leave_of_their_wanted_heights() -> None:
    start, random = class2("ethanol"), np.random.default_rng(3)
    problem = LinearProblem([(start, data(start, 10, energy=0.5, force=40.0))], FitOptions())
    own = Lessons(distorted("ethanol", 4, seed=5), distorted("ethanol", 3, seed=6), random.normal(0, 9, 4))
    assert own.heights is not None
    rows = _heights_in_moves(problem, [own])
    moves = random.normal(0, 0.1, len(problem.fitted))
    (model,) = problem.force_fields(moves)
    heights = predict(model, own.conformers)[0] - predict(model, own.references)[0].mean()
    # Double precision, of energies of hundreds of kJ/mol.
    np.testing.assert_allclose(moves @ rows.weights - rows.targets, (heights - own.heights) / DEVIATION, atol=1e-9)


def test_a_fit_to_one_conformer_keeps_near_the_start_at_others() -> None:
    start = class2("ethanol")
    problem = LinearProblem([(start, data(start, 60, energy=0.5, force=40.0))], FitOptions())
    lessons = problem.unseen[0].first
    assert lessons is not None

    def furthest() -> float:
        """Of energies of unseen conformers from those of the start."""
        (fitted,) = problem.force_fields(problem.wanted().moves)
        model, own = (
            predict(each, lessons.conformers)[0] - predict(each, lessons.references)[0].mean()
            for each in (fitted, start)
        )
        return float(np.abs(model - own).max())

    taught = furthest()
    problem.conformers = Heights(np.zeros((len(problem.fitted), 0)), np.zeros(0))
    problem.unseen[0].rotors = {}
    assert taught < DEVIATION < furthest()


@pytest.mark.parametrize("form", ["harmonic", "morse"])
def test_forms_with_parameters_that_are_not_linear_keep_to_the_start_at_unseen_angles(
    form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of a force field with deep wells, whose noise leaves the torsions open."""
    start = force_field("ethanol", form=form)
    x = distorted("ethanol", 60, seed=1)
    energies, forces = predict(with_wells(start, 30.0), x)
    random = np.random.default_rng(2)
    energies, forces = energies + random.normal(0, 70, 60), forces + random.normal(0, 3000, x.shape)
    frames = Frames(start.molecule.numbers, x, energies, forces)
    unseen = Unseen(start, x)

    def depth(fitted: ForceField) -> float:
        found = unseen.wells(fitted)
        if found is None:
            return 0.0
        assert found.heights is not None
        zero = predict(fitted, found.references)[0].mean()
        return float((found.heights - predict(fitted, found.conformers)[0] + zero).max())

    result = fit(start, frames)
    assert result.unseen == (unseen.sentence(),)
    kept = depth(result.force_field)
    monkeypatch.setattr(Unseen, "sentence", lambda self: "")
    monkeypatch.setattr(problem, "DEVIATION", 1e6)
    monkeypatch.setattr(Unseen, "wells", lambda self, fitted: None)
    free = fit(start, frames).force_field
    monkeypatch.undo()
    assert depth(free) > 2 * DEVIATION
    assert kept < 0.5 * depth(free)
