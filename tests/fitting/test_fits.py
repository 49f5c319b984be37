from dataclasses import replace

import numpy as np
import pytest
from models import corrected, distorted, force_field, lone_atom, perturbed
from scipy.optimize import least_squares

from hybridff.errors import FitError, InputError
from hybridff.fitting import equations, nonlinear_fit
from hybridff.fitting.fits import FitResult, fit, fit_together
from hybridff.fitting.nonlinear_problem import inactive_quantities
from hybridff.fitting.options import FitOptions
from hybridff.frames.accuracy import evaluate, predict, what_is_left
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.gaff.parameters import QUANTITIES, Quantity
from hybridff.molecules.rotors import find_rotors, turn

PAIRS = ("pair repulsion", "pair epsilon", "pair charge product")


def data(
    model: ForceField,
    n: int,
    *,
    width: float = 0.01,
    seed: int = 0,
    energy: float = 0.0,
    force: float = 0.0,
    turned: bool = False,
) -> Frames:
    """Frames labelled by a force field, with an energy offset and Gaussian noise [kJ/mol, kJ/mol/nm]."""
    x = distorted(model.molecule.name, n, width, seed)
    random = np.random.default_rng(seed + 1)
    for rotor in find_rotors(model.molecule) if turned else ():
        angles = np.linspace(-np.pi, np.pi, n, endpoint=False)
        random.shuffle(angles)
        x = np.array([turn(model.molecule, *frame) for frame in zip(x, [rotor] * n, angles, strict=True)])
    energies, forces = predict(model, x)
    energies = energies - 4e5 + random.normal(0, energy, energies.shape)
    return Frames(model.molecule.numbers, x, energies, forces + random.normal(0, force, forces.shape))


def in_widths(result: FitResult, other: ForceField) -> np.ndarray:
    """Distance of the fitted parameters from those of another model, in prior widths; constants are left out."""
    free = result.start.adjustable
    return (result.end.values - other.parameter_table.values)[free] / result.start.prior_widths[free]


def loss(model: ForceField, frames: Frames, result: FitResult, energy_weight: float = 1.0) -> float:
    """The training loss, from energies and forces in torch."""
    energies, forces = predict(model, frames.positions)
    difference = frames.energies - energies
    difference -= difference.mean()
    assert frames.forces is not None
    squares = energy_weight * (difference**2).sum() / result.noise.energy**2
    return 0.5 * (squares + ((frames.forces - forces) ** 2).sum() / result.noise.force**2)


@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde", "propane"])
def test_a_fit_recovers_the_force_field_that_made_the_data(name: str) -> None:
    start = force_field(name, fourier=3)
    truth = perturbed(start, 0.3)
    frames = data(truth, 60)
    result = fit(start, frames)
    assert result.converged
    assert not result.undetermined.any()
    # Normal equations have the square of the data's condition: what 60 frames say least is good to some 1e-3.
    np.testing.assert_allclose(in_widths(result, truth), 0.0, atol=1e-2)
    assert np.median(np.abs(in_widths(result, truth))) < 1e-7
    assert result.energy_offset == pytest.approx(-4e5, abs=1e-3)
    unseen = data(truth, 20, seed=7)
    errors, before = (evaluate(model, unseen) for model in (result.force_field, start))
    assert errors.force_rmse is not None
    assert before.force_rmse is not None
    assert errors.force_rmse < 1e-6 * before.force_rmse


def test_noise_is_learnt_and_determined_parameters_are_found_within_their_error_bars() -> None:
    start = force_field("ethanol", fourier=3)
    truth = perturbed(start, 0.3)
    result = fit(start, data(truth, 300, energy=2.0, force=100.0, turned=True))
    assert result.unseen == ("",)
    # 300 energies give their deviation to 1/sqrt(600) = 4 %, 8100 force components theirs to 0.8 %.
    assert result.noise.energy == pytest.approx(2.0, rel=0.15)
    assert result.noise.force == pytest.approx(100.0, rel=0.03)
    free = result.start.adjustable
    errors = (result.end.values - truth.parameter_table.values)[free] / result.deviations[free]
    assert np.abs(errors).max() < 4.0
    assert 0.5 < np.sqrt(np.mean(errors**2)) < 1.5


