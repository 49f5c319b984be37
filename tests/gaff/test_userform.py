from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from bad_inputs import run
from helpers import openmm_energy_forces, system_energy_forces
from models import EXAMPLES, class_one_of, distorted, force_field, molecule, perturbed

from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.export.routes import Route, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.formfile import read_form
from hybridff.gaff.forms import FormOptions, Share
from hybridff.molecules.symmetry import automorphism_generators

EXAMPLE_FORMS = Path(__file__).resolve().parents[2] / "examples"
slow_class2 = pytest.param("class2", marks=pytest.mark.slow)

COUPLED = """
name = "coupled"
base = "BASE"
[features.x]
coordinate = "bond"
expression = "tanh((r - r0)/w)"
parameters.r0 = "reference"
parameters.w = {value = 0.4, unit = "angstrom"}
[features.y]
coordinate = "angle"
expression = "sin(theta - theta0)"
parameters.theta0 = "reference"
[features.odd]
coordinate = "torsion"
expression = "sin(theta1)*sin(theta2)*sin(n*phi)"
parameters.n = [1, 2]
[features.s]
coordinate = "out_of_plane"
expression = "s"
[features.even]
coordinate = "out_of_plane"
expression = "1 - exp(-s^2)"
[features.near]
coordinate = "pair"
expression = "exp(-(r/w)^2)"
parameters.w = {value = 3, unit = "angstrom"}
[[rows]]
features = ["x", "x", "y"]
relation = "inside"
prior = 10
[[rows]]
features = ["odd", "odd"]
apart = 0
prior = 2
[[rows]]
features = ["s", "odd"]
shared = 3
prior = 2
[[rows]]
features = ["even"]
prior = 5
[[rows]]
features = ["near", "x"]
apart = 0
within = {value = 5, unit = "angstrom"}
prior = 5
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "form.toml"
    path.write_text(text, encoding="utf-8")
    return path


def built(name: str, form: Path, share: Share = "symmetry", geometries: np.ndarray | None = None) -> ForceField:
    return ForceField.build(molecule(name), class_one_of(name), form=form, share=share, geometries=geometries)


def coefficients(model: ForceField, quantity: str) -> list[str]:
    table = model.parameter_table
    return [label for what, label in zip(table.quantities, table.labels, strict=True) if what == quantity]


@pytest.mark.parametrize("name", ["my-form", pytest.param("from-scratch", marks=pytest.mark.slow)])
def test_shipped_forms_fit_better_than_gaff_and_run_everywhere(name: str, workplace: Path) -> None:
    form = EXAMPLE_FORMS / f"{name}.toml"
    options = f"--charges charges.txt --train 40 --validation 10 --gate none --report brief --form {form}"
    command = f"fit ethanol.npz {options} --out out"
    outcome = run(command)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert run(command.replace(str(form), "harmonic").replace("--out out", "--out gaff")).code == 0
    error, of_gaff = (
        read_model(folder).provenance["errors after"]["test"]["force_rmse_kcal_mol_angstrom"]
        for folder in ("out", "gaff")
    )
    assert error < 0.6 * of_gaff
    assert form.name in read_model("out").provenance["inputs"]
    assert read_model("out").force_field.form == name
    for after in (
        "evaluate out ethanol.npz",
        "export out --system system.xml",
        'simulate out --temperature 300 --time "20 fs" --route native --out native',
        'simulate out --temperature 300 --time "20 fs" --route compiled --out compiled',
    ):
        outcome = run(after)
        assert (outcome.code, outcome.stderr) == (0, ""), after
    verified = run("verify out")
    assert verified.code == 0
    assert "DIFFERS" not in verified.stdout


@pytest.mark.parametrize("route", ["native", "compiled"])
@pytest.mark.parametrize("base", ["none", "harmonic", "near-pairs", slow_class2])
@pytest.mark.parametrize("name", ["acetaldehyde", "propyne"])
def test_torch_and_openmm_agree(name: str, base: str, route: Route, tmp_path: Path) -> None:
    model = perturbed(built(name, written(tmp_path, COUPLED.replace("BASE", base))), 0.3)
    positions = distorted(name, 3)
    expected = [part.detach().numpy() for part in model.energy_forces(torch.tensor(positions))]
    actual = system_energy_forces(to_openmm(model, route), positions)
    for one, other in zip(actual, expected, strict=True):
        # the same sums in double precision; large terms of opposite sign cancel
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


@pytest.mark.parametrize("base", ["none", "harmonic", slow_class2])
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_mirror_image_and_exchanged_equivalent_atoms_have_the_same_energy(
    name: str, base: str, tmp_path: Path
) -> None:
    model = perturbed(built(name, written(tmp_path, COUPLED.replace("BASE", base))), 0.3)
    positions = torch.tensor(distorted(name, 2))
    energy = model.energy(positions)
    torch.testing.assert_close(model.energy(-positions), energy, rtol=1e-10, atol=1e-8)
    if base in ("none", "class2"):  # GAFF itself is not symmetric where its types are not
        for generator in automorphism_generators(model.molecule):
            exchanged = model.energy(positions[:, generator.tolist()])
            torch.testing.assert_close(exchanged, energy, rtol=1e-10, atol=1e-8)


def test_rows_are_added_to_those_of_the_base_and_start_at_nothing(tmp_path: Path) -> None:
    rich = built("acetaldehyde", written(tmp_path, COUPLED.replace("BASE", "harmonic")))
    plain = force_field("acetaldehyde")
    positions = torch.tensor(distorted("acetaldehyde", 3))
    # a sum of the same terms
    torch.testing.assert_close(rich.energy(positions), plain.energy(positions), rtol=1e-12, atol=1e-10)
    added = Counter(rich.parameter_table.quantities) - Counter(plain.parameter_table.quantities)
    assert set(added) == {"constant", "x·x·y", "odd·odd 1", "odd·odd 2", "s·odd 1", "s·odd 2", "even", "near·x"}
    assert {"coupling", "improper"} <= set(rich.table.groups)


def test_equivalent_products_are_one_coefficient(tmp_path: Path) -> None:
    model = built("ethanol", written(tmp_path, COUPLED.replace("BASE", "none")))
    assert set(coefficients(model, "x·x·y")) == {
        "C1-C2 · C2-O3 · C1-C2-O3",
        "C1-C2 · C1-H4 · C2-C1-H4",
        "C1-H4 · C1-H5 · H4-C1-H5",
        "C1-C2 · C2-H7 · C1-C2-H7",
        "C2-O3 · C2-H7 · O3-C2-H7",
        "C2-H7 · C2-H8 · H7-C2-H8",
        "C2-O3 · O3-H9 · C2-O3-H9",
    }


def test_an_even_function_of_an_out_of_plane_coordinate_does_not_vanish_by_symmetry(tmp_path: Path) -> None:
    model = built("benzene", written(tmp_path, COUPLED.replace("BASE", "none")))
    assert len(coefficients(model, "even")) == 1
    rows = next(rows for rows in model.table.features if rows.feature.name == "coupled.even")
    assert len(rows) == 6
    assert (model.table.multipliers > 0).any()


def test_a_reference_is_the_mean_of_the_frames_or_the_equilibrium_of_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, COUPLED.replace("BASE", "none"))
    frames = distorted("ethanol", 20)
    x = frames - frames[:, :1]
    for geometries, expected in (
        (frames, np.linalg.norm(x[:, 1], axis=-1).mean()),
        (None, class_one_of("ethanol").bonds.r0[0]),
    ):
        model = built("ethanol", path, geometries=geometries)
        rows = next(rows for rows in model.table.features if rows.feature.name == "coupled.x")
        first = rows.parameters["r0"][rows.coordinate == 0]
        assert model.parameter_table.values[first] == pytest.approx(expected, rel=1e-12)


def test_units_are_converted_to_nm_and_rad(tmp_path: Path) -> None:
    text = """
