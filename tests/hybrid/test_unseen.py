from dataclasses import replace

import numpy as np
import pytest
import torch
from ethanol import ATOMS, energies_of_kernels, spring_frames
from models import distorted, force_field

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.fitting.conformers import ConformerEnergies, UnseenConformers
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.solver import solver_of
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.unseen import UnseenRegion, train_with_wells, unseen_region
from hybridff.units import KCAL_MOL


@pytest.fixture(scope="module")
def region() -> UnseenRegion:
    """Where stock GAFF is all that is known of ethanol, whose frames have one angle of C-O."""
    found = unseen_region(force_field("ethanol"), frames(), (10.0, 1.0))
    assert found is not None
    return found


def frames() -> np.ndarray:
    return distorted("ethanol", 40)


def training() -> TrainingData:
    start, data = force_field("ethanol"), spring_frames(40, extra=8000.0)
    fragment = Fragment.find(start.molecule, ATOMS, torch.as_tensor(data.positions))
    residual = Residual.of(start, data, ATOMS)
    return TrainingData(residual, (fragment,), state(), PseudoFrames.none(9))


def state() -> Hyperparameters:
    return Hyperparameters.usual(1, 300.0, None, 60.0)


def test_there_is_none_where_there_are_no_terms() -> None:
    assert unseen_region(force_field("ethanol").without_terms(), frames(), (10.0, 1.0)) is None


def test_there_is_none_where_frames_show_all_angles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.fitting.conformers.find_rotors", lambda molecule: [])
    assert unseen_region(force_field("ethanol"), frames(), (10.0, 1.0)) is None


@pytest.mark.parametrize(
    ("force", "energy", "deviation"),
    [
        (10.0, 1.0, 1.0 * KCAL_MOL / 10.0),  # the least deviation
        (10.0, 8.0, 2.0 * 8.0 / 10.0),  # twice what poor terms leave
    ],
)
def test_pseudo_frames_deviate_as_far_as_the_terms_are_wrong(force: float, energy: float, deviation: float) -> None:
    found = unseen_region(force_field("ethanol"), frames(), (force, energy))
    assert found is not None
    assert found.deviation == pytest.approx(deviation)


def test_pseudo_frames_are_spread_over_the_conformers_that_a_kernel_can_tell(region: UnseenRegion) -> None:
    found, seen = region.pseudo_frames(ATOMS), region.conformers.described_by(ATOMS)
    assert len(found) == 40 < len(seen)
    np.testing.assert_array_equal(found.positions[[0, -1]], seen[[0, -1]])
    np.testing.assert_array_equal(found.deviations, np.full(40, region.deviation))
    np.testing.assert_array_equal(found.energies, np.zeros(40))
    assert len(region.pseudo_frames((0, 1))) == 0  # a bond sees no torsion


def test_the_terms_alone_have_no_wells_and_shift_nothing(region: UnseenRegion) -> None:
    assert region.wells(force_field("ethanol")) is None
    assert region.energy_shift(force_field("ethanol")) == 0
    assert list(region.findings(force_field("ethanol"))) == []


def test_the_shift_is_what_kernels_add_at_relaxed_geometries_above_the_frames(region: UnseenRegion) -> None:
    own = training()
    terms, _ = solver_of(own)(own, state())
    hybrid = force_field("ethanol").with_corrections(terms)
    relaxed, of_frames = (energies_of_kernels(hybrid, x).mean() for x in (region.conformers.references, frames()))
    assert region.energy_shift(hybrid) == pytest.approx(relaxed - of_frames)
    assert abs(relaxed - of_frames) > 0.1


def test_wells_are_said_with_the_bonds_that_turn(region: UnseenRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ConformerEnergies(region.conformers.conformers[:2], region.conformers.conformers[:1], np.zeros(2))
    monkeypatch.setattr("hybridff.hybrid.unseen.false_minima", lambda unseen, hybrid: found)
    (finding,) = region.findings(force_field("ethanol"))
    assert finding.message == (
        "kernels draw 2 conformers that no training frame shows (other angles of H4-C1-C2-O3, C1-C2-O3-H9) more than "
        "3 kcal/mol below what the terms alone make of them; add frames there."
    )


def test_pseudo_frames_at_wells_leave_the_energies_that_the_terms_have_there(
    region: UnseenRegion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two wells that are found once, and none after a training with pseudo-frames at them."""
    asked: list[ForceField] = []
    at = region.conformers.conformers[:2]

    def wells(unseen: UnseenConformers, hybrid: ForceField) -> ConformerEnergies | None:
        asked.append(hybrid)
        return ConformerEnergies(at, at, np.zeros(2)) if len(asked) == 1 else None

    monkeypatch.setattr("hybridff.hybrid.unseen.false_minima", wells)
    own, sure = training(), replace(region, deviation=1e-3)
    found = train_with_wells(own, state(), solver_of(own), sure)
    assert len(asked) == 2
    np.testing.assert_array_equal(found.training.pseudo_frames.positions, at)
    assert (found.training.pseudo_frames.energies != 0).all()
    above = [energies_of_kernels(model, at) - energies_of_kernels(model, frames()).mean() for model in asked]
    wrong = [np.abs(own - found.training.pseudo_frames.energies).max() for own in above]
    assert wrong[1] < 0.1 * wrong[0]


def test_wells_that_stay_are_searched_for_three_times(region: UnseenRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    at = region.conformers.conformers[:2]
    monkeypatch.setattr(
        "hybridff.hybrid.unseen.false_minima", lambda unseen, hybrid: ConformerEnergies(at, at, np.zeros(2))
    )
    own = training()
    found = train_with_wells(own, state(), solver_of(own), region)
    assert len(found.training.pseudo_frames) == 6