@pytest.mark.parametrize("name", ["ethanol", "benzene"])
def test_a_fit_started_at_the_answer_stays_there(name: str) -> None:
    truth = perturbed(force_field(name, fourier=2), 0.3)
    result = fit(truth, data(truth, 40))
    np.testing.assert_allclose(in_widths(result, truth), 0.0, atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_a_fit_never_ends_worse_than_it_starts(seed: int) -> None:
    random = np.random.default_rng(seed)
    name = ["ethanol", "propyne", "acetaldehyde"][seed % 3]
    stock = force_field(name, fourier=int(random.integers(0, 4)))
    start = perturbed(stock, float(random.uniform(0, 2)), seed)
    truth = perturbed(stock, float(random.uniform(0, 2)), seed + 100)
    frames = data(
        truth,
        int(random.choice([2, 3, 5, 30])),
        width=float(random.choice([0.0005, 0.005, 0.02])),
        seed=seed,
        energy=float(random.choice([0.0, 5.0, 500.0])),
        force=float(random.choice([0.0, 100.0, 1e4])),
    )
    options = FitOptions(
        pairs=random.choice(["none", "lennard-jones", "all"]),
        prior_scale=float(random.choice([0.1, 1.0, 100.0])),
        energy_weight=float(random.choice([0.01, 1.0, 100.0])),
        max_iterations=int(random.choice([1, 5, 50])),
    )
    result = fit(start, frames, options)
    assert result.loss_end <= result.loss_start
    at_start, at_end = (loss(each, frames, result, options.energy_weight) for each in (start, result.force_field))
    # The fit's own loss is a small difference of large sums of squares.
    assert at_end <= at_start * (1 + 1e-9)
    lower, upper = result.start.bounds
    assert (np.minimum(lower, result.start.values) <= result.end.values).all()
    assert (result.end.values <= np.maximum(upper, result.start.values)).all()
    assert np.isfinite(result.deviations).all()


def test_a_fit_is_deterministic() -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 0.5), 20, energy=1.0, force=50.0)
    first, second = fit(start, frames), fit(start, frames)
    np.testing.assert_array_equal(first.end.values, second.end.values)
    assert first.noise == second.noise


def test_the_minimum_is_that_of_scipys_least_squares() -> None:
    start = force_field("propyne")
    frames = data(perturbed(start, 0.6), 12, energy=3.0, force=300.0)
    result = fit(start, frames)
    free = np.flatnonzero(result.start.adjustable)
    widths, values = result.start.prior_widths[free], result.start.values
    lower, upper = (bound[free] for bound in result.start.bounds)

    def residuals(moves: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed[free] += moves * widths
        energies, forces = predict(start.with_values(changed), frames.positions)
        difference = frames.energies - energies
        difference -= difference.mean()
        assert frames.forces is not None
        force = (frames.forces - forces).ravel() / result.noise.force
        return np.concatenate([difference / result.noise.energy, force, moves])

    expected = least_squares(
        residuals,
        np.zeros(len(free)),
        bounds=((lower - values[free]) / widths, (upper - values[free]) / widths),
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    ours = (result.end.values - values)[free] / widths
    assert 0.5 * (residuals(ours) ** 2).sum() <= expected.cost * (1 + 1e-8)
    # Either stops where further steps hardly lower the loss: a small part of the error bars.
    bars = result.deviations[free] / widths
    np.testing.assert_allclose(ours / bars, expected.x / bars, rtol=0, atol=0.05)


def test_the_order_of_the_frames_and_the_size_of_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 0.5), 30, energy=1.0, force=50.0, turned=True)
    expected = fit(start, frames)
    shuffled = fit(start, frames.subset(np.random.default_rng(0).permutation(30)))
    done: list[float] = []
    monkeypatch.setattr(equations, "_BLOCK_BYTES", 1)
    blocks = fit(start, frames, progress=lambda fraction, what="": done.append(fraction))
    assert done == pytest.approx(np.arange(1, 31) / 30)
    free = expected.start.adjustable
    for other in (shuffled, blocks):
        moves = (other.end.values - expected.end.values)[free] / expected.start.prior_widths[free]
        # Sums in another order; the least determined parameters feel rounding most.
        np.testing.assert_allclose(moves, 0.0, atol=1e-6)