name = "units"
base = "none"
[features.f]
coordinate = "bond"
expression = "a*r + b*r^2 + c*r/d"
parameters.a = {value = 2, unit = "1/angstrom"}
parameters.b = {value = 3, unit = "1/bohr^2"}
parameters.c = {value = 90, unit = "degree"}
parameters.d = 4
[[rows]]
features = ["f"]
prior = 1
"""
    form = read_form(written(tmp_path, text))
    a, b, c, d = form.features["f"].choices(0.0)[0]
    assert (a, d) == (pytest.approx(20.0, rel=1e-15), 4.0)
    assert b == pytest.approx(3 / 0.0529177210903**2, rel=1e-12)
    assert c == pytest.approx(np.pi / 2, rel=1e-15)
    assert [p.unit for p in form.features["f"].feature.parameters.values()] == ["1/nm", "1/nm^2", "rad", "1"]
    assert form.rows[0].quantity.prior_width == pytest.approx(4.184)  # kcal/mol in kJ/mol


def test_every_value_of_a_parameter_makes_a_coefficient(tmp_path: Path) -> None:
    model = built("ethanol", written(tmp_path, COUPLED.replace("BASE", "none")))
    assert len(coefficients(model, "odd·odd 1")) == len(coefficients(model, "odd·odd 2")) > 0
    for rows in model.table.features:
        if rows.feature.name == "coupled.odd":
            found = Counter(model.parameter_table.values[rows.parameters["n"]].tolist())
            assert found == {1.0: found[1.0], 2.0: found[1.0]}


def test_a_model_file_brings_the_form_with_it(tmp_path: Path) -> None:
    path = written(tmp_path, COUPLED.replace("BASE", "harmonic"))
    model = perturbed(built("acetaldehyde", path), 0.5)
    path.unlink()
    write_model(SavedModel(model, 0.0), tmp_path)
    again = read_model(tmp_path).force_field
    positions = distorted("acetaldehyde", 2)
    torch.testing.assert_close(
        again.energy(torch.tensor(positions)), model.energy(torch.tensor(positions)), rtol=0, atol=0
    )
    assert again.form == "coupled"
    energies, _ = openmm_energy_forces(again.openmm_forces(), positions)
    # the same sums in double precision
    np.testing.assert_allclose(energies, model.energy(torch.tensor(positions)).detach().numpy(), rtol=1e-9, atol=1e-7)


def test_rows_shared_by_type_are_fewer_and_have_the_same_reference_in_every_molecule(tmp_path: Path) -> None:
    path = written(tmp_path, COUPLED.replace("BASE", "harmonic"))
    own, shared = (built("propane", path, share, distorted("propane", 5)) for share in ("symmetry", "types"))
    assert 0 < len(coefficients(shared, "x·x·y")) < len(coefficients(own, "x·x·y"))
    rows = next(rows for rows in shared.table.features if rows.feature.name == "coupled.x")
    assert set(shared.parameter_table.values[rows.parameters["r0"]]) == set(class_one_of("propane").bonds.r0)


def test_torsions_about_a_linear_group_match_nothing(tmp_path: Path) -> None:
    model = built("propyne", written(tmp_path, COUPLED.replace("BASE", "none")))
    assert not [rows for rows in model.table.features if rows.feature.coordinate == "torsion"]


def test_rows_that_fit_nothing_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, COUPLED.replace("BASE", "harmonic"))
    options = FormOptions(form=path)
    assert options.unmatched(built("ethanol", path).parameter_table) == ["s·odd", "even"]
    assert options.unmatched(built("acetaldehyde", path).parameter_table) == []
    assert FormOptions(form="harmonic").unmatched(force_field("ethanol").parameter_table) == []


def test_a_form_of_which_no_row_fits_is_refused(tmp_path: Path) -> None:
    text = COUPLED.replace("BASE", "none").partition("[[rows]]")[0].partition("[features.even]")[0]
    text = text.split("[features.x]")[0] + "[features.s]" + text.split("[features.s]")[1]
    path = written(tmp_path, text + '[[rows]]\nfeatures = ["s", "s"]\nrelation = "same"\nprior = 1\n')
    with pytest.raises(InputError, match=r"none of its rows fits ethanol; change their patterns\."):
        built("ethanol", path)


def test_a_row_named_like_a_quantity_of_the_base_is_refused(tmp_path: Path) -> None:
    text = COUPLED.replace("BASE", "harmonic").replace('features = ["even"]', 'name = "bond k"\nfeatures = ["even"]')
    with pytest.raises(InputError, match="the form harmonic has a 'bond k' itself; give that row another name"):
        built("acetaldehyde", written(tmp_path, text))


def test_an_expression_that_is_no_number_for_other_constants_is_exported(tmp_path: Path) -> None:
    text = """
name = "root"
base = "none"
[features.f]
coordinate = "angle"
expression = "sqrt(a - b)*theta^2"
parameters.a = 2.0
parameters.b = 0.5
[[rows]]
features = ["f"]
start = 10
prior = 10
"""
    model, positions = built("ethanol", written(tmp_path, text)), distorted("ethanol", 2)
    expected, _ = model.energy_forces(torch.tensor(positions))
    assert float(expected[0]) > 1.0
    actual, _ = system_energy_forces(to_openmm(model), positions)
    np.testing.assert_allclose(actual, expected.detach().numpy(), rtol=1e-12)
