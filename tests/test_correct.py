import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from models import corrected, distorted, force_field, molecule

from hybridff import Frames, evaluate, read_frames
from hybridff.analysis.errors import predict
from hybridff.correct import chosen_atoms, correct, correct_stable
from hybridff.errors import FitError, InputError
from hybridff.stable import GateOptions

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
    assert found.n_points == 60
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
    assert found.n_points == 0
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


def test_atoms_are_chosen_by_their_numbers_or_all_together() -> None:
    ethanol = molecule("ethanol")
    assert chosen_atoms("1,2,9", ethanol) == (0, 1, 8)
    assert chosen_atoms("all", ethanol) == tuple(range(9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("some", "a correction is 'all' or atom numbers such as 1,2,8, not 'some'"),
        ("1,,2", "not '1,,2'"),
        ("0,1", "ethanol has no atom 0, only 1 to 9"),
        ("3,10", "ethanol has no atom 10, only 1 to 9"),
        ("4", "name at least two atoms, each once"),
        ("4,4", "name at least two atoms, each once"),
    ],
)
def test_other_choices_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen_atoms(text, molecule("ethanol"))