def test_frames_far_away_in_energy_change_nothing() -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 0.5), 20, energy=1.0, force=50.0)
    shifted = replace(frames, energies=frames.energies - 1e5)
    first, second = fit(start, frames), fit(start, shifted)
    assert second.energy_offset - first.energy_offset == pytest.approx(-1e5, rel=1e-9)
    np.testing.assert_allclose(first.end.values, second.end.values, rtol=1e-5)


@pytest.mark.parametrize(("pairs", "kept"), [("none", PAIRS), ("lennard-jones", PAIRS[2:]), ("all", ())])
def test_frozen_pairs_stay_and_the_others_move(pairs: str, kept: tuple[str, ...]) -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 0.5), 20, energy=1.0, force=50.0)
    result = fit(start, frames, FitOptions(pairs=pairs))  # type: ignore[arg-type]
    moved = {
        quantity: bool((result.end.values != result.start.values)[np.array(result.start.quantities) == quantity].any())
        for quantity in PAIRS
    }
    assert moved == {quantity: quantity not in kept for quantity in PAIRS}
    np.testing.assert_array_equal(result.deviations[np.isin(result.start.quantities, kept)], 0.0)
    assert (result.force_field.nonbonded.charge == start.nonbonded.charge).all()


def test_what_the_data_cannot_determine_is_named() -> None:
    start = force_field("ethanol")
    x = np.repeat(distorted("ethanol", 1), 30, axis=0)
    # Only the C-C bond changes its length, rigidly on both sides.
    x[:, [0, 3, 4, 5]] += np.linspace(-0.005, 0.005, 30)[:, None, None] * (x[:1, 0:1] - x[:1, 1:2]) / 0.15
    energies, forces = predict(perturbed(start, 0.5), x)
    random = np.random.default_rng(0)
    frames = Frames(start.molecule.numbers, x, energies, forces + random.normal(0, 500.0, forces.shape))
    result = fit(start, frames)
    named = {
        (quantity, label)
        for quantity, label, open_ in zip(
            result.start.quantities, result.start.labels, result.undetermined.tolist(), strict=True
        )
        if open_
    }
    assert ("bond k", "C1-C2 (c3-c3)") not in named
    assert {"bond k", "torsion k"} <= {quantity for quantity, _ in named}
    assert not {quantity for quantity, _ in named} & {"torsion n", "torsion phase"}, "constants are not fitted"
    assert (result.deviations <= result.start.prior_widths * (1 + 1e-12)).all()


def test_a_wider_prior_lets_parameters_move_further() -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 2.0), 3, energy=5.0, force=1000.0)
    moves = [
        np.linalg.norm(in_widths(fit(start, frames, FitOptions(prior_scale=scale)), start))
        for scale in (0.01, 0.1, 1.0)
    ]
    assert moves[0] < moves[1] < moves[2]


def test_parameters_at_a_bound_and_the_largest_moves_are_reported() -> None:
    start = force_field("ethanol")
    values = start.parameter_table.values.copy()
    bond = start.parameter_table.quantities.index("angle k")
    values[bond] = -200.0  # a force field that no bound allows
    result = fit(start, data(start.with_values(values), 60))
    assert result.at_bound[bond]
    assert result.end.values[bond] == 0.0
    free = np.flatnonzero(result.start.adjustable)
    order = free[np.argsort(-np.abs(in_widths(result, start)))]
    assert result.largest_moves(3) == order[:3].tolist()


