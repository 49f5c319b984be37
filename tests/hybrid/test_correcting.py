import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import pytest
import torch
from models import corrected, distorted, force_field, molecule

from hybridff import Frames, evaluate, fit, read_frames, to_openmm
from hybridff.corrections.term import KernelTerm
from hybridff.errors import FitError, InputError
from hybridff.fitting.conformers import Lessons, Unseen
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.correcting import Corrected, CorrectionOptions, correct, correct_stable
from hybridff.hybrid.pseudo_frames import hot_geometries
from hybridff.hybrid.training import Training
from hybridff.stability.gate import Finding, GateOptions, StabilityOptions, StabilityReport
from hybridff.units import FORCE_KCAL, KCAL_MOL

ATOMS = (0, 1, 2, 8)


def data(n: int, *, seed: int = 0, noise: float = 2.0, extra: float = 800.0) -> Frames:
    """Frames labelled by stock GAFF, with a spring between the ends of ethanol's chain and noise [kJ/mol/nm]."""
    x = distorted("ethanol", n, seed=seed)
    energies, forces = predict(force_field("ethanol"), x)
    where = torch.as_tensor(x).requires_grad_()
    spring = extra * ((where[:, 0] - where[:, 8]).norm(dim=-1) - 0.3) ** 2
    (gradient,) = torch.autograd.grad(spring.sum(), where)
    random = np.random.default_rng(seed + 1)
    energies = energies + spring.detach().numpy() + random.normal(0, 0.05 * noise, n)
    return Frames(
        molecule("ethanol").numbers, x, energies, forces - gradient.numpy() + random.normal(0, noise, x.shape)
    )


def unseen(extra: float = 800.0) -> Frames:
    """Validation frames."""
    return data(20, seed=9, extra=extra)


def both_errors(model: ForceField, frames: Frames) -> float:
    """Geometric mean of the errors of forces and energies."""
    energies, forces = predict(model, frames.positions)
    assert frames.forces is not None
    return float(np.sqrt(np.std(frames.forces - forces) * np.std(frames.energies - energies)))


def test_a_kernel_takes_up_what_the_terms_leave() -> None:
    start, new = force_field("ethanol"), data(40, seed=7)
    found = correct(start, data(60), unseen(), [ATOMS])
    assert found.state.amplitudes[0] > 0
    assert found.n_points == (60,)
    assert found.n_frames == 60
    assert not found.joint
    assert [term.atoms for term in found.force_field.corrections] == [ATOMS]
    before, after = (
        evaluate(model, new, evaluate(model, data(60)).energy_offset).force_rmse for model in (start, found.force_field)
    )
    assert before is not None
    assert after is not None
    assert after < 0.35 * before
    np.testing.assert_array_equal(found.force_field.parameter_table.values, start.parameter_table.values)


def test_without_anything_to_gain_the_kernel_is_switched_off() -> None:
    found = correct(force_field("ethanol"), data(30, extra=0.0), unseen(extra=0.0), [ATOMS])
    assert found.force_field.corrections == ()
    assert found.n_points == (0,)
    assert found.sentences() == (
        "The kernel on atoms C1, C2, O3, H9 is switched off: forces and energies of the validation frames are about as "
        "good without it.",
    )


def test_a_correction_is_deterministic() -> None:
    x = torch.as_tensor(distorted("ethanol", 3, seed=3))
    one, other = (correct(force_field("ethanol"), data(30), unseen(), [ATOMS]).force_field.energy(x) for _ in "xy")
    assert torch.equal(one, other)


def test_the_gate_judges_the_corrected_force_field() -> None:
    found = correct_stable(force_field("ethanol"), data(30), unseen(), [ATOMS], GateOptions(gate="short"))
    assert found.report is not None
    assert found.report.simulated == pytest.approx(120)
    assert correct_stable(force_field("ethanol"), data(30), unseen(), [ATOMS], GateOptions(gate="none")).report is None


