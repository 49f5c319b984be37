from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models import EXAMPLES, class_one_of, distorted, force_field, molecule

from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import FormOptions, Share, build_form
from hybridff.gaff.userform import UserForm

shares = pytest.mark.parametrize("share", ["symmetry", "types"])


def labels(model: ForceField, quantity: str) -> list[str]:
    table = model.parameter_table
    return [label for what, label in zip(table.quantities, table.labels, strict=True) if what == quantity]


@shares
@pytest.mark.parametrize("name", EXAMPLES)
def test_sharing_leaves_every_value_as_it_was(name: str, share: Share) -> None:
    start = class_one_of(name)
    table, parameters = build_form("harmonic", molecule(name), start, share=share)
    rows = {block.feature.name: block for block in table.features}
    values = parameters.values
    np.testing.assert_array_equal(values[rows["harmonic_bond"].parameters["r0"]], start.bonds.r0)
    np.testing.assert_array_equal(values[rows["harmonic_angle"].parameters["theta0"]], start.angles.theta0)
    n_bonds, n_angles = len(start.bonds.k), len(start.angles.k)
    np.testing.assert_array_equal(values[table.coefficients[:n_bonds]], start.bonds.k)
    np.testing.assert_array_equal(values[table.coefficients[n_bonds : n_bonds + n_angles]], start.angles.k)


@shares
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_quantity_and_a_label_name_one_parameter(name: str, share: Share) -> None:
    _, parameters = build_form("harmonic", molecule(name), class_one_of(name), share=share)
    assert max(Counter(zip(parameters.quantities, parameters.labels, strict=True)).values()) == 1


def test_equivalent_atoms_share_and_others_do_not() -> None:
    model = force_field("ethanol")
    assert labels(model, "bond r0") == [
        "C1-C2 (c3-c3)",
        "C2-O3 (c3-oh)",
        "C1-H4 (c3-hc)",
        "C2-H7 (c3-h1)",
        "H9-O3 (ho-oh)",
    ]


def test_types_share_across_environments() -> None:
    # Propane's C-C-H and C-C-C angles have different types, all C-H bonds the same.
    assert labels(force_field("propane", share="types"), "bond k") == ["c3-c3", "c3-hc"]
    assert labels(force_field("propane"), "bond k") == ["C1-C2 (c3-c3)", "C1-H4 (c3-hc)", "C2-H7 (c3-hc)"]


@pytest.mark.parametrize("quantity", ["bond r0", "angle k", "torsion k", "pair repulsion", "pair charge product"])
def test_labels_by_type_do_not_depend_on_the_order_of_the_atoms(quantity: str) -> None:
    first, second = (force_field(name, share="types") for name in ("ethanol", "reversed ethanol"))
    stripped = [{label.partition(" #")[0] for label in labels(model, quantity)} for model in (first, second)]
    assert stripped[0] == stripped[1]


def test_rows_that_start_from_different_values_never_share() -> None:
    start = class_one_of("ethanol")
    r0 = start.bonds.r0.copy()
    r0[3] += 0.001  # one of three C-H bonds
    start = replace(start, bonds=replace(start.bonds, r0=r0))
    _, parameters = build_form("harmonic", molecule("ethanol"), start, share="types")
    names = [label for what, label in zip(parameters.quantities, parameters.labels, strict=True) if what == "bond r0"]
    assert "c3-hc" in names
    assert "c3-hc #2" in names


def test_a_torsion_and_an_improper_never_share() -> None:
    model = force_field("benzene", share="types")
    assert labels(model, "improper k") == ["ca-ca-ca-ha n=2"]
    assert set(labels(model, "torsion k")) == {"ca-ca-ca-ca n=2", "ca-ca-ca-ha n=2", "ha-ca-ca-ha n=2"}


def test_groups_name_every_term() -> None:
    counts = Counter(force_field("acetaldehyde").table.groups)
    start = class_one_of("acetaldehyde")
    assert counts["bond"] == 6
    assert counts["angle"] == len(start.angles.k)
    assert counts["improper"] == 1
    assert counts["torsion"] == len(start.torsions.k) - 1
    assert counts["lennard_jones"] == 2 * np.count_nonzero(class_one_pairs("acetaldehyde", "epsilon"))
    assert counts["coulomb"] == np.count_nonzero(class_one_pairs("acetaldehyde", "charge_product"))


def class_one_pairs(name: str, what: str) -> np.ndarray:
    """LJ depth or charge product of all pairs, from the arrays of the start."""
    start = class_one_of(name).nonbonded
    atoms = start.charge if what == "charge_product" else np.sqrt(start.epsilon)
    matrix = np.outer(atoms, atoms)
    values = getattr(start, f"exception_{what}")
    for (i, j), value in zip(start.exceptions, values, strict=True):
        matrix[i, j] = matrix[j, i] = value
    return matrix[np.triu_indices(len(matrix), 1)]


def test_torsions_without_amplitude_about_linear_angles_are_left_out() -> None:
    start = class_one_of("propyne")
    table, _ = build_form("harmonic", molecule("propyne"), start, share="symmetry")
    assert len(start.torsions.k) > 0
    assert not start.torsions.k.any()
    assert len(table.coordinates["torsion"]) == 0


def straight_propyne() -> np.ndarray:
    """Propyne with C-C≡C-H exactly on a line."""
    x = distorted("propyne", 1, width=0.0)[0]
    x[[0, 1, 2, 6]] = [[0.0, 0.0, z] for z in (0.0, 0.146, 0.267, 0.374)]
    return x


