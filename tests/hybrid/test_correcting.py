from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from ethanol import (
    ATOMS,
    class2_fit,
    energies_of_kernels,
    real_frames,
    spring_frames,
    spring_task,
    validation_frames,
)
from models import corrected, distorted, force_field

from hybridff import Frames, evaluate, to_openmm
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.term import KernelTerm
from hybridff.errors import FitError, InputError
from hybridff.export.hot_geometries import hot_geometries
from hybridff.fitting.conformers import ConformerEnergies, UnseenConformers
from hybridff.frames.accuracy import predict, what_is_left
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid import optimum
from hybridff.hybrid.choice import choose
from hybridff.hybrid.correcting import correct, correct_stable
from hybridff.hybrid.material import CorrectionInputs, CorrectionTask, prepare
from hybridff.hybrid.optimum import optimise
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.result import Corrected
from hybridff.hybrid.scoring import Scored, scored
from hybridff.hybrid.solution import Solution, solve
from hybridff.hybrid.solver import Solver
from hybridff.hybrid.trained import PrecisionError
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.validation import Validation
from hybridff.stability.gate import Finding, GateOptions, StabilityOptions, StabilityReport
from hybridff.units import FORCE_KCAL, KCAL_MOL

pytestmark = pytest.mark.slow


def both_errors(model: ForceField, frames: Frames) -> float:
    """Geometric mean of the errors of forces and energies."""
    energies, forces = predict(model, frames.positions)
    assert frames.forces is not None
    return float(np.sqrt(np.std(frames.forces - forces) * np.std(frames.energies - energies)))


def force_errors(frames: Frames, *models: ForceField) -> list[float]:
    found = [evaluate(model, frames).force_rmse for model in models]
    return [error for error in found if error is not None]


def joint_task(**options) -> CorrectionTask:
    """A kernel on all atoms beside a class II force field whose coefficients may move."""
    start, posterior = class2_fit(60)
    return CorrectionTask(
        force_field=start,
        frames=real_frames(0, 60),
        validation=real_frames(60, 40),
        atoms=[range(9)],
        options=CorrectionOptions(**options),
        posterior=posterior,
    )


def outcome(material: CorrectionInputs) -> Corrected:
    """All steps but the first."""
    return solve(optimise(choose(material))).corrected


def report(options: StabilityOptions, *failures: Finding) -> StabilityReport:
    return StabilityReport(options, failures, (), np.zeros((9, 3)), np.zeros((0, 9, 3)), 0.0, 0, 0)


def passes(model: ForceField, options: StabilityOptions) -> StabilityReport:
    """A gate that lets all pass."""
    return report(options)


def strict(model: ForceField, options: StabilityOptions) -> StabilityReport:
    """A gate that lets no kernel pass."""
    return report(options, Finding("scan", (), "a hole of the test")) if model.corrections else report(options)


def test_a_kernel_takes_up_what_the_terms_leave() -> None:
    start, new = force_field("ethanol"), spring_frames(40, seed=7)
    found = correct(start, spring_frames(60), validation_frames(), [ATOMS])
    assert found.hyperparameters.amplitudes[0] > 0
    assert found.n_points == (60,)
    assert found.n_frames == 60
    assert not found.joint
    assert [term.atoms for term in found.force_field.corrections] == [ATOMS]
    before, after = force_errors(new, start, found.force_field)
    assert after < 0.35 * before
    np.testing.assert_array_equal(found.force_field.parameter_table.values, start.parameter_table.values)


def test_without_anything_to_gain_the_kernel_is_switched_off() -> None:
    found = correct(force_field("ethanol"), spring_frames(30, extra=0.0), validation_frames(0.0), [ATOMS])
    assert found.force_field.corrections == ()
    assert found.n_points == (0,)
    assert found.sentences() == (
        "The kernel on atoms C1, C2, O3, H9 is switched off: forces and energies of the validation frames are about as "
        "good without it.",
    )


