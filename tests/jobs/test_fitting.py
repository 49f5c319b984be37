import hashlib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import zero_charges
from gates import Gate
from models import write_frames

from hybridff.errors import FitError, InputError
from hybridff.fitting.options import FitOptions
from hybridff.frames.accuracy import evaluate
from hybridff.frames.checks import DataReport
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames
from hybridff.frames.renumbering import Renumbering
from hybridff.gaff.forms import FormOptions
from hybridff.jobs.fitting import fit_data, outcome
from hybridff.jobs.job import FitJob
from hybridff.jobs.options import DataOptions, SplitOptions
from hybridff.jobs.provenance import provenance
from hybridff.jobs.reading import Data, read_data, split_frames, split_of
from hybridff.jobs.stock import parametrize
from hybridff.molecules.molecule import Molecule
from hybridff.stability.gate import GateOptions


def numbered(count: int) -> Frames:
    return Frames(np.array([1, 1]), np.zeros((count, 2, 3)), np.arange(float(count)), np.zeros((count, 2, 3)), "h2")


@pytest.mark.parametrize(
    ("count", "options", "sizes"),
    [
        (100, SplitOptions(), (80, 10, 10)),
        (100, SplitOptions(train=95), (95, 5, 0)),
        (100, SplitOptions(train=30), (30, 10, 60)),
        (100, SplitOptions(train=30, validation=0), (30, 0, 70)),
        (100, SplitOptions(train=30, validation=70), (30, 70, 0)),
        (2, SplitOptions(), (2, 0, 0)),
    ],
)
def test_numbers_that_are_not_given_are_fractions(count, options, sizes):
    rows = split_frames(numbered(count), options)
    assert tuple(map(len, rows)) == sizes
    assert sorted(np.concatenate(rows).tolist()) == list(range(count))