def test_frames_without_forces_and_a_second_correction_are_refused() -> None:
    frames = data(10)
    bare = replace(frames, forces=None)
    with pytest.raises(FitError, match="have no forces; a correction needs them"):
        correct(force_field("ethanol"), bare, unseen(), [ATOMS])
    with pytest.raises(FitError, match="has corrections already"):
        correct(corrected(force_field("ethanol")), frames, unseen(), [ATOMS])


def test_one_frame_is_refused() -> None:
    with pytest.raises(FitError, match="has 1 training frame; a correction needs at least two"):
        correct(force_field("ethanol"), data(1), unseen(), [ATOMS])


def test_a_correction_needs_validation_frames() -> None:
    with pytest.raises(FitError, match="has 3 validation frames; a correction needs at least 5"):
        correct(force_field("ethanol"), data(10), data(3), [ATOMS])
    with pytest.raises(FitError, match="the validation frames of ethanol have no forces"):
        correct(force_field("ethanol"), data(10), replace(unseen(), forces=None), [ATOMS])


def test_a_kernel_that_is_no_better_when_trained_on_all_frames_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few frames showed how strong it should be, say."""
    monkeypatch.setattr(sys.modules["hybridff.hybrid.correcting"], "WORTH", 100.0)
    found = correct(force_field("ethanol"), data(40), unseen(), [ATOMS])
    assert found.force_field.corrections == ()
    assert found.sentences()[-1].startswith("There is no correction: on the validation frames")


def test_two_corrections_on_the_same_atoms_are_refused() -> None:
    with pytest.raises(InputError, match="two corrections are on the same atoms"):
        correct(force_field("ethanol"), data(10), unseen(), [ATOMS, ATOMS[::-1]])


def test_fewer_points_than_frames_are_trained_on_all_frames() -> None:
    found = correct(force_field("ethanol"), data(60), unseen(), [ATOMS], CorrectionOptions(points=15))
    assert found.n_points == (15,)
    assert found.n_frames == 60
    new = data(40, seed=7)
    before, after = (evaluate(model, new).force_rmse for model in (force_field("ethanol"), found.force_field))
    assert before is not None
    assert after is not None
    assert after < 0.5 * before


def test_a_search_that_was_stopped_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, trainings = sys.modules["hybridff.hybrid.correcting"], [0]
    trained = module._Problem._score_of

    def stops(problem: Any, state: Any) -> float:
        trainings[0] += 1
        if trainings[0] == 4:
            raise KeyboardInterrupt
        return trained(problem, state)

    def found() -> Corrected:
        return correct(force_field("ethanol"), data(60), unseen(), [ATOMS], CorrectionOptions(points=15))

    monkeypatch.setattr(module._Problem, "_score_of", stops)
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path / "stopped"))
    with pytest.raises(KeyboardInterrupt):
        found()
    again, kept = found(), trainings[0]
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path / "at once"))
    trainings[0] = 10
    whole = found()
    assert kept - 4 == trainings[0] - 10 - 3
    assert again.state == whole.state
    x = torch.as_tensor(data(5, seed=3).positions)
    assert torch.equal(again.force_field.energy(x), whole.force_field.energy(x))


def test_progress_goes_up_to_one_at_most() -> None:
    seen: list[float] = []
    gate = GateOptions(gate="none")
    correct_stable(force_field("ethanol"), data(40), unseen(), [ATOMS], gate, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] <= 1


def test_kernels_alone_are_all_the_energy() -> None:
    bare = force_field("ethanol").without_terms()
    x = torch.as_tensor(distorted("ethanol", 3))
    assert (bare.energy(x) == 0).all()
    found = correct(bare, data(60), unseen(), [range(9)])
    nothing, own = (evaluate(model, unseen()).force_rmse for model in (bare, found.force_field))
    assert own is not None
    assert nothing is not None
    assert own < 0.2 * nothing
    system = to_openmm(found.force_field)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(x[0].numpy())
    energy = context.getState(getEnergy=True).getPotentialEnergy()._value
    assert energy == pytest.approx(float(found.force_field.energy(x[:1])), abs=1e-6)


def test_width_and_noise_are_those_that_the_options_fix() -> None:
    options = CorrectionOptions(kernel_width=0.7, kernel_noise=0.4)
    found = correct(force_field("ethanol"), data(40), unseen(), [ATOMS], options)
    assert found.state.widths == pytest.approx((7.0,))
    assert found.state.force_noise == pytest.approx(0.4 * FORCE_KCAL)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"points": 0}, "points has to be at least 1"),
        ({"kernel_width": 0.0}, "kernel_width has to be a positive number"),
    ],
)
def test_options_that_mean_nothing_are_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CorrectionOptions(**values)


def test_a_kernel_of_angles_and_torsions_has_them_all() -> None:
    found = correct(force_field("ethanol"), data(40), unseen(), [range(9)], CorrectionOptions(descriptor="angular"))
    (term,) = found.force_field.corrections
    assert isinstance(term, KernelTerm)
    descriptor = term.expansion.descriptor
    assert (len(descriptor.angles), len(descriptor.torsions)) == (13, 12)


def test_a_kernel_that_does_not_help_on_the_validation_frames_is_switched_off() -> None:
    found = correct(force_field("ethanol"), data(40), unseen(extra=-800.0), [ATOMS])
    assert found.force_field.corrections == ()
    assert "switched off" in found.sentences()[-1]


def test_the_coefficients_move_as_far_as_their_fit_has_left_them_open() -> None:
    everything = read_frames("hybridff/data/ethanol.npz")
    frames, held, new = (everything.subset(np.arange(first, first + n)) for first, n in ((0, 60), (60, 40), (100, 150)))
    start = force_field("ethanol", form="class2")
    fitted = fit(start, frames)
    alone = fitted.force_fields[0]
    found = correct(alone, frames, held, [range(9)], posterior=fitted.posteriors[0])
    assert found.joint
    assert found.n_points == (60,)
    moves = found.force_field.parameter_table.values - alone.parameter_table.values
    assert np.abs(moves).max() > 0
    models = alone, found.force_field.with_corrections([]), found.force_field
    before, terms, after = (both_errors(model, new) for model in models)
    assert after < 0.9 * before
    assert terms < 1.1 * before


@pytest.mark.parametrize("drawn", [True, False])
def test_kernels_that_draw_unseen_conformers_down_are_refused(drawn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["hybridff.hybrid.correcting"]

    def passes(model: ForceField, options: StabilityOptions) -> StabilityReport:
        return StabilityReport(options, (), (), np.zeros((9, 3)), np.zeros((0, 9, 3)), 0.0, 0, 0)

    def wells(self: Unseen, fitted: ForceField) -> Lessons | None:
        return Lessons(self.conformers[:2], self.conformers[:1], np.zeros(2)) if drawn else None

    monkeypatch.setattr(module, "check_stability", passes)
    monkeypatch.setattr(Unseen, "wells", wells)
    found = correct_stable(force_field("ethanol"), data(30), unseen(), [ATOMS])
    assert bool(found.force_field.corrections) is not drawn
    said = "kernels draw 2 conformers that no training frame shows (other angles of "
    assert (said in found.sentences()[-1]) is drawn


@pytest.mark.parametrize("points", [None, 20])
def test_kernels_leave_conformers_that_no_frame_shows_about_where_the_terms_have_them(points: int | None) -> None:
    """A spring so stiff that its kernel would say much of them, and noise that leaves them open."""
    start, frames = force_field("ethanol"), data(40, extra=8000.0, noise=60.0)
    options = CorrectionOptions(points=points, descriptor="distances")
    shown = Unseen(start, frames.positions)
    assert shown.first is not None
    heights = []
    module = sys.modules["hybridff.hybrid.correcting"]
    for anchors in (40, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_ANCHORS", anchors)
            patch.setattr(module, "_AS_WRONG", 0.0)  # stock GAFF without the spring is
            if not anchors:
                patch.setattr(Unseen, "wells", lambda self, fitted: None)
            found = correct(start, frames, unseen(8000.0), [ATOMS], options)
        said = " ".join(found.sentences())
        assert ("conformers that no training frame shows, kernels" in said) is bool(anchors)
        model = found.force_field
        (term,) = model.corrections
        assert isinstance(term, KernelTerm)
        conformers, references = (
            term.energy(torch.as_tensor(x)).numpy() for x in (shown.seen_by(ATOMS), shown.first.references)
        )
        heights.append(float(np.sqrt(np.mean((conformers - references.mean()) ** 2))))
    assert heights[0] < 0.5 * heights[1]
    assert heights[0] < 3 * KCAL_MOL


def test_kernels_with_few_points_leave_hot_geometries_to_terms_that_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = read_frames("hybridff/data/ethanol.npz")
    frames, held = (everything.subset(np.arange(first, first + n)) for first, n in ((0, 60), (60, 40)))
    fitted = fit(force_field("ethanol", form="class2"), frames)
    alone = fitted.force_fields[0]
    hot = torch.as_tensor(hot_geometries(alone, frames.positions, 60, seed=5))
    module, moved = sys.modules["hybridff.hybrid.correcting"], []
    options = CorrectionOptions(points=20, descriptor="distances")
    for wanted in (200, 0):
        monkeypatch.setattr(module, "_HOT", wanted)
        hybrid = correct(alone, frames, held, [range(9)], options, posterior=fitted.posteriors[0]).force_field
        assert hybrid.corrections
        (energies, forces), (old, before) = (model.energy_forces(hot) for model in (hybrid, alone))
        moved.append((float((energies - old).std()), float((forces - before).square().mean().sqrt())))
    (energy, force), (energy_without, force_without) = moved
    assert energy < 0.75 * energy_without
    assert force < 0.9 * force_without


def test_without_a_stable_correction_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that lets no kernel pass."""
    module = sys.modules["hybridff.hybrid.correcting"]

    def strict(model: ForceField, options: StabilityOptions) -> StabilityReport:
        holes = (Finding("scan", (), "a hole of the test"),) if model.corrections else ()
        return StabilityReport(options, holes, (), np.zeros((9, 3)), np.zeros((0, 9, 3)), 0.0, 0, 0)

    monkeypatch.setattr(module, "check_stability", strict)
    alone = correct_stable(force_field("ethanol").without_terms(), data(30), unseen(), [ATOMS])
    assert len(alone.force_field.corrections) == 1
    assert alone.sentences()[-1] == "They did not pass the stability gate: a hole of the test"
    said: list[str] = []
    found = correct_stable(force_field("ethanol"), data(30), unseen(), [ATOMS], say=said.append)
    assert found.force_field.corrections == ()
    assert found.report is not None
    assert found.report.passed
    assert "No correction passed the stability gate" in found.sentences()[-1]
    assert said.count("not stable; training again: a hole of the test") == 3