@pytest.mark.parametrize("second", ["reversed ethanol", "propane"])
def test_molecules_with_the_same_types_share_their_parameters(second: str) -> None:
    starts = [force_field(name, share="types") for name in ("ethanol", second)]
    stiffer = [with_scaled(start, "bond k", "c3-hc", 1.1) for start in starts]
    frames = [data(truth, 20) for truth in stiffer]
    result = fit_together(list(zip(starts, frames, strict=True)))
    keys = [
        {(q, label.partition(" #")[0], v) for q, label, v in zip(t.quantities, t.labels, t.values, strict=True)}
        for t in (start.parameter_table for start in starts)
    ]
    assert len(result.start) == len(keys[0] | keys[1])
    if second == "reversed ethanol":
        assert len(result.start) == len(starts[0].parameter_table)
    for truth, fitted_ in zip(stiffer, result.force_fields, strict=True):
        index = truth.parameter_table.quantities.index("bond k")
        np.testing.assert_allclose(
            fitted_.parameter_table.values[index], truth.parameter_table.values[index], rtol=1e-6
        )
    common = [value_of(model, "bond k", "c3-hc") for model in result.force_fields]
    assert common[0] == common[1] == pytest.approx(value_of(stiffer[0], "bond k", "c3-hc"), rel=1e-6)
    assert len(result.energy_offsets) == 2
    np.testing.assert_allclose(result.energy_offsets, -4e5, atol=1e-3)


def with_scaled(model: ForceField, quantity: str, label: str, factor: float) -> ForceField:
    values = model.parameter_table.values.copy()
    values[index_of(model, quantity, label)] *= factor
    return model.with_values(values)


def value_of(model: ForceField, quantity: str, label: str) -> float:
    return float(model.parameter_table.values[index_of(model, quantity, label)])


def index_of(model: ForceField, quantity: str, label: str) -> int:
    return list(zip(model.parameter_table.quantities, model.parameter_table.labels, strict=True)).index(
        (quantity, label)
    )


def test_parameters_shared_by_symmetry_belong_to_their_molecule_alone() -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 0.5), 20, force=200.0)
    result = fit_together([(start, frames.subset(np.arange(10))), (start, frames.subset(np.arange(10, 20)))])
    assert len(result.start) == 2 * len(start.parameter_table)
    first, second = (model.parameter_table.values for model in result.force_fields)
    assert not np.allclose(first, second, rtol=1e-6)


def test_a_joint_fit_of_one_molecule_in_two_parts_is_the_fit_of_all_its_forces() -> None:
    start = force_field("ethanol", share="types")
    frames = data(perturbed(start, 0.5), 30, force=200.0, turned=True)
    # With the same weight for every frame the two differ only in the energies' offsets, which noise-free data share.
    parts = fit_together([(start, frames.subset(np.arange(12))), (start, frames.subset(np.arange(12, 30)))])
    whole = fit(start, frames)
    assert len(parts.start) == len(whole.start)
    for model in parts.force_fields:
        np.testing.assert_array_equal(model.parameter_table.values, parts.end.values)
    first, second = (evaluate(result.force_fields[0], frames).force_rmse for result in (parts, whole))
    assert first == pytest.approx(second, rel=1e-2)


def test_frames_without_forces_are_refused() -> None:
    start = force_field("ethanol")
    frames = replace(data(start, 5), forces=None)
    with pytest.raises(FitError, match=r"the training frames of ethanol have no forces; a fit needs them\."):
        fit(start, frames)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_frames_are_refused(n: int) -> None:
    start = force_field("ethanol")
    with pytest.raises(FitError, match=f"ethanol has {n} training frame.*; a fit needs at least two"):
        fit(start, data(start, 3).subset(np.arange(n)))


def test_frames_of_another_molecule_are_refused() -> None:
    with pytest.raises(InputError, match="the training data of ethanol"):
        fit(force_field("ethanol"), data(force_field("propane"), 5))


def with_kinds(model: ForceField, **kinds: Quantity) -> ForceField:
    changed = model.with_values(model.parameter_table.values)
    own = {name.replace("_", " "): kind for name, kind in kinds.items()}
    changed.parameter_table = replace(model.parameter_table, kinds={**model.parameter_table.kinds, **own})
    return changed


def test_a_fit_keeps_to_the_priors_that_the_force_field_brings() -> None:
    start = force_field("ethanol")
    frames = data(perturbed(start, 0.3), 30)
    fixed = with_kinds(start, bond_k=replace(QUANTITIES["bond k"], prior_width=None))
    result = fit(fixed, frames)
    bonds = np.array(start.parameter_table.quantities) == "bond k"
    np.testing.assert_array_equal(result.end.values[bonds], start.parameter_table.values[bonds])
    assert result.end.kinds["bond k"].prior_width is None
    assert (fit(start, frames).end.values[bonds] != start.parameter_table.values[bonds]).all()