def test_a_kernel_that_does_not_help_on_the_validation_frames_is_switched_off() -> None:
    found = correct(force_field("ethanol"), spring_frames(40), validation_frames(-800.0), [ATOMS])
    assert found.force_field.corrections == ()
    assert "switched off" in found.sentences()[-1]


def test_kernels_take_more_noise_where_double_precision_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    noises: list[float] = []

    def failing(best: optimum.BestHyperparameters, noise: float) -> Solution:
        noises.append(noise)
        if noise < lowest:
            raise PrecisionError("the kernels' noise is too small")
        return solve(best, noise)

    monkeypatch.setattr("hybridff.hybrid.correcting.solve", failing)
    lowest = 3.0
    found = correct_stable(spring_task(30), GateOptions(gate="none"))
    assert noises == [1.0, 3.0]
    assert found.n_points == (30,)
    assert found.sentences()[-1] == "Double precision failed with less noise than these kernels take."
    lowest = 100.0
    with pytest.raises(InputError, match="noise is too small"):
        correct_stable(spring_task(30), GateOptions(gate="none"))


def test_a_correction_is_deterministic() -> None:
    x = torch.as_tensor(distorted("ethanol", 3, seed=3))
    one, other = (
        correct(force_field("ethanol"), spring_frames(30), validation_frames(), [ATOMS]).force_field.energy(x)
        for _ in "xy"
    )
    assert torch.equal(one, other)


def test_a_kernel_beside_another_leaves_that_as_it_is() -> None:
    given = corrected(force_field("ethanol"))
    frames, validation = (beside_kernels(given, frames) for frames in (spring_frames(30), validation_frames()))
    found = correct_stable(
        replace(spring_task(30), force_field=given, frames=frames, validation=validation), GateOptions(gate="none")
    )
    alone = correct_stable(spring_task(30), GateOptions(gate="none"))
    assert found.force_field.corrections[0] is given.corrections[0]
    assert len(found.force_field.corrections) == 2
    assert found.n_points == alone.n_points
    _, with_both = force_errors(validation, given, found.force_field)
    _, with_one = force_errors(validation_frames(), force_field("ethanol"), alone.force_field)
    assert with_both == pytest.approx(with_one, rel=0.1)


def beside_kernels(hybrid: ForceField, frames: Frames) -> Frames:
    """The frames as if the kernels of a force field had been part of the truth."""
    left = what_is_left(frames, hybrid.corrections)
    assert frames.forces is not None
    assert left.forces is not None
    energies, forces = 2 * frames.energies - left.energies, 2 * frames.forces - left.forces
    return replace(frames, energies=energies, forces=forces)


def test_what_cannot_be_corrected_is_refused() -> None:
    with pytest.raises(FitError, match="has corrections already"):
        correct(corrected(force_field("ethanol")), spring_frames(10), validation_frames(), [ATOMS])
    with pytest.raises(FitError, match="have no forces; a correction needs them"):
        correct_stable(replace(spring_task(10), frames=replace(spring_frames(10), forces=None)))


def test_fewer_points_than_frames_are_trained_on_all_frames() -> None:
    start, frames = force_field("ethanol"), spring_frames(60)
    found = correct(start, frames, validation_frames(), [ATOMS], CorrectionOptions(points=15))
    assert found.n_points == (15,)
    assert found.n_frames == 60
    before, after = force_errors(spring_frames(40, seed=7), start, found.force_field)
    assert after < 0.5 * before


def test_kernels_alone_are_all_the_energy() -> None:
    bare = force_field("ethanol").without_terms()
    x = torch.as_tensor(distorted("ethanol", 3))
    assert (bare.energy(x) == 0).all()
    found = correct(bare, spring_frames(60), validation_frames(), [range(9)])
    nothing, own = force_errors(validation_frames(), bare, found.force_field)
    assert own < 0.2 * nothing
    system = to_openmm(found.force_field)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(x[0].numpy())
    energy = context.getState(getEnergy=True).getPotentialEnergy()
    own_energy = float(found.force_field.energy(x[:1]))
    assert energy.value_in_unit_system(openmm.unit.md_unit_system) == pytest.approx(own_energy, abs=1e-6)


