from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from gates import HOT, Gate
from models import class_one_of, distorted, force_field, molecule, perturbed

from hybridff.fitting import linear_fit
from hybridff.fitting import refit_until_stable as stable
from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.fits import fit_together
from hybridff.fitting.linear_problem import LinearProblem, conformer_rows, restraint_rows
from hybridff.fitting.options import FitOptions
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.stability.gate import SHORT, Finding, GateOptions, StabilityOptions, StabilityReport
from hybridff.units import KCAL_MOL

PLAIN = FitOptions(prior_scale=1.0)
QUICK = StabilityOptions(temperatures=(1000.0,), runs=1, time="5 ps", quenches=2, scans=False)
NONE_PASSED = ("No fit passed the stability gate, whatever its priors; this is the plain one.",)


@pytest.fixture
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The gate that fails as many fits as the parameter says."""
    fake = Gate(request.param)
    monkeypatch.setattr(stable, "check_stability", fake)
    return fake


def pair(name: str, form: str, n: int = 12, width: float = 0.005) -> tuple[ForceField, Frames]:
    """A start, and frames of another harmonic force field."""
    positions = distorted(name, n, width)
    energies, forces = predict(perturbed(force_field(name), 0.3), positions)
    start = ForceField.build(molecule(name), class_one_of(name), form=form, geometries=positions)  # type: ignore[arg-type]
    return start, Frames(molecule(name).numbers, positions, energies, forces)


def test_a_stable_fit_is_the_plain_one_without_remarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.stability.gate.SHORT", QUICK)
    pairs = [pair("acetaldehyde", "class2", 40)]
    said: list[str] = []
    found = fit_stable(pairs, say=said.append)
    assert found.passed
    assert found.remarks == ()
    assert [report.options for report in found.reports] == [QUICK]
    np.testing.assert_array_equal(found.result.end.values, fit_together(pairs).end.values)
    assert said == ["stability gate …"]


@pytest.mark.parametrize("gate", [9], indirect=True)
@pytest.mark.parametrize("form", ["class2", "harmonic"])
def test_without_a_gate_the_plain_fit_is_not_judged(form: str, gate: Gate) -> None:
    pairs = [pair("acetaldehyde", form)]
    found = fit_stable(pairs, PLAIN, gate=GateOptions(gate="none"))
    assert gate.judged == gate.stiff == []
    assert (found.reports, found.remarks, found.passed) == ((), (), True)
    np.testing.assert_array_equal(found.result.end.values, fit_together(pairs, PLAIN).end.values)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (1, "with priors scaled by 1.4"),
        (2, "with priors scaled by 1"),
        (3, "taught by a stiffer one of itself"),
        (4, "taught by a stiffer one, with priors scaled by 0.6"),
        (5, "taught by a stiffer one, with priors scaled by 0.2"),
    ],
    indirect=["gate"],
)
def test_a_linear_fit_that_fails_is_held_back_a_little_then_takes_stiff_labels_then_is_held_back(
    gate: Gate, words: str
) -> None:
    said: list[str] = []
    found = fit_stable([pair("acetaldehyde", "class2")], FitOptions(prior_scale=2.0), say=said.append)
    assert found.passed
    assert found.remarks == (f"The plain fit did not pass the stability gate; this is the fit {words}.",)
    assert len(gate.stiff) == ("taught" in words)
    assert found.result.force_fields[0] is gate.judged[-1]
    assert said.count("not stable; fitting again: a bond broke.") == gate.n_failures


@pytest.mark.parametrize("gate", [9], indirect=True)
def test_stiff_labels_draw_a_fit_to_the_stiff_one_and_fits_held_back_end_as_it(gate: Gate) -> None:
    start = pair("acetaldehyde", "class2")[0].parameter_table
    fit_stable([pair("acetaldehyde", "class2")], PLAIN)
    free = start.adjustable
    moves = [
        (model.parameter_table.values - start.values)[free] / start.prior_widths[free]
        for model in (*gate.judged, *gate.stiff)
    ]
    plain, gentle, gentler, _, narrow, narrowest, stiff = map(np.linalg.norm, moves)
    assert narrowest < narrow < gentler < gentle < plain
    assert stiff < 0.3 * plain
    np.testing.assert_allclose(moves[5], moves[6], rtol=0, atol=1e-6)  # nothing to learn from oneself but rounding
    unlike_plain, unlike_labelled = (
        np.linalg.norm(predict(model, HOT)[1] - predict(gate.stiff[0], HOT)[1])
        for model in (gate.judged[0], gate.judged[3])
    )
    assert unlike_labelled < 0.2 * unlike_plain


@pytest.mark.parametrize("gate", [1], indirect=True)
def test_a_fit_is_told_what_the_start_makes_of_its_false_wells_first(gate: Gate) -> None:
    pairs = [pair("acetaldehyde", "class2", 4)]
    gate.well = distorted("acetaldehyde", 1, width=0.01, seed=9)[0]
    found = fit_stable(pairs, PLAIN)
    assert found.remarks == (
        "The plain fit did not pass the stability gate; this is the fit that is told of its false wells.",
    )
    frames = pairs[0][1].positions

    def height(model: ForceField) -> float:
        assert gate.well is not None
        return predict(model, gate.well[None])[0][0] - predict(model, frames)[0].mean()

    wanted, plain, told = map(height, (pairs[0][0], *gate.judged))
    assert plain < told < min(wanted, 40 * KCAL_MOL)
    assert told - plain > 0.5 * (min(wanted, 40 * KCAL_MOL) - plain)
    errors = [predict(model, frames)[1] - pairs[0][1].forces for model in gate.judged]
    assert np.linalg.norm(errors[1]) < 1.1 * np.linalg.norm(errors[0])


@pytest.mark.parametrize(("gate", "attempts"), [(9, 9)], indirect=["gate"])
def test_a_fit_is_told_of_false_wells_three_times(gate: Gate, attempts: int) -> None:
    gate.well = distorted("acetaldehyde", 1, width=0.01, seed=9)[0]
    found = fit_stable([pair("acetaldehyde", "class2", 4)], PLAIN)
    assert found.remarks == NONE_PASSED
    assert len(gate.judged) == attempts


def test_a_false_well_is_wanted_forty_kcal_mol_above_the_frames_at_most() -> None:
    pairs = [pair("acetaldehyde", "class2", 4)]
    start, frames = pairs[0]
    problem = LinearProblem.of(pairs, [find_unseen_conformers(start, frames.positions)])
    wells = distorted("acetaldehyde", 2, width=0.01, seed=4)
    wells[1, 0] = wells[1, 1] + 0.01  # two atoms in one place
    findings = tuple(Finding("scan", (0, 1), "a well", well=well) for well in wells)
    report = StabilityReport(QUICK, findings, (), frames.positions[0], frames.positions, 0.0, 0, 0)
    tried = stable.StableFit(fit_together(pairs, PLAIN), (report,), ())
    (wanted,) = stable.false_wells(problem, tried)
    assert wanted is not None
    assert wanted.energies is not None
    by_start, by_fit = (
        predict(model, wells)[0] - predict(model, wanted.references)[0].mean()
        for model in (start, tried.result.force_fields[0])
    )
    expected = np.minimum(by_start, 40 * KCAL_MOL)
    np.testing.assert_allclose(wanted.energies, expected[expected > by_fit])
    assert stable.false_wells(problem, replace(tried, reports=(replace(report, failures=()),))) == [None]


@pytest.mark.parametrize("gate", [3], indirect=True)
def test_a_stiff_fit_that_breaks_at_once_gives_no_labels(gate: Gate) -> None:
    gate.has_hot_frames = False
    pairs = [pair("acetaldehyde", "class2")]
    found = fit_stable(pairs, PLAIN)
    assert found.remarks == (
        "The plain fit did not pass the stability gate; this is the fit with priors scaled by 0.3.",
    )
    expected = fit_together(pairs, FitOptions(prior_scale=0.3))
    np.testing.assert_array_equal(found.result.end.values, expected.end.values)


@pytest.mark.parametrize("gate", [9], indirect=True)
@pytest.mark.parametrize(("form", "attempts"), [("class2", 6), ("harmonic", 4)])
def test_where_nothing_passes_the_first_fit_is_returned_and_says_so(form: str, attempts: int, gate: Gate) -> None:
    pairs = [pair("acetaldehyde", form)]
    found = fit_stable(pairs, PLAIN)
    assert not found.passed
    assert found.remarks == NONE_PASSED
    assert len(gate.judged) == attempts
    assert found.result.force_fields[0] is gate.judged[0]
    np.testing.assert_array_equal(found.result.end.values, fit_together(pairs, PLAIN).end.values)


@pytest.mark.parametrize("gate", [1], indirect=True)
def test_a_fit_that_is_not_linear_first_leaves_the_charges_of_pairs_without_repulsion_alone(gate: Gate) -> None:
    pairs = [pair("ethanol", "harmonic")]
    found = fit_stable(pairs, PLAIN)
    assert found.remarks == (
        "The plain fit did not pass the stability gate; this is the fit with the charges of pairs without a wall left "
        "alone.",
    )
    expected = fit_together(pairs, replace(PLAIN, pairs="walled"))
    np.testing.assert_array_equal(found.result.end.values, expected.end.values)
    bare = np.array([name == "bare pair charge product" for name in expected.start.quantities])
    assert bare.any()
    np.testing.assert_array_equal(expected.end.values[bare], expected.start.values[bare])


@pytest.mark.parametrize("gate", [2], indirect=True)
def test_a_fit_that_is_not_linear_is_held_back_without_stiff_labels(gate: Gate) -> None:
    pairs = [pair("acetaldehyde", "harmonic")]
    found = fit_stable(pairs, FitOptions(prior_scale=0.5))
    assert found.remarks == (
        "The plain fit did not pass the stability gate; this is the fit with priors scaled by 0.15.",
    )
    assert gate.stiff == []
    assert found.result.prior_scale == pytest.approx(0.15)
    expected = fit_together(pairs, FitOptions(prior_scale=found.result.prior_scale, pairs="walled"))
    np.testing.assert_array_equal(found.result.end.values, expected.end.values)


@pytest.mark.parametrize("gate", [2], indirect=True)
def test_validation_frames_choose_the_scale_once_and_the_next_attempt_starts_from_it(gate: Gate) -> None:
    start, frames = pair("acetaldehyde", "harmonic")
    pairs, validation = [(start, frames.subset(np.arange(6)))], [frames.subset(np.arange(6, 12))]
    chosen = fit_together(pairs, None, validation).prior_scale
    found = fit_stable(pairs, validation=validation)
    assert found.result.prior_scale == pytest.approx(0.3 * chosen)


@pytest.mark.parametrize("gate", [5], indirect=True)
def test_one_molecule_that_fails_makes_the_fit_of_all_be_done_again(gate: Gate) -> None:
    found = fit_stable([pair("acetaldehyde", "class2"), pair("propyne", "class2")], PLAIN)
    assert found.passed
    assert [model.molecule.name for model in gate.judged] == ["acetaldehyde", "propyne"] * 4
    assert [model.molecule.name for model in gate.stiff] == ["acetaldehyde", "propyne"]
    assert len(found.reports) == len(found.result.force_fields) == 2


def slopes(pairs: Sequence[tuple[ForceField, Frames]], found: stable.StableFit, stiff: ForceField) -> np.ndarray:
    """Slopes of what a fit with stiff labels minimises, by torch's energies and forces: of all else, and of the labels.

    In ten random directions of the moves that are not at a bound, at the fit. What is minimised is quadratic:
    differences have no error but rounding.
    """
    frames = pairs[0][1]
    unseen = find_unseen_conformers(pairs[0][0], frames.positions)
    problem, noise = LinearProblem.of(pairs, [unseen]), found.result.noise
    random = np.random.default_rng(0)
    restraints, conformers = restraint_rows(problem), conformer_rows(problem, [unseen.at_start])
    stiff_forces = predict(stiff, HOT)[1]
    assert frames.forces is not None

    def losses(own: np.ndarray) -> np.ndarray:
        (model,) = problem.force_fields(own)
        energies, forces = predict(model, frames.positions)
        difference = frames.energies - energies
        difference -= difference.mean()
        of_data = (difference**2).sum() / noise.energy**2
        of_data += ((frames.forces - forces) ** 2).sum() / noise.force**2
        of_priors = (own**2).sum() + ((restraints.weights @ own - restraints.targets) ** 2).sum()
        of_priors += conformers.square(own)
        of_labels = ((stiff_forces - predict(model, HOT)[1]) ** 2).sum() / noise.force**2
        return np.array([of_data + of_priors, of_labels])

    end, bounds = found.result.end.values[problem.fitted], np.array(problem.start.bounds)[:, problem.fitted]
    here = (end - problem.start.values[problem.fitted]) / problem.widths
    at_bound = (np.abs(end - bounds) < 1e-9).any(0)  # rounding
    directions = np.where(at_bound, 0.0, random.normal(size=(10, len(here))))
    return np.array([losses(here + way) - losses(here - way) for way in directions])


@pytest.mark.parametrize("gate", [3], indirect=True)
def test_stiff_labels_count_a_tenth_of_the_data(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_fit, "false_minima", lambda unseen, fitted: None)
    pairs = [pair("acetaldehyde", "class2")]
    found = fit_stable(pairs, PLAIN)
    own, labels = slopes(pairs, found, gate.stiff[0]).T
    assert (np.abs(labels) > 1.0).all(), "labels that say nothing weigh nothing"
    # Slopes are small differences of sums of squares.
    np.testing.assert_allclose(own / labels, -0.1, rtol=1e-4)


def test_a_fit_to_few_data_breaks_and_is_mended_twice_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.stability.gate.SHORT", QUICK)
    pairs = [pair("acetaldehyde", "class2", 4, width=0.01)]
    first, second = (fit_stable(pairs, PLAIN) for _ in range(2))
    assert first.passed
    assert len(first.remarks) == 1
    assert first.remarks[0].startswith("The plain fit did not pass the stability gate; this is the fit ")
    assert second.remarks == first.remarks
    np.testing.assert_array_equal(first.result.end.values, second.result.end.values)
    np.testing.assert_array_equal(first.reports[0].snapshots, second.reports[0].snapshots)


@pytest.mark.parametrize(("name", "options"), [("short", SHORT), ("full", StabilityOptions()), ("none", None)])
def test_the_gates_names_stand_for_how_hard_it_tries(name: str, options: StabilityOptions | None) -> None:
    assert GateOptions(gate=name).stability == options  # type: ignore[arg-type]