def test_a_resumed_search_keeps_coefficients_where_the_first_one_froze_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Bounds so narrow that trainings leave them; scores that are remembered train nothing."""
    everything = read_frames("hybridff/data/ethanol.npz")
    frames, held = (everything.subset(np.arange(first, first + n)) for first, n in ((0, 60), (60, 40)))
    fitted = fit(force_field("ethanol", form="class2"), frames)
    alone = fitted.force_fields[0]
    narrow = property(lambda self: (self.values - 1e-2 * self.prior_widths, self.values + 1e-2 * self.prior_widths))
    monkeypatch.setattr(type(alone.parameter_table), "bounds", narrow)
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))
    module, freeze, frozen = sys.modules["hybridff.hybrid.training"], Training.freeze, []

    def noted(training: Training, places: np.ndarray) -> None:
        frozen.append(places.tolist())
        freeze(training, places)

    monkeypatch.setattr(module.Training, "freeze", noted)
    found, orders = [], []
    for _ in range(2):
        frozen.clear()
        options = CorrectionOptions(points=10, descriptor="distances")
        found.append(correct(alone, frames, held, [range(9)], options, posterior=fitted.posteriors[0]))
        orders.append(list(frozen))
    assert orders[0]
    assert orders[0] == orders[1]
    one, other = (own.force_field.parameter_table.values for own in found)
    # equations that are restricted later are rounded otherwise
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-9)
