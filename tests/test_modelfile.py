import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import system_energy_forces
from models import EXAMPLES, distorted, force_field, lone_atom, perturbed

import hybridff
from hybridff.errors import InputError
from hybridff.export import to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.modelfile import FILE_NAME, SavedModel, read_model, write_model

Content = dict[str, Any]


def written(folder: Path, model: ForceField | None = None) -> Path:
    model = model or perturbed(force_field("acetaldehyde", fourier=2), 0.5)
    write_model(SavedModel(model, -4.2e5, {"version": "0.1.0", "seeds": [1]}), folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_energies_are_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    model = perturbed(force_field(name, fourier=2), 0.5)
    read = read_model(written(tmp_path, model)).force_field
    x = torch.tensor(distorted(name, 4))
    for actual, expected in zip(read.energy_forces(x), model.energy_forces(x), strict=True):
        assert torch.equal(actual, expected)
    exported = [system_energy_forces(to_openmm(one), x.numpy()) for one in (read, model)]
    for actual, expected in zip(*exported, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_everything_else_comes_back_too(tmp_path: Path) -> None:
    model = perturbed(force_field("ethanol"), 0.5)
    saved = read_model(written(tmp_path, model))
    assert saved.energy_offset == -4.2e5
    assert saved.provenance == {"version": "0.1.0", "seeds": [1]}
    read = saved.force_field
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
    "a later format": edit("format", to=2),
    "a format in words": edit("format", to="one"),
    "no format": drop("format"),
    **{f"no {key}": drop(key) for key in ("molecule", "parameters", "features", "terms", "nonbonded", "provenance")},
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
    good = json.loads((written(tmp_path_factory.mktemp("good")) / FILE_NAME).read_text())
    for name, damage in DAMAGES.items():
        content = json.loads(json.dumps(good))
        damage(content)
        folders[name] = tmp_path_factory.mktemp("damaged")
        (folders[name] / FILE_NAME).write_text(json.dumps(content))
    for name, text in TEXTS.items():
        folders[name] = tmp_path_factory.mktemp("damaged")
        (folders[name] / FILE_NAME).write_bytes(text)
    folders["intact"] = tmp_path_factory.mktemp("intact")
    (folders["intact"] / FILE_NAME).write_text(json.dumps(good))
    reader = Path(__file__).with_name("read_damaged.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(hybridff.__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, reader, *folders.values()], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stderr == ""
    return {name: (kind, text) for name, (kind, text) in zip(folders, json.loads(run.stdout), strict=True)}


@pytest.mark.parametrize("name", [*DAMAGES, *TEXTS])
def test_a_damaged_file_gets_one_sentence(name: str, outcomes: dict[str, tuple[str, str]]) -> None:
    kind, sentence = outcomes[name]
    assert kind == "refused", sentence
    assert FILE_NAME in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_the_undamaged_file_is_read(outcomes: dict[str, tuple[str, str]]) -> None:
    assert outcomes["intact"] == ("read", "")


def test_a_later_format_asks_for_a_newer_program(outcomes: dict[str, tuple[str, str]]) -> None:
    assert "has format 2; this version of hybridff reads format 1. Update hybridff" in outcomes["a later format"][1]


def test_a_folder_of_several_models_names_them(tmp_path):
    for name in ("ethanol", "propane"):
        (tmp_path / name).mkdir()
        write_model(SavedModel(force_field(name), None, {}), tmp_path / name)
    with pytest.raises(InputError, match=r"holds the models of 2 molecules; name one: .*ethanol, .*propane\.$"):
        read_model(tmp_path)