def test_width_and_noise_are_those_that_the_options_fix() -> None:
    options = CorrectionOptions(kernel_width=0.7, kernel_noise=0.4)
    found = correct(force_field("ethanol"), spring_frames(40), validation_frames(), [ATOMS], options)
    assert found.hyperparameters.widths == pytest.approx((7.0,))
    assert found.hyperparameters.force_noise == pytest.approx(0.4 * FORCE_KCAL)


def test_a_kernel_of_angles_and_torsions_has_them_all() -> None:
    options = CorrectionOptions(descriptor="angular")
    found = correct(force_field("ethanol"), spring_frames(40), validation_frames(), [range(9)], options)
    (term,) = found.force_field.corrections
    assert isinstance(term, KernelTerm)
    descriptor = term.expansion.descriptor
    assert (len(descriptor.angles), len(descriptor.torsions)) == (13, 12)


def test_the_coefficients_move_as_far_as_their_fit_has_left_them_open() -> None:
    task, new = joint_task(), real_frames(100, 150)
    alone = task.force_field
    found = outcome(prepare(task))
    assert found.joint
    assert found.n_points == (60,)
    moves = found.force_field.parameter_table.values - alone.parameter_table.values
    assert np.abs(moves).max() > 0
    models = alone, found.force_field.with_corrections([]), found.force_field
    before, terms, after = (both_errors(model, new) for model in models)
    assert after < 0.9 * before
    assert terms < 1.1 * before


@pytest.mark.parametrize("points", [None, 20])
def test_kernels_leave_conformers_that_no_frame_shows_about_where_the_terms_have_them(points: int | None) -> None:
    """A spring so stiff that its kernel would say much of them, and noise that leaves them open."""
    task = replace(
        spring_task(points=points),
        frames=spring_frames(40, extra=8000.0, noise=60.0),
        validation=validation_frames(8e3),
    )
    material = prepare(task)
    force, _ = material.validation.deviations()
    assert material.region is not None
    region = replace(material.region, deviation=KCAL_MOL / force)  # stock GAFF without the spring is poor
    shown, heights = region.conformers, []
    for own in (region, None):
        found = outcome(replace(material, region=own))
        said = " ".join(found.sentences())
        assert ("conformers that no training frame shows, kernels" in said) is (own is region)
        conformers, references = (
            energies_of_kernels(found.force_field, x) for x in (shown.described_by(ATOMS), shown.references)
        )
        heights.append(float(np.sqrt(np.mean((conformers - references.mean()) ** 2))))
    assert heights[0] < 0.5 * heights[1]
    assert heights[0] < 3 * KCAL_MOL


def test_kernels_with_few_points_leave_hot_geometries_to_terms_that_know_them() -> None:
    material = prepare(joint_task(points=20, descriptor="distances"))
    alone = material.task.force_field
    hot = torch.as_tensor(hot_geometries(alone, material.task.frames.positions, 60, 1000.0, seed=5))
    moved = []
    for frames in (material.hot, None):
        hybrid = outcome(replace(material, hot=frames)).force_field
        assert hybrid.corrections
        (energies, forces), (old, before) = (model.energy_forces(hot) for model in (hybrid, alone))
        moved.append((float((energies - old).std()), float((forces - before).square().mean().sqrt())))
    (energy, force), (energy_without, force_without) = moved
    assert energy < 0.75 * energy_without
    assert force < 0.9 * force_without