def test_the_seed_decides_the_split():
    first, again, other = (split_frames(numbered(50), SplitOptions(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train, again.train)
    assert set(first.train.tolist()) != set(other.train.tolist())


@pytest.mark.parametrize(("name", "value"), [("train", 1), ("train", -3), ("validation", -1), ("seed", -1)])
def test_impossible_splits_are_refused(name, value):
    with pytest.raises(InputError, match=f"option {name} has to be at least [02], not {value}"):
        SplitOptions(**{name: value})


def test_more_frames_than_there_are_are_refused():
    with pytest.raises(InputError, match="60 training and 10 validation frames are wanted but h2 has only 50"):
        split_frames(numbered(50), SplitOptions(train=60, validation=10))


def test_files_of_one_molecule_are_joined_and_those_of_another_kept_apart(workplace):
    frames = read_frames("ethanol.npz")
    frames.subset(np.arange(25)).write("a.npz")
    frames.subset(np.arange(25, 60)).write("b.npz")
    write_frames("propane", "propane.npz")
    ethanol, propane = read_data([Path("a.npz"), Path("propane.npz"), Path("b.npz")])
    assert (ethanol.molecule.name, len(ethanol.frames), ethanol.files) == (
        "ethanol",
        60,
        (Path("a.npz"), Path("b.npz")),
    )
    assert (propane.molecule.name, len(propane.frames)) == ("propane", 50)
    np.testing.assert_allclose(ethanol.frames.positions, frames.positions, rtol=1e-12)  # Å and back


def test_several_molecules_cannot_be_one(workplace):
    write_frames("propane", "propane.npz")
    with pytest.raises(InputError, match=r"atom 3 is O in the molecule .* but C in propane\.npz"):
        read_data([Path("ethanol.npz"), Path("propane.npz")], Molecule.read("ethanol.sdf"))


def test_frames_that_occur_in_two_files_count_once(workplace):
    (item,) = read_data([Path("ethanol.npz"), Path("ethanol.npz")])
    assert (len(item.frames), len(item.report.duplicates)) == (60, 60)


def test_units_of_the_options_are_used_and_kept(workplace):
    with np.load("ethanol.npz") as data:
        arrays = {key: data[key] for key in ("z", "R", "E", "F", "smiles")}
    np.savez("bare.npz", **arrays)
    options = DataOptions(length_unit="angstrom", energy_unit="kcal/mol")
    (item,) = read_data([Path("bare.npz")], options=options)
    np.testing.assert_array_equal(item.frames.energies, read_frames("ethanol.npz").energies)
    assert item.options is options


def test_data_that_look_wrong_are_used_only_if_trusted(workplace):
    frames = read_frames("ethanol.npz")
    assert frames.forces is not None
    Frames(frames.numbers, frames.positions, frames.energies, -frames.forces, "e", frames.smiles, "x").write("bad.npz")
    with pytest.raises(InputError, match=r"bad\.npz: the forces point uphill"):
        read_data([Path("bad.npz")])
    (item,) = read_data([Path("bad.npz")], options=DataOptions(trust_data=True))
    assert len(item.frames) == 60


@pytest.fixture(scope="module")
def fitted(material):
    """One fit for all tests; those that read its files have ``workplace`` beside it."""
    job = FitJob(
        molecule="ethanol.sdf",
        split=SplitOptions(train=30, validation=10),
        form=FormOptions(form="harmonic"),
        gate=GateOptions(gate="none"),
    )
    with pytest.MonkeyPatch.context() as patch, zero_charges():
        patch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
        patch.chdir(material)
        (result,) = fit_data(read_data([Path("ethanol.npz")]), job)
    return result


def test_errors_are_those_of_the_frames_they_are_named_after(fitted):
    for part, errors in fitted.after.items():
        frames = fitted.data.frames.subset(getattr(fitted.split, part))
        again = evaluate(fitted.model.force_field, frames, fitted.model.energy_offset)
        assert errors == again
    start = evaluate(fitted.start, fitted.data.frames.subset(fitted.split.train))
    assert fitted.before["train"] == start
    assert fitted.before["test"].energy_offset == start.energy_offset


def test_a_fit_is_better_on_frames_it_has_not_seen(fitted):
    assert fitted.after["test"].force_rmse < 0.75 * fitted.before["test"].force_rmse
    assert fitted.after["test"].energy_rmse < fitted.before["test"].energy_rmse


def test_the_provenance_names_versions_options_inputs_theory_seed_and_errors(fitted, workplace):
    about = fitted.model.provenance
    assert about["program"] == f"hybridff {version('hybridff')}"
    assert set(about["packages"]) == {"numpy", "torch", "openmm", "rdkit"}
    assert about["inputs"] == {
        name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("ethanol.npz", "ethanol.sdf")
    }
    names = {
        *("gaff", "charges", "start", "topology", "train", "validation", "seed", "length_unit", "energy_unit"),
        *(
            "force_unit",
            "keep_bond_changes",
            "max_energy",
            "trust_data",
            *FormOptions.__dataclass_fields__,
            *FitOptions.__dataclass_fields__,
            *GateOptions.__dataclass_fields__,
        ),
    }
    assert set(about["options"]) >= names
    assert (about["options"]["train"], about["options"]["seed"]) == (30, 0)
    assert about["theory"].startswith("PBE-D3(BJ)/def2-SVP")
    assert about["frames"]["train"] == sorted(fitted.split.train.tolist())
    assert about["errors after"]["test"] == fitted.after["test"].in_field_units()


def test_errors_before_a_fit_are_those_of_stock_gaff_whatever_the_form(fitted, workplace):
    with zero_charges():
        stock = parametrize(fitted.start.molecule).force_field
        (rich,) = fit_data([fitted.data], replace(fitted.job, form=FormOptions()))
    assert rich.model.force_field.form == FormOptions().form != rich.start.form == "harmonic"
    assert rich.before == fitted.before
    train = fitted.data.frames.subset(fitted.split.train)
    assert rich.before["train"] == evaluate(stock, train)


def test_the_gates_verdict_and_what_it_took_are_kept(workplace, monkeypatch):
    monkeypatch.setattr("hybridff.fitting.refit_until_stable.check_stability", Gate(n_failures=1))
    with zero_charges():
        job = FitJob(split=SplitOptions(train=30), form=FormOptions(form="harmonic"))
        (fitted,) = fit_data(read_data([Path("ethanol.npz")]), job)
    assert fitted.stability is not None
    assert fitted.stability.passed
    assert len(fitted.remarks) == 1
    assert fitted.model.provenance["stability"] == [*fitted.remarks, *fitted.stability.sentences()]


def test_the_provenance_names_frames_that_were_renumbered_by_their_rows_in_the_data():
    report = DataReport(10, 8, renumbered=(Renumbering(2, (1, 0)), Renumbering(9, (1, 0))))
    data = Data(Molecule.from_smiles("[H][H]"), numbered(8), report, (), DataOptions())
    assert outcome(data, split_frames(data.frames), {}, {})["renumbered frames"] == [2, 9]
    assert "renumbered frames" not in outcome(replace(data, report=DataReport(8, 8)), split_frames(data.frames), {}, {})


def test_a_split_is_that_of_the_fit_only_where_as_many_frames_are_usable(fitted, workplace):
    found = split_of(fitted.model, fitted.data)
    assert found is not None
    np.testing.assert_array_equal(found.train, np.sort(fitted.split.train))
    more = replace(fitted.data, frames=fitted.data.frames.subset(np.array([*range(60), 0])))
    assert split_of(fitted.model, more) is None  # a fit that left out some would have numbered them otherwise


def test_two_inputs_of_one_name_keep_their_hashes(tmp_path):
    paths = [tmp_path / "a" / "data.npz", tmp_path / "b" / "data.npz"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name, encoding="utf-8")
    assert set(provenance([*paths, paths[0]])["inputs"]) == {str(path) for path in paths}


def test_molecules_fitted_together_share_what_their_types_share(workplace):
    write_frames("ethanol", "gaff-ethanol.npz")
    write_frames("propane", "gaff-propane.npz")
    said: list[str] = []
    with zero_charges():
        job = FitJob(
            form=FormOptions(form="harmonic", share="types"),
            fit=FitOptions(prior_scale=1.0),
            split=SplitOptions(train=20),
            gate=GateOptions(gate="none"),
        )
        fitted = fit_data(read_data([Path("gaff-ethanol.npz"), Path("gaff-propane.npz")]), job, say=said.append)
    assert [item.model.provenance["fitted together with"] for item in fitted] == [["propane"], ["ethanol"]]
    assert said[:2] == ["ethanol: charges and atom types …", "propane: charges and atom types …"]
    assert ["No training frame comes near" in sentence for sentence in said[2:]] == [True, True]
    start, *ends = (
        dict(zip(zip(table.quantities, table.labels, strict=True), table.values.tolist(), strict=True))
        for table in (fitted[0].result.start, *(item.model.force_field.parameter_table for item in fitted))
    )
    common = [key for key in ends[0] if key in ends[1] and key[0] in ("bond k", "bond r0")]
    assert len(common) == 4
    assert all(ends[0][key] == ends[1][key] != start[key] for key in common)


def test_data_without_forces_are_refused_before_charges_are_calculated(workplace, monkeypatch):
    frames = read_frames("ethanol.npz")
    Frames(frames.numbers, frames.positions, frames.energies, None, "e", frames.smiles, "x").write("energies.npz")

    def never(*_):
        raise AssertionError("charges are calculated for data that cannot be fitted")

    monkeypatch.setattr("hybridff.gaff.start.assign_charges", never)
    with pytest.raises(FitError, match=r"energies\.npz: the data have no forces"):
        fit_data(read_data([Path("energies.npz")]))


def test_a_stock_force_field_has_a_geometry_and_no_offset(workplace):
    with zero_charges():
        model = parametrize(Molecule.from_smiles("CCO"))
    assert model.energy_offset is None
    assert model.force_field.molecule.positions is not None
    assert model.provenance["inputs"] == {}
