import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from models import corrected, distorted, force_field, molecule

from hybridff import Frames, evaluate, fit, read_frames
from hybridff.analysis.errors import predict
from hybridff.correct import CorrectionOptions, correct, correct_stable
from hybridff.corrections.term import KernelTerm
from hybridff.errors import FitError, InputError
from hybridff.gaff.forcefield import ForceField
from hybridff.gate import Finding, StabilityOptions, StabilityReport
from hybridff.stable import GateOptions
from hybridff.units import FORCE_KCAL

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


def test_a_kernel_takes_up_what_the_terms_leave() -> None:
    start, new = force_field("ethanol"), data(40, seed=7)
    found = correct(start, data(60), [ATOMS])
    (strength,) = found.found.strengths
    assert strength.amplitude > 0
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
    found = correct(force_field("ethanol"), data(30, extra=0.0), [ATOMS])
    assert found.force_field.corrections == ()
    assert found.n_points == (0,)
    assert found.sentences() == (
        "The kernel on atoms C1, C2, O3, H9 is switched off: the data give no evidence for it.",
    )


def test_a_correction_is_deterministic() -> None:
    x = torch.as_tensor(distorted("ethanol", 3, seed=3))
    one, other = (correct(force_field("ethanol"), data(30), [ATOMS]).force_field.energy(x) for _ in "xy")
    assert torch.equal(one, other)


def test_a_class_ii_fit_is_corrected_beside_its_own_coefficients() -> None:
    """The evidence counts that the coefficients explain part of what they left."""
    frames = read_frames("hybridff/data/ethanol.npz").subset(np.arange(40))
    model = force_field("ethanol", form="class2")
    found = correct(model, Frames(model.molecule.numbers, frames.positions, *predict(model, frames.positions)), [ATOMS])
    assert found.force_field.corrections == ()


def test_what_coefficients_might_have_explained_is_no_evidence_for_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forces of the same form with other coefficients: without knowing of these, a kernel would be wanted."""
    model = force_field("ethanol", form="class2")
    parameters = model.parameter_table
    moves = np.random.default_rng(0).normal(0, 0.3, len(parameters)) * parameters.prior_widths
    x = distorted("ethanol", 40)
    energies, forces = predict(model.with_values(parameters.values + moves), x)
    forces += np.random.default_rng(1).normal(0, 5.0, forces.shape)
    frames = Frames(model.molecule.numbers, x, energies, forces)
    (beside,) = correct(model, frames, [range(9)]).found.strengths
    monkeypatch.setattr(sys.modules["hybridff.correct"], "is_linear", lambda force_field: False)
    (alone,) = correct(model, frames, [range(9)]).found.strengths
    assert alone.gain > 100
    assert beside.gain < 0.1 * alone.gain


def test_the_gate_judges_the_corrected_force_field() -> None:
    found = correct_stable(force_field("ethanol"), data(30), [ATOMS], GateOptions(gate="short"))
    assert found.report is not None
    assert found.report.simulated == pytest.approx(120)
    assert correct_stable(force_field("ethanol"), data(30), [ATOMS], GateOptions(gate="none")).report is None


def test_frames_without_forces_and_a_second_correction_are_refused() -> None:
    frames = data(10)
    bare = replace(frames, forces=None)
    with pytest.raises(FitError, match="have no forces; a correction needs them"):
        correct(force_field("ethanol"), bare, [ATOMS])
    with pytest.raises(FitError, match="has corrections already"):
        correct(corrected(force_field("ethanol")), frames, [ATOMS])


def test_one_frame_is_refused() -> None:
    with pytest.raises(FitError, match="has 1 training frame; a correction needs at least two"):
        correct(force_field("ethanol"), data(1), [ATOMS])


def test_noise_too_small_for_double_precision_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame twice: without noise the covariance is singular."""
    module = sys.modules["hybridff.correct"]
    monkeypatch.setattr(module, "_NOISES", ((1e-9, 1e-9), (1.0, 1.0)))
    frames = data(20)
    twice = frames.subset(np.repeat(np.arange(20), 2))
    found = correct(force_field("ethanol"), twice, [range(9)], validation=data(10, seed=5))
    (strength,) = found.found.strengths
    assert strength.variance > 0
    assert found.noise == pytest.approx(found.found.force_noise)


def test_two_corrections_on_the_same_atoms_are_refused() -> None:
    with pytest.raises(InputError, match="two corrections are on the same atoms"):
        correct(force_field("ethanol"), data(10), [ATOMS, ATOMS[::-1]])


def test_fewer_points_than_frames_are_trained_on_all_frames() -> None:
    found = correct(force_field("ethanol"), data(60), [ATOMS], CorrectionOptions(points=15))
    assert found.n_points == (15,)
    assert found.n_frames == 60
    new = data(40, seed=7)
    before, after = (evaluate(model, new).force_rmse for model in (force_field("ethanol"), found.force_field))
    assert before is not None
    assert after is not None
    assert after < 0.5 * before


def test_width_and_noise_are_those_that_the_options_fix() -> None:
    options = CorrectionOptions(kernel_width=0.7, kernel_noise=0.4)
    found = correct(force_field("ethanol"), data(40), [ATOMS], options)
    (strength,) = found.found.strengths
    assert strength.width == pytest.approx(7.0)
    assert found.noise == pytest.approx(0.4 * FORCE_KCAL)


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
    found = correct(force_field("ethanol"), data(40), [range(9)], CorrectionOptions(descriptor="angular"))
    (term,) = found.force_field.corrections
    assert isinstance(term, KernelTerm)
    descriptor = term.expansion.descriptor
    assert (len(descriptor.angles), len(descriptor.torsions)) == (13, 12)


def test_a_kernel_that_does_not_help_on_the_validation_frames_is_switched_off() -> None:
    found = correct(force_field("ethanol"), data(40), [ATOMS], validation=data(20, seed=5, extra=-800.0))
    assert found.force_field.corrections == ()
    assert found.sentences()[-1].startswith("There is no correction: on the validation frames")


def test_the_coefficients_move_as_far_as_their_fit_has_left_them_open() -> None:
    frames = data(60, extra=4000.0)
    start = force_field("ethanol", form="class2")
    fitted = fit(start, frames)
    alone = fitted.force_fields[0]
    found = correct(alone, frames, [ATOMS], posterior=fitted.posteriors[0])
    assert found.joint
    assert found.n_points == (60,)
    moves = found.force_field.parameter_table.values - alone.parameter_table.values
    assert np.abs(moves).max() > 0
    new = data(40, seed=7, extra=4000.0)
    models = alone, found.force_field.with_corrections([]), found.force_field
    before, terms, after = (evaluate(model, new).force_rmse or np.nan for model in models)
    assert after < before
    assert terms < 1.15 * before


def test_without_a_stable_correction_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that lets no kernel pass."""
    module = sys.modules["hybridff.correct"]

    def strict(model: ForceField, options: StabilityOptions) -> StabilityReport:
        holes = (Finding("scan", (), "a hole of the test"),) if model.corrections else ()
        return StabilityReport(options, holes, (), np.zeros((9, 3)), np.zeros((0, 9, 3)), 0.0, 0, 0)

    monkeypatch.setattr(module, "stability", strict)
    said: list[str] = []
    found = correct_stable(force_field("ethanol"), data(30), [ATOMS], say=said.append)
    assert found.force_field.corrections == ()
    assert found.report is not None
    assert found.report.passed
    assert "No correction passed the stability gate" in found.sentences()[-1]
    assert said.count("not stable; training again: a hole of the test") == 3
