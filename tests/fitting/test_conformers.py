from dataclasses import replace

import numpy as np
import pytest
import torch
from models import distorted, force_field, molecule
from synthetic import class2, data

from hybridff.fitting import conformers, nonlinear_fit, nonlinear_problem
from hybridff.fitting.conformers import DEVIATION, UnseenConformers, false_minima, find_unseen_conformers, unseen_angles
from hybridff.fitting.equations import EnergyRows
from hybridff.fitting.fits import fit
from hybridff.fitting.linear_fit import estimate, learnt_hyperparameters
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.options import FitOptions
from hybridff.fitting.pruning import pruned_system
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.geometry import torsion
from hybridff.molecules.rotors import find_rotors, turn
from hybridff.units import DEGREE, KCAL_MOL

HYDROXYL = (1, 2)
"""Carbon and oxygen of ethanol."""


def hydroxyl(unseen: UnseenConformers) -> tuple[int, int, int, int]:
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
    unseen = find_unseen_conformers(force_field("ethanol"), spun())
    assert not unseen.rotors
    assert unseen.sentence() == ""


def test_where_nothing_is_unseen_there_are_no_conformers_and_no_false_minima() -> None:
    start = force_field("ethanol")
    unseen = find_unseen_conformers(start, spun())
    assert unseen.conformers.shape == unseen.references.shape == unseen.frames.shape == (0, 9, 3)
    assert false_minima(unseen, with_wells(start, 30.0)) is None


def test_angles_between_frames_that_are_far_apart_are_unseen() -> None:
    ethanol = molecule("ethanol")
    assert ethanol.positions is not None
    rotor = next(rotor for rotor in find_rotors(ethanol) if set(rotor[1:3]) == set(HYDROXYL))
    frames = np.array([turn(ethanol, ethanol.positions, rotor, angle * DEGREE) for angle in (5, 65, 175)])
    # within 30° of these or of their mirror images all is seen
    expected = [-140, -130, -120, -110, -100, 100, 110, 120, 130, 140]
    np.testing.assert_allclose(unseen_angles(ethanol, frames)[rotor] / DEGREE, expected, atol=1e-9)


def test_conformers_lie_at_most_25_kcal_above_the_references() -> None:
    start = force_field("ethanol")
    unseen = find_unseen_conformers(start, distorted("ethanol", 20))
    energies = predict(start, unseen.conformers)[0]
    assert len(energies) > 20
    assert energies.max() < unseen.zero + 25 * KCAL_MOL


def test_frames_of_one_conformer_leave_angles_unseen_and_a_sentence_names_them() -> None:
    unseen = find_unseen_conformers(force_field("ethanol"), distorted("ethanol", 20))
    angles = unseen.rotors[hydroxyl(unseen)]
    shown = torsion(torch.as_tensor(distorted("ethanol", 20)[:, list(hydroxyl(unseen))])).numpy()
    nearest = np.abs(np.remainder(angles[:, None] - shown + np.pi, 2 * np.pi) - np.pi).min()
    assert nearest > 25 * DEGREE
    assert "-O3-" in unseen.sentence()
    assert "add frames" in unseen.sentence()


def test_mirror_images_and_equivalent_atoms_count_as_seen() -> None:
    frames = distorted("ethanol", 20)
    mirrored = np.concatenate([frames, frames * [1, 1, -1]])
    one, both = (
        find_unseen_conformers(force_field("ethanol"), frames),
        find_unseen_conformers(force_field("ethanol"), mirrored),
    )
    assert all(np.array_equal(one.rotors[rotor], both.rotors[rotor]) for rotor in one.rotors)


def test_only_atoms_on_both_sides_of_a_bond_describe_its_rotor() -> None:
    unseen = find_unseen_conformers(force_field("ethanol"), distorted("ethanol", 20))
    # some conformers relax to angles that frames show
    assert 0.5 * len(unseen.conformers) < len(unseen.described_by(range(9))) < len(unseen.conformers)
    # the hydroxyl group with its carbon, but nothing beyond it; the methyl group with its carbon
    assert len(unseen.described_by((1, 2, 8))) == 0
    assert len(unseen.described_by((0, 1, 3, 4, 5))) == 0
    assert 0 < len(unseen.described_by((0, 1, 2, 8))) < len(unseen.described_by(range(9)))