def test_molecules_with_different_priors_of_one_quantity_are_not_fitted_together() -> None:
    models = [force_field(name, share="types") for name in ("ethanol", "propane")]
    other = with_kinds(models[1], bond_k=replace(QUANTITIES["bond k"], prior_width=1.0))
    pairs = [(model, data(model, 5)) for model in (models[0], other)]
    with pytest.raises(FitError, match=r"'bond k' has another prior or other bounds in propane; use one form\."):
        fit_together(pairs)


FORMS: tuple[Form, ...] = ("harmonic", "near-pairs", "morse", "neural", "class2")
NONLINEAR: tuple[Form, ...] = ("morse", "neural")


def activated(model: ForceField, seed: int = 0) -> ForceField:
    """A model moved from its start, whose networks have outputs of a kcal/mol."""
    moved = perturbed(model, 0.3, seed)
    parameters = moved.parameter_table
    outputs = np.array(["network output" in quantity for quantity in parameters.quantities])
    random = np.random.default_rng(seed).uniform(-4, 4, len(parameters))
    return moved.with_values(parameters.values + outputs * random)


@pytest.mark.slow
def test_a_fit_recovers_the_morse_bonds_that_made_the_data() -> None:
    start = force_field("ethanol", form="morse")
    truth = perturbed(start, 0.3)
    frames = data(truth, 60)
    result = fit(start, frames)
    assert result.converged
    morse = np.isin(result.start.quantities, ["bond depth", "bond range", "bond r0"])
    assert morse.sum() == 15
    # Depth and range of a bond are hardly told apart by displacements of 0.01 nm; the fit stops at 3e-5 of the loss.
    np.testing.assert_allclose(in_widths(result, truth)[morse[result.start.adjustable]], 0.0, atol=0.02)
    errors, before = (evaluate(model, data(truth, 20, seed=7)).force_rmse for model in (result.force_field, start))
    assert errors is not None
    assert before is not None
    assert errors < 1e-3 * before


@pytest.mark.slow
def test_a_fit_comes_close_to_the_networks_that_made_the_data() -> None:
    start = force_field("ethanol", form="neural")
    truth = activated(start)
    frames = data(truth, 40, energy=1.0, force=50.0)
    result = fit(start, frames)
    morse = fit(force_field("ethanol", form="morse"), frames)
    unseen = data(truth, 20, seed=7)
    errors = [evaluate(model, unseen).force_rmse for model in (result.force_field, morse.force_field, start)]
    assert None not in errors
    # Hidden units share what each of them does; forces are what the data determine.
    assert errors[0] < 0.7 * errors[1] < 0.7 * errors[2]  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("form", NONLINEAR)
