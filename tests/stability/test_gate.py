import numpy as np
import openmm
import pytest
import torch
from bad_inputs import run
from models import EXAMPLES, force_field, lone_atom

from hybridff.errors import InputError
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.limits import Fault
from hybridff.stability.gate import SHORT, StabilityOptions, StabilityReport, check_stability, matters
from hybridff.stability.scans import FalseMinimum, RelaxedScan
from hybridff.units import KCAL_MOL

QUICK = StabilityOptions(temperatures=(1000.0,), runs=1, time="2 ps", quenches=3)
ONLY_SCANS = StabilityOptions(temperatures=(), quenches=0)
NO_SCANS = StabilityOptions(temperatures=(1000.0,), runs=2, time="2 ps", quenches=6, scans=False)


def changed(model: ForceField, label: str, **values: float) -> ForceField:
    """The model with other values [internal units] of the quantities of this label; "_" stands for a space."""
    parameters = model.parameter_table
    vector = parameters.values.copy()
    for name, value in values.items():
        wanted = (name.replace("_", " "), label)
        (row,) = [
            i for i, key in enumerate(zip(parameters.quantities, parameters.labels, strict=True)) if key == wanted
        ]
        vector[row] = value
    return model.with_values(vector)


def with_hole(label: str, charge_product: float) -> ForceField:
    """Ethanol with a pair that attracts and hardly repels: a hole at short distance."""
    model = force_field("ethanol")
    names = zip(model.parameter_table.quantities, model.parameter_table.labels, strict=True)
    bare = ("bare pair charge product", label) in names
    charge = {"bare_pair_charge_product" if bare else "pair_charge_product": charge_product}
    return changed(model, label, pair_epsilon=1e-6, pair_repulsion=1e-6, **charge)


def text(report: StabilityReport) -> str:
    return "\n".join(report.sentences())