def with_wells(model: ForceField, depth: float) -> ForceField:
    """Torsions of the hydroxyl group that like to be eclipsed [kJ/mol]."""
    table = model.parameter_table
    rows = [i for i, label in enumerate(table.labels) if "oh-ho)" in label and table.quantities[i] == "torsion k"]
    assert rows
    values = table.values.copy()
    values[rows] -= 2 * depth / len(rows)
    return model.with_values(values)


def test_the_start_has_no_minima_that_it_does_not_know_itself() -> None:
    start = force_field("ethanol")
    assert false_minima(find_unseen_conformers(start, distorted("ethanol", 20)), start) is None


def test_a_minimum_at_unseen_angles_is_found_with_the_energy_that_the_start_gives_it() -> None:
    start = force_field("ethanol")
    unseen = find_unseen_conformers(start, distorted("ethanol", 20))
    found = false_minima(unseen, with_wells(start, 30.0))
    assert found is not None
    assert found.energies is not None
    own, _ = predict(start, found.conformers)
    zero, _ = predict(start, unseen.references)
    assert zero.mean() == pytest.approx(unseen.zero, rel=1e-9)
    # the start relaxes what it is given, bonds and angles, so that its energy is at most that of the geometry itself
    assert np.all(found.energies <= own - zero.mean() + 1e-6)


def test_what_is_no_longer_the_molecule_is_no_false_minimum() -> None:
    start = force_field("ethanol")
    unseen = find_unseen_conformers(start, distorted("ethanol", 20))
    model = with_wells(start, 30.0)
    table = model.parameter_table
    (place,) = (i for i, label in enumerate(table.labels) if "ho-oh" in label and table.quantities[i] == "bond r0")
    values = table.values.copy()
    values[place] *= 2
    assert false_minima(unseen, model) is not None
    assert false_minima(unseen, model.with_values(values)) is None


def test_a_fit_to_one_conformer_keeps_near_the_start_at_others() -> None:
    start = class2("ethanol")
    system = pruned_system([(start, data(start, 60, energy=0.5, force=40.0))], FitOptions())
    (unseen,) = system.problem.unseen

    def furthest(own: LinearSystem) -> float:
        """The largest difference of energies of unseen conformers from those of the start."""
        found = estimate(own, learnt_hyperparameters(own, FitOptions()), FitOptions())
        (fitted,) = own.problem.force_fields(found.moves)
        model, at_start = (
            predict(each, unseen.conformers)[0] - predict(each, unseen.references)[0].mean() for each in (fitted, start)
        )
        return float(np.abs(model - at_start).max())

    nothing = EnergyRows(np.zeros((len(system.problem.fitted), 0)), np.zeros(0))
    problem = replace(system.problem, unseen=(replace(unseen, rotors={}),))
    free = replace(system, conformers=nothing, problem=problem)
    assert furthest(system) < DEVIATION < furthest(free)


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
    unseen = find_unseen_conformers(start, x)

    def depth(fitted: ForceField) -> float:
        found = false_minima(unseen, fitted)
        if found is None:
            return 0.0
        assert found.energies is not None
        zero = predict(fitted, found.references)[0].mean()
        return float((found.energies - predict(fitted, found.conformers)[0] + zero).max())

    result = fit(start, frames)
    assert result.unseen == (unseen.sentence(),)
    kept = depth(result.force_field)
    monkeypatch.setattr(nonlinear_problem, "DEVIATION", 1e6)
    monkeypatch.setattr(nonlinear_fit, "false_minima", lambda unseen, fitted: None)
    free = fit(start, frames).force_field
    monkeypatch.undo()
    assert depth(free) > 2 * DEVIATION
    assert kept < 0.5 * depth(free)


def test_many_rotors_share_a_limited_number_of_conformers(monkeypatch: pytest.MonkeyPatch) -> None:
    all_turned = find_unseen_conformers(force_field("ethanol"), distorted("ethanol", 20))
    monkeypatch.setattr(conformers, "_MOST_TURNED", 4)
    fewer = find_unseen_conformers(force_field("ethanol"), distorted("ethanol", 20))
    # Each turned geometry is relaxed twice, with its torsions held and free.
    assert 0 < len(fewer.conformers) <= 2 * 4 < len(all_turned.conformers)