def test_a_linear_molecule_has_finite_derivatives_up_to_the_second() -> None:
    model, x = force_field("propyne"), torch.tensor(straight_propyne())
    energy, forces = model.energy_forces(x)
    assert torch.isfinite(energy)
    assert torch.isfinite(forces).all()
    # GAFF's minimum at 178 degrees makes a cusp at 180, so that second derivatives are large; they must be numbers.
    assert torch.isfinite(torch.autograd.functional.hessian(model.energy, x)).all()


def test_second_derivatives_at_180_degrees_are_those_of_a_minimum_there() -> None:
    model, x = force_field("propyne"), torch.tensor(straight_propyne())
    table = model.parameter_table
    linear = (np.array(table.quantities) == "angle theta0") & (table.values > 3.0)
    assert linear.sum() == 2
    model = model.with_values(np.where(linear, np.pi, table.values))
    hessian = torch.autograd.functional.hessian(model.energy, x)
    step = torch.zeros(7, 3, dtype=torch.float64)
    step[2, 0] = 1e-5
    (_, up), (_, down) = model.energy_forces(x + step), model.energy_forces(x - step)
    # The angle's smoothing is good to 1e-5; differences at 1e-5 nm to 1e-6.
    differences = (down - up)[:, 0] / 2e-5
    torch.testing.assert_close(hessian[2, 0, :, 0], differences, rtol=0, atol=1e-4 * differences.abs().max().item())


def test_fourier_adds_the_missing_periodicities_with_amplitude_zero() -> None:
    plain, rich = force_field("ethanol"), force_field("ethanol", fourier=4)
    x = torch.tensor(distorted("ethanol", 3))
    torch.testing.assert_close(plain.energy(x), rich.energy(x), rtol=1e-14, atol=0)
    rows = {block.feature.name: block for block in rich.table.features}["fourier"]
    atoms = rich.table.coordinates["torsion"][rows.coordinate]
    n = rich.parameter_table.values[rows.parameters["n"]]
    found = Counter((*chain, int(period)) for chain, period in zip(atoms.tolist(), n, strict=True))
    chains = {tuple(chain) for chain in class_one_of("ethanol").torsions.atoms.tolist()}
    assert found == Counter({(*chain, period): 1 for chain in chains for period in (1, 2, 3, 4)})


def test_fourier_adds_nothing_to_impropers_and_linear_groups() -> None:
    count = Counter(force_field("benzene", fourier=6).table.groups)
    assert count["improper"] == Counter(force_field("benzene").table.groups)["improper"]
    assert Counter(force_field("propyne", fourier=6).table.groups)["torsion"] == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_near_pairs_change_nothing_at_the_start_and_bonds_and_angles_later(name: str) -> None:
    plain, rich = force_field(name), force_field(name, form="near-pairs")
    x = torch.tensor(distorted(name, 3))
    torch.testing.assert_close(plain.energy(x), rich.energy(x), rtol=1e-13, atol=0)
    assert rich.form == "near-pairs"
    quantities = np.array(rich.parameter_table.quantities)
    near = np.isin(quantities, ["near epsilon", "near repulsion"])
    assert near.any()
    assert not rich.parameter_table.values[near].any()
    changed = rich.with_values(rich.parameter_table.values + 1.0 * near)
    difference = changed.energy(x) - rich.energy(x)
    pairs = {tuple(sorted(bond)) for bond in molecule(name).bonds.tolist()}
    pairs |= {tuple(sorted((i, k))) for i, _, k in class_one_of(name).angles.atoms.tolist()}
    assert (torch.abs(difference) > 0).all()
    single = (changed.table.products >= 0).sum(1) == 1
    assert single.all(), "pairs are single features, which OpenMM runs as exceptions at no cost"
    added = len(changed.table.coefficients) - len(plain.table.coefficients)
    assert added == 2 * len(pairs)


FORM = """name = "mine"
base = "harmonic"
[features.s]
coordinate = "bond"
expression = "(r - r0)^3"
parameters.r0 = "reference"
[[rows]]
name = "cubic"
features = ["s"]
prior = 10
"""


def test_the_file_of_a_form_is_read_once(tmp_path: Path) -> None:
    """Whatever happens to it later; two fits, or a fit and its report, see the same form."""
    path = tmp_path / "mine.toml"
    path.write_text(FORM, encoding="utf-8")
    options = FormOptions(form=path)
    first = options.parsed
    path.write_text("nonsense", encoding="utf-8")
    assert options.parsed is first
    assert isinstance(first, UserForm)
    parameters = ForceField.build(molecule("ethanol"), class_one_of("ethanol"), form=first).parameter_table
    assert options.unmatched(parameters) == []


def test_options_do_not_touch_the_file(tmp_path: Path) -> None:
    assert FormOptions(form=tmp_path / "none.toml").files == (tmp_path / "none.toml",)


def test_a_form_with_a_name_needs_no_file() -> None:
    assert FormOptions(form="morse").parsed == "morse"
    assert FormOptions(form="morse").files == ()


def test_a_file_and_what_it_says_make_the_same_force_field(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(FORM, encoding="utf-8")
    own = FormOptions(form=path).parsed
    by_file, by_form = (
        ForceField.build(molecule("ethanol"), class_one_of("ethanol"), form=form) for form in (path, own)
    )
    assert by_file.form == by_form.form == "mine"
    assert by_file.parameter_table.labels == by_form.parameter_table.labels
