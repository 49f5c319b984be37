import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openmm
import pytest
import torch
from helpers import openmm_energy_forces, system_energy_forces
from models import EXAMPLES, corrected, distorted, force_field, lone_atom, perturbed

import hybridff
from hybridff.errors import InputError
from hybridff.export.modelfile import FILE_NAME, FORMAT, SavedModel, read_model, write_model
from hybridff.export.routes import to_openmm
from hybridff.expressions.expression import Expression
from hybridff.gaff.features import FEATURES, Feature, Parameter
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import QUANTITIES, Quantity
from hybridff.gaff.terms import FeatureRows

Content = dict[str, Any]

FORMAT_1 = Path(__file__).with_name("format_1") / FILE_NAME
"""A refit ethanol that version 0.1.0 wrote."""


def written(folder: Path, model: ForceField | None = None) -> Path:
    model = model or corrected(perturbed(force_field("acetaldehyde", fourier=2), 0.5))
    write_model(SavedModel(model, -4.2e5, {"version": "0.1.0", "seeds": [1]}), folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_energies_are_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    model = corrected(perturbed(force_field(name, fourier=2), 0.5))
    read = read_model(written(tmp_path, model)).force_field
    x = torch.tensor(distorted(name, 4))
    for actual, expected in zip(read.energy_forces(x), model.energy_forces(x), strict=True):
        assert torch.equal(actual, expected)
    exported = [system_energy_forces(to_openmm(one), x.numpy()) for one in (read, model)]
    for actual, expected in zip(*exported, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_everything_else_comes_back_too(tmp_path: Path) -> None:
    model = corrected(perturbed(force_field("ethanol"), 0.5))
    saved = read_model(written(tmp_path, model))
    assert saved.energy_offset == -4.2e5
    assert saved.provenance == {"version": "0.1.0", "seeds": [1]}
    read = saved.force_field
    assert len(read.corrections) == len(model.corrections) == 1
    for name in ("form", "share", "types", "source", "estimated"):
        assert getattr(read, name) == getattr(model, name)
    assert read.parameter_table.labels == model.parameter_table.labels
    assert read.parameter_table.quantities == model.parameter_table.quantities
    assert read.table.groups == model.table.groups
    assert (read.molecule.name, read.molecule.smiles) == (model.molecule.name, model.molecule.smiles)
    np.testing.assert_array_equal(read.molecule.positions, model.molecule.positions)
    second = tmp_path / "second"
    second.mkdir()
    write_model(saved, second)
    assert (second / FILE_NAME).read_bytes() == (tmp_path / FILE_NAME).read_bytes()


def test_a_molecule_without_terms_comes_back(tmp_path: Path) -> None:
    read = read_model(written(tmp_path, lone_atom())).force_field
    assert read.energy(torch.zeros(1, 3)).item() == 0.0


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    assert read_model(written(tmp_path) / FILE_NAME).energy_offset == -4.2e5


def test_numbers_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    model = force_field("ethanol")
    values = model.parameter_table.values.copy()
    values[0] = np.nan
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_model(SavedModel(model.with_values(values), None), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model in .*: there is no model\.json\. Make one with 'hybridff fit'\."):
        read_model(tmp_path)
    with pytest.raises(InputError, match=r"no model in .*nowhere"):
        read_model(tmp_path / "nowhere")


def edit(*path: str | int, to: Any) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def drop(*path: str | int) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        place: Any = content
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


DAMAGES: dict[str, Callable[[Content], None]] = {
    "another program": edit("program", to="other"),
    "no program": drop("program"),
    "a later format": edit("format", to=4),
    "no corrections": drop("corrections"),
    "a correction as text": edit("corrections", 0, to="kernel"),
    "a correction of no known atom": edit("corrections", 0, "atoms", 0, to=99),
    "a correction of an atom twice": edit("corrections", 0, "atoms", 0, to=1),
    "a correction of fewer atoms": drop("corrections", 0, "atoms", 0),
    "an angle of a correction out of range": edit("corrections", 0, "descriptor", "angles", 0, 0, to=7),
    "a permutation that is none": edit("corrections", 0, "permutations", 1, 0, to=0),
    "a permutation that takes an angle elsewhere": edit("corrections", 0, "permutations", 1, to=[0, 1, 3, 2]),
    "a correction without permutations": edit("corrections", 0, "permutations", to=[]),
    "a point too few": drop("corrections", 0, "points", 0),
    "an energy weight too few": drop("corrections", 0, "energy_weights", 0),
    "a width of zero": edit("corrections", 0, "width", to=0.0),
    "a weight that is no number": edit("corrections", 0, "force_weights", 0, 0, to="heavy"),
    "a format in words": edit("format", to="one"),
    "no format": drop("format"),
    **{f"no {key}": drop(key) for key in ("molecule", "parameters", "features", "terms", "nonbonded", "provenance")},
    **{f"no {key}": drop(key) for key in ("quantities", "definitions", "coordinates")},
    "quantities as a list": edit("quantities", to=["bond r0"]),
    "a quantity too few": drop("quantities", "bond r0"),
    "a quantity as a number": edit("quantities", "bond r0", to=0.1),
    "a quantity without a unit": drop("quantities", "bond r0", "unit"),
    "a quantity with a number for a unit": edit("quantities", "bond r0", "unit", to=3),
    "a quantity without a scale": edit("quantities", "bond r0", "scale", to=None),
    "a quantity of scale 0": edit("quantities", "bond r0", "scale", to=0.0),
    "a quantity with a scale as text": edit("quantities", "bond r0", "scale", to="0.1"),
    "a quantity with a nan width": edit("quantities", "bond r0", "prior_width", to=float("nan")),
    "a quantity without a width": drop("quantities", "bond r0", "prior_width"),
    "a quantity with a bound as a list": edit("quantities", "bond r0", "lower", to=[0.1]),
    "a quantity that is relative in words": edit("quantities", "bond r0", "relative", to="yes"),
    "definitions as a list": edit("definitions", to=[]),
    "a definition too few": drop("definitions", "harmonic_bond"),
    "a definition as text": edit("definitions", "harmonic_bond", to="r"),
    "a definition without an expression": drop("definitions", "harmonic_bond", "expression"),
    "a definition of another coordinate": edit("definitions", "harmonic_bond", "coordinate", to="angle"),
    "a definition of no coordinate": edit("definitions", "harmonic_bond", "coordinate", to="improper"),
    "a definition of a list of coordinates": edit("definitions", "harmonic_bond", "coordinate", to=["bond"]),
    "a definition that is cut": edit("definitions", "harmonic_bond", "expression", to="0.5*(r - r0"),
    "a definition that is a number": edit("definitions", "harmonic_bond", "expression", to=1),
    "a definition that is a program": edit("definitions", "harmonic_bond", "expression", to="__import__('os').abort()"),
    "a definition with an unknown name": edit("definitions", "harmonic_bond", "expression", to="(r - r0)*q"),
    "a definition with an unknown function": edit("definitions", "harmonic_bond", "expression", to="bessel(r - r0)"),
    "a definition with another meaning": edit("definitions", "harmonic_bond", "expression", to="(r - r0)^2"),
    "a definition of endless brackets": edit("definitions", "harmonic_bond", "expression", to="(" * 100000),
    "a definition of endless signs": edit("definitions", "harmonic_bond", "expression", to="-" * 100000 + "r"),
    "a definition of endless sums": edit("definitions", "harmonic_bond", "expression", to="r" + "+r" * 100000),
    "a definition with a null": edit("definitions", "harmonic_bond", "expression", to="r\0"),
    "a definition without parameters": edit("definitions", "harmonic_bond", "parameters", to={}),
    "a definition with one more parameter": edit(
        "definitions", "harmonic_bond", "parameters", "b", to={"unit": "1", "meaning": "none"}
    ),
    "a definition's parameter as text": edit("definitions", "harmonic_bond", "parameters", "r0", to="nm"),
    "a definition's parameter without a unit": drop("definitions", "harmonic_bond", "parameters", "r0", "unit"),
    "a definition with a number for a source": edit("definitions", "harmonic_bond", "source", to=3),
    "no multipliers": drop("terms", "multipliers"),
    "a multiplier too few": drop("terms", "multipliers", 0),
    "a multiplier as text": edit("terms", "multipliers", 0, to="-"),
    "a multiplier nan": edit("terms", "multipliers", 0, to=float("nan")),
    "no values": drop("parameters", "values"),
    "parameters as text": edit("parameters", to="0.1"),
    "values as text": edit("parameters", "values", to="0.1"),
    "a value as text": edit("parameters", "values", 0, to="soft"),
    "a value null": edit("parameters", "values", 0, to=None),
    "a value nan": edit("parameters", "values", 0, to=float("nan")),
    "a value infinite": edit("parameters", "values", 0, to=float("inf")),
    "a value too few": drop("parameters", "values", 0),
    "a label too few": drop("parameters", "labels", 0),
    "a number among labels": edit("parameters", "labels", 0, to=3),
    "an unknown quantity": edit("parameters", "quantities", 0, to="bond colour"),
    "an unknown feature": edit("features", 0, "feature", to="banana"),
    "features as a table": edit("features", to={}),
    "a feature without parameters": edit("features", 0, "parameters", to={}),
    "a feature's parameters as a list": edit("features", 0, "parameters", to=[1]),
    "a feature's parameter misspelt": edit("features", 0, "parameters", to={"r1": [0] * 6}),
    "a feature's row too few": drop("features", 0, "parameters", "r0", 0),
    "a feature's coordinate out of range": edit("features", 0, "coordinate", 0, to=99),
    "a feature's coordinate negative": edit("features", 0, "coordinate", 0, to=-1),
    "a parameter out of range": edit("features", 0, "parameters", "r0", 0, to=10000),
    "coordinates as a list": edit("coordinates", to=[[0, 1]]),
    "an unknown coordinate": edit("coordinates", "twist", to=[[0, 1]]),
    "no bonds among coordinates": drop("coordinates", "bond"),
    "bonds of three atoms": edit("coordinates", "bond", to=[[0, 1, 2]] * 6),
    "an atom out of range": edit("coordinates", "bond", 0, 0, to=7),
    "an atom negative": edit("coordinates", "bond", 0, 0, to=-1),
    "an atom as a fraction": edit("coordinates", "bond", 0, 0, to=0.5),
    "an atom beyond 64 bits": edit("coordinates", "bond", 0, 0, to=10**30),
    "ragged coordinates": edit("coordinates", "bond", 0, to=[0]),
    "a term out of range": edit("terms", "products", 0, 0, to=10000),
    "a term below -1": edit("terms", "products", 0, 0, to=-2),
    "a term of nothing": edit("terms", "products", 0, 0, to=-1),
    "a coefficient out of range": edit("terms", "coefficients", 0, to=10000),
    "a coefficient too few": drop("terms", "coefficients", 0),
    "a group too few": drop("terms", "groups", 0),
    "terms as a list": edit("terms", to=[]),
    "a charge too few": drop("nonbonded", "charge", 0),
    "a charge nan": edit("nonbonded", "charge", 0, to=float("nan")),
    "an exception out of range": edit("nonbonded", "exceptions", 0, to=[0, 70]),
    "an exception too few": drop("nonbonded", "exceptions", 0),
    "nonbonded as a list": edit("nonbonded", to=[1]),
    "an element too few": drop("molecule", "numbers", 0),
    "an element 0": edit("molecule", "numbers", 0, to=0),
    "a bond out of range": edit("molecule", "bonds", 0, to=[0, 70]),
    "a bond order too few": drop("molecule", "bond_orders", 0),
    "a position too few": drop("molecule", "positions", 0),
    "a molecule without a name": drop("molecule", "name"),
    "a molecule with a number for a name": edit("molecule", "name", to=3),
    "a type too few": drop("types", 0),
    "types as a number": edit("types", to=3),
    "an offset as text": edit("energy_offset", to="low"),
    "an offset nan": edit("energy_offset", to=float("nan")),
    "provenance as text": edit("provenance", to="mine"),
    "a form as a number": edit("form", to=1),
}

OLD_DAMAGES: dict[str, Callable[[Content], None]] = {
    **{f"format 1, no {key}": drop(key) for key in ("molecule", "parameters", "features", "terms")},
    "format 1, no angles among coordinates": drop("coordinates", "angle"),
    "format 1, coordinates as a list": edit("coordinates", to=[]),
    "format 1, an unknown quantity": edit("parameters", "quantities", 0, to="bond colour"),
    "format 1, a list among quantities": edit("parameters", "quantities", 0, to=["bond r0"]),
    "format 1, an unknown feature": edit("features", 0, "feature", to="banana"),
    "format 1, a number for a feature": edit("features", 0, "feature", to=1),
    "format 1, a feature as text": edit("features", 0, to="harmonic_bond"),
    "format 1, features as a table": edit("features", to={}),
    "format 1, terms as a list": edit("terms", to=[]),
    "format 1, coefficients as a number": edit("terms", "coefficients", to=1),
    "format 1, a coefficient too few": drop("terms", "coefficients", 0),
    "format 1, a name of format 2": edit("format", to=2),
}
"""Damages to the file of an earlier version."""

TEXTS = {
    "an empty file": b"",
    "a truncated file": b'{"program":"hybridff","format":1,"provenance":{"ver',
    "a list": b"[]",
    "a number": b"3",
    "bytes that are no text": b"\xff\xfe\x00",
    "endless brackets": b"[" * 100000,
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What becomes of every damaged file, in a program without the shape checks of the tests."""
    folders = {}
    good = (written(tmp_path_factory.mktemp("good")) / FILE_NAME).read_text(encoding="utf-8")
    for text, damages in ((good, DAMAGES), (FORMAT_1.read_text(encoding="utf-8"), OLD_DAMAGES)):
        for name, damage in damages.items():
            content = json.loads(text)
            damage(content)
            folders[name] = tmp_path_factory.mktemp("damaged")
            (folders[name] / FILE_NAME).write_text(json.dumps(content), encoding="utf-8")
    for name, raw in TEXTS.items():
        folders[name] = tmp_path_factory.mktemp("damaged")
        (folders[name] / FILE_NAME).write_bytes(raw)
    folders["intact"] = tmp_path_factory.mktemp("intact")
    (folders["intact"] / FILE_NAME).write_text(good, encoding="utf-8")
    reader = Path(__file__).with_name("read_damaged.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(hybridff.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, reader, *folders.values()], capture_output=True, encoding="utf-8", check=True, env=environment
    )
    assert run.stderr == ""
    return {name: (kind, text) for name, (kind, text) in zip(folders, json.loads(run.stdout), strict=True)}


@pytest.mark.parametrize("name", [*DAMAGES, *OLD_DAMAGES, *TEXTS])
def test_a_damaged_file_gets_one_sentence(name: str, outcomes: dict[str, tuple[str, str]]) -> None:
    kind, sentence = outcomes[name]
    assert kind == "refused", sentence
    assert FILE_NAME in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_the_undamaged_file_is_read(outcomes: dict[str, tuple[str, str]]) -> None:
    assert outcomes["intact"] == ("read", "")


def test_a_later_format_asks_for_a_newer_program(outcomes: dict[str, tuple[str, str]]) -> None:
    sentence = "has format 4; this version of hybridff reads formats up to 3. Update hybridff"
    assert sentence in outcomes["a later format"][1]


def test_a_definition_that_cannot_be_read_is_quoted(outcomes: dict[str, tuple[str, str]]) -> None:
    _, sentence = outcomes["a definition with an unknown name"]
    assert sentence.endswith(
        "is damaged: feature harmonic_bond: q is not declared as a parameter. Restore it, or fit again."
    )
    _, sentence = outcomes["a definition with another meaning"]
    assert "it defines harmonic_bond as '(r - r0)^2', which is '0.5*(r - r0)^2' in OpenMM" in sentence


def by_the_numbers_of_the_file(content: Content, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces of a file of format 1 by OpenMM's own forces, from its JSON alone."""
    values, terms = content["parameters"]["values"], content["terms"]
    rows = [
        (block["feature"], coordinate, {name: values[index[i]] for name, index in block["parameters"].items()})
        for block in content["features"]
        for i, coordinate in enumerate(block["coordinate"])
    ]
    bonds, angles, torsions = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce()
    pairs = openmm.CustomBondForce("a/r^12 - b/r^6 + c/r")
    for name in "abc":
        pairs.addPerBondParameter(name)
    of = content["coordinates"]
    for (row,), coefficient in zip(terms["products"], terms["coefficients"], strict=True):
        (feature, i, p), k = rows[row], values[coefficient]
        if feature == "harmonic_bond":
            bonds.addBond(*of["bond"][i], p["r0"], k)
        elif feature == "harmonic_angle":
            angles.addAngle(*of["angle"][i], p["theta0"], k)
        elif feature == "fourier":
            torsions.addTorsion(*of["torsion"][i], int(p["n"]), p["phase"], k)
        elif feature == "lennard_jones":
            pairs.addBond(*of["pair"][i], [4 * k * p["sigma"] ** 12, 4 * k * p["sigma"] ** 6, 0.0])
        elif feature == "repulsion":
            pairs.addBond(*of["pair"][i], [k * p["sigma"] ** 12, 0.0, 0.0])
        else:
            assert feature == "coulomb"
            pairs.addBond(*of["pair"][i], [0.0, 0.0, 138.93545764438198 * k])
    return openmm_energy_forces([bonds, angles, torsions, pairs], positions)


def test_a_file_of_format_1_has_the_energies_that_it_had() -> None:
    content = json.loads(FORMAT_1.read_text(encoding="utf-8"))
    assert content["format"] == 1
    saved = read_model(FORMAT_1)
    assert saved.energy_offset == content["energy_offset"]
    assert saved.provenance == content["provenance"]
    x = np.array(content["molecule"]["positions"]) + np.random.default_rng(0).normal(0, 0.005, (5, 9, 3))
    expected = by_the_numbers_of_the_file(content, x)
    by_torch = [part.numpy() for part in saved.force_field.energy_forces(torch.tensor(x))]
    for actual in (by_torch, system_energy_forces(to_openmm(saved.force_field), x)):
        # Both are double precision; repulsion and attraction of near pairs cancel two digits.
        np.testing.assert_allclose(actual[0], expected[0], rtol=1e-10)
        np.testing.assert_allclose(actual[1], expected[1], rtol=1e-10, atol=1e-10 * np.abs(expected[1]).max())


def test_a_file_of_format_1_is_written_in_the_present_format(tmp_path: Path) -> None:
    saved = read_model(FORMAT_1)
    write_model(saved, tmp_path)
    assert json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8"))["format"] == FORMAT
    again = read_model(tmp_path)
    x = torch.tensor(saved.force_field.molecule.positions)
    assert torch.equal(again.force_field.energy(x), saved.force_field.energy(x))
    old, new = saved.force_field.parameter_table, again.force_field.parameter_table
    assert new.kinds == old.kinds == {name: QUANTITIES[name] for name in old.quantities}
    assert [rows.feature for rows in again.force_field.table.features] == [
        FEATURES[block["feature"]] for block in json.loads(FORMAT_1.read_text(encoding="utf-8"))["features"]
    ]


def of_a_user() -> ForceField:
    """Ethanol with a Morse bond, a pyramid and a torsion that feels its angles: no features of this program."""
    plain = force_field("ethanol")
    table, parameters = plain.table, plain.parameter_table
    n = len(parameters)
    index = np.array
    rows = (
        FeatureRows(MORSE, index([0]), {"a": index([n]), "r0": index([n + 1])}),
        FeatureRows(PYRAMID, index([0]), {}),
        FeatureRows(TWIST, index([0]), {}),
    )
    first = table.n_features
    return ForceField(
        plain.molecule,
        replace(
            table,
            coordinates={**table.coordinates, "out_of_plane": index([[0, 3, 4, 5]])},
            features=(*table.features, *rows),
            products=np.vstack(
                [
                    np.pad(table.products, ((0, 0), (0, 1)), constant_values=-1),
                    [[first, -1], [first + 1, first], [first + 2, -1]],
                ]
            ),
            multipliers=np.append(table.multipliers, [1.0, -1.0, -1.0]),
            coefficients=np.append(table.coefficients, [n + 2, n + 3, n + 2]),
            groups=(*table.groups, "bond", "mine", "mine"),
        ),
        replace(
            parameters,
            values=np.append(parameters.values, [20.0, 0.15, 30.0, 7.0]),
            quantities=(*parameters.quantities, "steepness", "bond r0", "depth", "depth"),
            labels=(*parameters.labels, "mine", "mine", "mine", "mine #2"),
            kinds={**parameters.kinds, **KINDS, "bond r0": replace(QUANTITIES["bond r0"], prior_width=0.01)},
        ),
        plain.nonbonded,
        replace(plain.origin, form="mine", estimated=()),
    )


MORSE = Feature(
    "users_morse",
    "bond",
    Expression("(1 - exp(-a*(r - r0)))^2"),
    {"a": Parameter("1/nm", "steepness"), "r0": Parameter("nm", "length at the minimum")},
    "P. M. Morse, Phys. Rev. 34, 57 (1929)",
)
PYRAMID = Feature("users_pyramid", "out_of_plane", Expression("s^3"), {}, "made up")
TWIST = Feature("users_twist", "torsion", Expression("sin(theta1)*sin(theta2)*cos(3*phi)"), {}, "made up")
KINDS = {"steepness": Quantity("1/nm", 1.0, None), "depth": Quantity("kJ/mol", 1.0, 0.3, lower=0.1, relative=True)}


def test_features_and_quantities_of_a_user_survive(tmp_path: Path) -> None:
    model = of_a_user()
    assert FEATURES.keys().isdisjoint({MORSE.name, PYRAMID.name, TWIST.name})
    read = read_model(written(tmp_path, model)).force_field
    x = torch.tensor(distorted("ethanol", 4))
    assert not torch.equal(model.energy(x), force_field("ethanol").energy(x))
    for actual, expected in zip(read.energy_forces(x), model.energy_forces(x), strict=True):
        assert torch.equal(actual, expected)
    assert [rows.feature for rows in read.table.features] == [rows.feature for rows in model.table.features]
    used = dict.fromkeys(model.parameter_table.quantities)
    assert read.parameter_table.kinds == {name: model.parameter_table.kinds[name] for name in used}
    np.testing.assert_array_equal(read.parameter_table.prior_widths, model.parameter_table.prior_widths)
    np.testing.assert_array_equal(read.parameter_table.bounds, model.parameter_table.bounds)
    np.testing.assert_array_equal(read.table.multipliers, model.table.multipliers)


def test_a_definition_that_this_version_has_changed_is_kept(tmp_path: Path) -> None:
    terms = force_field("ethanol").table
    changed = replace(FEATURES["bond_length"], expression=Expression("2*r"))
    rows = FeatureRows(changed, np.array([0]), {})
    model = force_field("ethanol")
    table = replace(
        terms,
        features=(*terms.features, rows),
        products=np.append(terms.products, [[terms.n_features]], axis=0),
        multipliers=np.append(terms.multipliers, 1.0),
        coefficients=np.append(terms.coefficients, 0),
        groups=(*terms.groups, "bond"),
    )
    model = ForceField(model.molecule, table, model.parameter_table, model.nonbonded, model.origin)
    read = read_model(written(tmp_path, model)).force_field
    assert read.table.features[-1].feature.expression == Expression("2*r")
    x = torch.tensor(distorted("ethanol", 2))
    assert torch.equal(read.energy(x), model.energy(x))


def test_a_users_form_is_the_same_in_openmm(tmp_path: Path) -> None:
    read, x = read_model(written(tmp_path, of_a_user())).force_field, distorted("ethanol", 3)
    expected = system_energy_forces(to_openmm(read), x)
    for actual, value in zip(read.energy_forces(torch.tensor(x)), expected, strict=True):
        # OpenMM's torsions lose three digits in acos.
        np.testing.assert_allclose(actual, value, rtol=1e-10, atol=1e-10 * np.abs(value).max())


def test_a_folder_of_several_models_names_them(tmp_path):
    for name in ("ethanol", "propane"):
        (tmp_path / name).mkdir()
        write_model(SavedModel(force_field(name), None, {}), tmp_path / name)
    with pytest.raises(InputError, match=r"holds the models of 2 molecules; name one: .*ethanol, .*propane\.$"):
        read_model(tmp_path)