def test_a_fit_that_is_not_linear_started_at_the_answer_stays_there(form: Form) -> None:
    truth = activated(force_field("ethanol", form=form))
    result = fit(truth, data(truth, 30))
    np.testing.assert_allclose(in_widths(result, truth), 0.0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("form", NONLINEAR)
def test_a_fit_that_is_not_linear_lowers_the_loss_and_is_deterministic(form: Form) -> None:
    start = force_field("acetaldehyde", form=form)
    frames = data(activated(force_field("acetaldehyde", form="neural"), seed=2), 20, energy=1.0, force=50.0)
    first, second = (fit(start, frames, FitOptions(max_iterations=10)) for _ in range(2))
    np.testing.assert_array_equal(first.end.values, second.end.values)
    assert first.loss_end < 0.5 * first.loss_start
    assert loss(first.force_field, frames, first) == pytest.approx(first.loss_end, rel=1e-6)
    lower, upper = first.start.bounds
    assert (lower <= first.end.values).all()
    assert (first.end.values <= upper).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_of_networks_never_ends_worse_than_it_starts(seed: int) -> None:
    random = np.random.default_rng(seed)
    stock = force_field("propyne", form="neural")
    start, truth = perturbed(stock, 1.0, seed), perturbed(stock, 1.0, seed + 100)
    frames = data(truth, [2, 5, 20][seed], seed=seed, energy=5.0, force=float(random.choice([0.0, 1000.0])))
    result = fit(start, frames, FitOptions(prior_scale=[0.1, 1.0, 10.0][seed], max_iterations=[1, 5, 20][seed]))
    assert result.loss_end <= result.loss_start
    assert loss(result.force_field, frames, result) <= loss(start, frames, result) * (1 + 1e-9)


@pytest.mark.slow
def test_networks_start_from_the_solution_of_the_morse_form() -> None:
    names = {name: inactive_quantities(force_field("ethanol", form=name)) for name in FORMS}
    assert {name for name, found in names.items() if found} == {"neural"}
    assert all("network" in quantity for quantity in names["neural"])
    frames = data(activated(force_field("ethanol", form="neural")), 30, energy=1.0, force=100.0)
    rich, plain = (fit(force_field("ethanol", form=form), frames) for form in ("neural", "morse"))
    assert loss(rich.force_field, frames, plain) <= loss(plain.force_field, frames, plain)


def test_many_frames_are_approached_by_way_of_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    start = force_field("ethanol", form="morse")
    frames = data(perturbed(start, 0.3), 30, energy=1.0, force=50.0)
    whole = fit(start, frames)
    monkeypatch.setattr(nonlinear_fit, "_FEW", 10)
    done: list[float] = []
    by_few = fit(start, frames, progress=lambda fraction, what="": done.append(fraction))
    assert done[-1] == 1.0
    bars = np.where(whole.deviations > 0, whole.deviations, 1.0)
    # Either way stops where a step lowers the loss by 3e-5 of it: some hundredths of it are left, of 840 numbers.
    np.testing.assert_allclose((by_few.end.values - whole.end.values) / bars, 0.0, atol=0.3)


def test_molecules_share_the_parameters_of_their_morse_bonds() -> None:
    starts = [force_field(name, form="morse", share="types") for name in ("ethanol", "propane")]
    truths = [with_scaled(start, "bond depth", "c3-hc", 1.2) for start in starts]
    frames = [data(truth, 20) for truth in truths]
    result = fit_together(list(zip(starts, frames, strict=True)))
    common = [value_of(model, "bond depth", "c3-hc") for model in result.force_fields]
    assert common[0] == common[1] == pytest.approx(value_of(truths[0], "bond depth", "c3-hc"), rel=1e-3)


@pytest.mark.parametrize("form", NONLINEAR)
def test_exchanging_equivalent_atoms_changes_nothing(form: Form) -> None:
    model = activated(force_field("ethanol", form=form))
    x = distorted("ethanol", 5)
    energy, _ = predict(model, x)
    for one, other in ((3, 4), (6, 7)):
        order = np.arange(9)
        order[[one, other]] = other, one
        np.testing.assert_allclose(predict(model, x[:, order])[0], energy, rtol=1e-12)


def test_a_molecule_without_parameters_gets_one_sentence() -> None:
    frames = Frames(np.array([18]), np.zeros((3, 1, 3)), np.zeros(3), np.zeros((3, 1, 3)))
    with pytest.raises(FitError, match="argon has no parameter that could be fitted"):
        fit(lone_atom(), frames)


def test_a_linear_fit_leaves_kernels_alone_and_explains_what_they_leave() -> None:
    plain = force_field("ethanol", form="class2")
    hybrid = corrected(plain)
    frames = data(perturbed(hybrid, 0.3), 16, turned=True)  # all angles are seen: no other energies count
    left = what_is_left(frames, hybrid.corrections)
    of_terms, of_sum = fit(plain, left), fit(hybrid, frames)
    assert of_sum.force_field.corrections == hybrid.corrections
    np.testing.assert_allclose(
        of_sum.force_field.parameter_table.values, of_terms.force_field.parameter_table.values, rtol=1e-9, atol=1e-9
    )
    x = distorted("ethanol", 3, seed=5)
    kernels = predict(hybrid, x)[0] - predict(plain, x)[0]
    energies = predict(of_sum.force_field, x)[0] - predict(of_terms.force_field, x)[0]
    np.testing.assert_allclose(energies, kernels, atol=1e-6)


def test_other_fits_refuse_a_force_field_with_corrections() -> None:
    model = corrected(force_field("ethanol"))
    frames = data(model, 4)
    with pytest.raises(FitError, match="has corrections; fit it without them, and correct the result"):
        fit(model, frames)