def test_a_search_that_was_stopped_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trainings = [0]

    def stops(training: TrainingData, state: Hyperparameters, solver: Solver, validation: Validation) -> Scored:
        trainings[0] += 1
        if trainings[0] == 4:
            raise KeyboardInterrupt
        return scored(training, state, solver, validation)

    material = prepare(spring_task(60, points=15))
    monkeypatch.setattr(optimum, "scored", stops)
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path / "stopped"))
    with pytest.raises(KeyboardInterrupt):
        outcome(material)
    again, kept = outcome(material), trainings[0]
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path / "at once"))
    trainings[0] = 10
    whole = outcome(material)
    assert kept - 4 == trainings[0] - 10 - 3
    assert again.hyperparameters == whole.hyperparameters
    x = torch.as_tensor(spring_frames(5, seed=3).positions)
    assert torch.equal(again.force_field.energy(x), whole.force_field.energy(x))


def test_a_resumed_search_holds_what_the_first_one_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Bounds so narrow that trainings leave them; scores that are remembered train nothing."""
    task = joint_task(points=10, descriptor="distances")
    narrow = property(lambda self: (self.values - 1e-2 * self.prior_widths, self.values + 1e-2 * self.prior_widths))
    monkeypatch.setattr(type(task.force_field.parameter_table), "bounds", narrow)
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))
    solutions = [solve(optimise(choose(prepare(task)))) for _ in range(2)]
    first, second = ([held.places.tolist() for held in one.optimum.training.held] for one in solutions)
    assert first
    assert first == second
    one, other = (own.corrected.force_field.parameter_table.values for own in solutions)
    # equations that are restricted later are rounded otherwise
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-9)


def test_the_gate_judges_the_corrected_force_field() -> None:
    found = correct_stable(spring_task(), GateOptions(gate="short"))
    assert found.report is not None
    assert found.report.simulated == pytest.approx(120)
    assert correct_stable(spring_task(), GateOptions(gate="none")).report is None


def test_progress_goes_up_to_one_at_most() -> None:
    seen: list[float] = []
    task = spring_task(40)
    correct_stable(task, GateOptions(gate="none"), progress=lambda fraction, what="", /: seen.append(fraction))
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] <= 1


@pytest.mark.parametrize("n_wells", [0, 2])
def test_kernels_that_draw_unseen_conformers_down_are_refused(n_wells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def wells(unseen: UnseenConformers, fitted: ForceField) -> ConformerEnergies | None:
        return ConformerEnergies(unseen.conformers[:2], unseen.conformers[:1], np.zeros(2)) if n_wells else None

    monkeypatch.setattr("hybridff.hybrid.correcting.check_stability", passes)
    monkeypatch.setattr("hybridff.hybrid.unseen.false_minima", wells)
    found = correct_stable(spring_task())
    assert bool(found.force_field.corrections) is (n_wells == 0)
    said = "kernels draw 2 conformers that no training frame shows (other angles of "
    assert (said in found.sentences()[-1]) is (n_wells > 0)


def test_more_noise_is_tried_until_the_gate_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[ForceField] = []

    def second(model: ForceField, options: StabilityOptions) -> StabilityReport:
        judged.append(model)
        return passes(model, options) if len(judged) == 2 else strict(model, options)

    monkeypatch.setattr("hybridff.hybrid.correcting.check_stability", second)
    task = spring_task()
    found = correct_stable(task)
    assert len(judged) == 2
    assert found.force_field is judged[1]
    assert found.remarks == ("The plain correction did not pass the stability gate; this one takes 3 times the noise.",)
    plain = outcome(prepare(task)).hyperparameters
    assert found.hyperparameters.force_noise == 3 * plain.force_noise


def test_without_a_stable_correction_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.hybrid.correcting.check_stability", strict)
    task = spring_task()
    alone = correct_stable(replace(task, force_field=task.force_field.without_terms()))
    assert len(alone.force_field.corrections) == 1
    assert alone.sentences()[-1] == "They did not pass the stability gate: a hole of the test"
    said: list[str] = []
    found = correct_stable(task, say=said.append)
    assert found.force_field.corrections == ()
    assert found.report is not None
    assert found.report.passed
    assert "No correction passed the stability gate" in found.sentences()[-1]
    assert said == [
        "kernels: how strong they should be …",
        *["kernels: training …", "stability gate …", "not stable; training again: a hole of the test"] * 3,
    ]