@pytest.mark.parametrize("form", ["harmonic", "near-pairs"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_stock_force_fields_pass(name, form):
    report = check_stability(force_field(name, form=form), QUICK)
    assert report.passed, text(report)
    assert report.sentences()[0].startswith("Stable: nothing failed in 2 ps of dynamics at 1000 K, 3 quenches and ")
    assert report.n_scans > 10


def test_the_preset_for_fits_passes_a_good_force_field():
    report = check_stability(force_field("ethanol"), SHORT)
    assert report.passed
    assert report.simulated == pytest.approx(120.0, rel=1e-9)  # rounding of a sum of times
    assert report.snapshots.shape == (1200, 9, 3)


def test_snapshots_are_hot():
    """Equipartition: half kT for each of the 27 coordinates less 6, up to anharmonicity and noise, which 40 % cover."""
    model = force_field("ethanol")
    report = check_stability(
        model, StabilityOptions(temperatures=(1000.0,), runs=2, time="10 ps", quenches=0, scans=False)
    )
    energy = model.energy(torch.as_tensor(np.concatenate([report.minimum[None], report.snapshots[10:]])))
    expected = 0.5 * 21 * 0.0083145 * 1000
    assert float((energy[1:] - energy[0]).mean()) == pytest.approx(expected, rel=0.4)


def test_a_bond_without_a_restoring_force_breaks_in_dynamics():
    report = check_stability(changed(force_field("ethanol"), "C1-C2 (c3-c3)", bond_k=-1e3), NO_SCANS)
    broken = [finding for finding in report.failures if finding.kind == "dynamics"]
    assert [finding.atoms for finding in broken] == [(0, 1), (0, 1)]
    assert [finding.seed for finding in broken] == [0, 1]
    assert all(finding.temperature == 1000 and 0 < finding.time < 1 for finding in broken)
    assert "FAILED: dynamics at 1000 K (seed 0) broke after 0." in text(report)
    assert "the bond C1-C2 is " in text(report)
    assert report.sentences()[-1].startswith("Refit with a smaller --prior-scale, or add data")


def test_dynamics_that_finds_a_hole_in_a_pair_names_the_two_atoms():
    report = check_stability(with_hole("C1-H9 (c3-ho)", -0.3), NO_SCANS)
    assert (0, 8) in [finding.atoms for finding in report.failures if finding.kind == "dynamics"]
    assert "C1 and H9, which have no bond, are 0." in text(report)


def test_a_false_well_is_found_by_quenching_snapshots():
    options = StabilityOptions(temperatures=(1000.0,), runs=2, time="10 ps", quenches=10)
    report = check_stability(with_hole("H4-O3 (hc-oh)", -0.2), options)
    (well,) = [finding for finding in report.failures if finding.kind == "quench"]
    assert well.atoms in [(2, 3), (2, 4), (2, 5)]
    assert "a false well 10.6 kcal/mol below" in well.message  # the depth without noise: a minimum
    assert "below the minimum: a snapshot at 1000 K (seed 0, " in well.message
    assert "relaxes into it, and there O3 and H" in well.message


def test_a_hole_that_short_dynamics_misses_is_found_by_a_scan():
    model = with_hole("C1-H9 (c3-ho)", -0.2)
    assert check_stability(model, NO_SCANS).passed
    report = check_stability(model, ONLY_SCANS)
    (hole,) = report.failures
    assert hole.kind == "scan"
    assert 5 * KCAL_MOL < hole.barrier < 40 * KCAL_MOL
    assert "into a false well" in hole.message
    assert "C1 and H9, which have no bond, are 0.46 Å apart" in hole.message
    assert hole.well is not None
    assert np.linalg.norm(hole.well[0] - hole.well[8]) == pytest.approx(0.046, abs=0.001)


def test_a_hole_behind_a_high_wall_is_a_note(monkeypatch):
    monkeypatch.setattr("hybridff.stability.gate._REACHED", 5 * KCAL_MOL)
    report = check_stability(with_hole("C1-H9 (c3-ho)", -0.2), ONLY_SCANS)
    assert report.passed
    assert [finding.kind for finding in report.notes] == ["scan"]
    assert "Note: " in text(report)


@pytest.mark.parametrize(
    ("height", "barrier", "noticed"),  # kcal/mol
    [(-30, 39, True), (-30, 41, False), (19, 20, True), (21, 25, False), (21, 27, True)],
)
def test_a_false_well_matters_where_dynamics_reaches_it_and_stays(height, barrier, noticed):
    scan = RelaxedScan((0, 1), "stretching the bond C1-C2", np.linspace(0.1, 0.2, 3))
    well = FalseMinimum(scan, Fault((0, 1), ""), height * KCAL_MOL, barrier * KCAL_MOL)
    assert matters(well) == noticed


def test_a_force_field_whose_minimum_is_no_minimum_of_the_molecule_fails_at_once():
    report = check_stability(with_hole("C1-H9 (c3-ho)", -1.0), QUICK)
    (finding,) = report.failures
    assert (finding.kind, finding.atoms) == ("minimum", (0, 8))
    assert "relaxed from the molecule's own geometry, C1 and H9, which have no bond, are 0." in finding.message
    assert report.simulated == 0


def test_energies_that_are_not_finite_fail(monkeypatch):
    def broken(model, route="native"):
        system = openmm.System()
        for _ in model.molecule.numbers:
            system.addParticle(1.0)
        force = openmm.CustomExternalForce("sqrt(-1 - x^2)")
        for atom in range(len(model.molecule.numbers)):
            force.addParticle(atom)
        system.addForce(force)
        return system

    monkeypatch.setattr("hybridff.stability.gate.to_openmm", broken)
    report = check_stability(force_field("ethanol"), QUICK)
    assert [finding.kind for finding in report.failures] == ["minimum"]
    assert "no longer finite" in text(report)


def test_the_same_seed_gives_the_same_report_and_another_seed_another():
    model = with_hole("H4-O3 (hc-oh)", -0.2)
    first, second = check_stability(model, QUICK), check_stability(model, QUICK)
    assert first.failures == second.failures
    np.testing.assert_array_equal(first.snapshots, second.snapshots)
    other = check_stability(model, StabilityOptions(temperatures=(1000.0,), runs=1, time="2 ps", quenches=3, seed=7))
    assert not np.array_equal(first.snapshots[: len(other.snapshots)], other.snapshots[: len(first.snapshots)])


def test_progress_rises_to_the_end():
    seen: list[float] = []
    check_stability(force_field("ethanol"), QUICK, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 50


def test_a_molecule_without_positions_gets_some():
    model = force_field("ethanol")
    object.__setattr__(model.molecule, "positions", None)
    try:
        assert check_stability(model, QUICK).passed
    finally:
        force_field.__globals__["molecule"].cache_clear()


def test_one_atom_is_stable():
    assert check_stability(lone_atom(), QUICK).passed


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperatures": (300.0, -1.0)}, "option temperatures has to be of positive numbers"),
        ({"runs": -1}, "option runs has to be at least 0, not -1."),
        ({"time": "50"}, "the time '50' is no time"),
        ({"step": "fast"}, "the step 'fast' is no time"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        StabilityOptions(**options)


def test_the_command_says_that_a_good_model_is_stable(workplace):
    outcome = run('verify model --dynamics --temperatures 1000 --runs 1 --time "1 ps" --quenches 2 --no-scans')
    assert outcome.code == 0
    assert "Stable: nothing failed in 1 ps of dynamics at 1000 K, 2 quenches and 0 scans." in outcome.stdout


def test_the_command_fails_when_the_model_is_not_stable(workplace, monkeypatch):
    wells = with_hole("C1-H9 (c3-ho)", -1.0)
    monkeypatch.setattr(
        "hybridff.cli.openmm_commands.check_stability", lambda model, *rest: check_stability(wells, QUICK)
    )
    outcome = run("verify model --dynamics")
    assert outcome.code == 1
    assert "Not stable: 1 failure in 0 ps of dynamics" in outcome.stdout


def test_options_of_the_dynamics_without_it_are_refused(workplace):
    outcome = run('verify model --time "5 ps"')
    assert outcome.code == 2
    assert "add --dynamics" in outcome.stderr
