import csv
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import ase
import ase.io
import numpy as np
import openmm
import pytest
import torch
from bad_inputs import run, succeed, zero_charges
from gates import Gate
from models import force_field, write_frames
from openmm import app, unit

from hybridff.analysis.modes import HESSIAN_KCAL, hessian, modes_of, nearest_minimum
from hybridff.cli import fitting
from hybridff.cli import openmm_commands as cli_run
from hybridff.export.calculator import HybridFFCalculator
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.frames.accuracy import evaluate, predict
from hybridff.frames.reading import read_frames
from hybridff.jobs.provenance import read_timing
from hybridff.jobs.reading import read_data

QUICK = "--gate none --report brief"
PLAIN = f"--form harmonic {QUICK}"
"""The quickest fit, for tests of everything else."""
FIT = f"fit ethanol.npz --charges charges.txt --train 20 --validation 10 {PLAIN}"
KEYS = {
    *("n_frames", "energy_mae_kcal_mol", "energy_rmse_kcal_mol"),
    *("force_mae_kcal_mol_angstrom", "force_rmse_kcal_mol_angstrom"),
}

MOL2 = """@<TRIPOS>MOLECULE
ethanol
9 8 1 0 0
SMALL
NO_CHARGES
@<TRIPOS>ATOM
1 C1 0.0 0.0 0.0 C.3
2 C2 0.0 0.0 0.0 C.3
3 O3 0.0 0.0 0.0 O.3
4 H4 0.0 0.0 0.0 H
5 H5 0.0 0.0 0.0 H
6 H6 0.0 0.0 0.0 H
7 H7 0.0 0.0 0.0 H
8 H8 0.0 0.0 0.0 H
9 H9 0.0 0.0 0.0 H
@<TRIPOS>BOND
1 1 2 1
2 1 3 1
3 3 9 1
4 1 4 1
5 1 5 1
6 2 6 1
7 2 7 1
8 2 8 1
"""


def forces_of(folder: str) -> np.ndarray:
    """Forces [kJ/mol/nm] of some frames."""
    return predict(read_model(folder).force_field, read_frames("ethanol.npz").positions[:3])[1]


def test_parametrize_writes_a_stock_force_field(workplace):
    text = succeed("parametrize CCO --charges charges.txt --out out")
    assert "Written to out." in text
    assert {path.name for path in Path("out").iterdir()} == {"model.json", "summary.md", "report.html"}
    model = read_model("out")
    assert model.energy_offset is None
    assert model.force_field.types == ("c3", "c3", "oh", "hc", "hc", "hc", "h1", "h1", "ho")


@pytest.mark.slow
def test_fit_writes_a_better_force_field_and_shows_the_errors(workplace):
    text = succeed("fit ethanol.npz --charges charges.txt --train 40 --validation 10 --out out")
    assert "Written to out: model.json, summary.md, report.html, parameters.csv." in text
    assert "Errors" in text
    assert "stability gate …" in text
    assert 0 < read_timing(Path("out")) < 60
    model = read_model("out")
    assert model.force_field.form == "class2"
    before, after = (
        model.provenance[f"errors {when}"]["test"]["force_rmse_kcal_mol_angstrom"] for when in ("before", "after")
    )
    assert after < 0.5 * before  # 0.25 here; a harmonic fit comes to 0.65
    verdict = model.provenance["stability"][-1]
    for name in ("summary.md", "report.html"):
        page = Path("out", name).read_text(encoding="utf-8")
        assert f"{after:.2f}" in page
        assert verdict in page


def test_a_fit_without_the_gate_says_nothing_of_stability(workplace):
    text = succeed(f"{FIT} --out out")
    assert "tability" not in text
    assert "stability" not in read_model("out").provenance


def test_a_report_that_goes_to_a_file_is_whole(workplace, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = succeed(f"{FIT} --out out")
    rows = [
        line for line in Path("out/summary.md").read_text(encoding="utf-8").splitlines() if "| validation |" in line
    ]
    assert len(rows) == 1
    assert rows[0] in text.splitlines()


@pytest.mark.slow
def test_correct_adds_a_kernel_trained_on_the_frames_of_the_fit(workplace):
    succeed(f"fit ethanol.npz --charges charges.txt --train 40 --validation 10 {PLAIN} --out plain")
    text = succeed(f"correct plain ethanol.npz --correction all {QUICK} --out out")
    assert "and is a sum over 40 geometries, trained on 40 frames" in text
    plain, model = read_model("plain"), read_model("out")
    assert len(model.force_field.corrections) == 1
    assert model.provenance["frames"] == plain.provenance["frames"]
    assert plain.provenance["inputs"].items() <= model.provenance["inputs"].items()
    before, after = (
        model.provenance[f"errors {when}"]["test"]["force_rmse_kcal_mol_angstrom"] for when in ("before", "after")
    )
    assert before == pytest.approx(plain.provenance["errors after"]["test"]["force_rmse_kcal_mol_angstrom"])
    assert after < 0.7 * before
    assert f"{after:.2f}" in Path("out/report.html").read_text(encoding="utf-8")
    assert "compiled evaluator" in succeed("verify out")
    text = succeed("evaluate out ethanol.npz")
    assert re.search(r"frames_beyond_distance_1 +\d+", text)
    assert "frames_beyond" not in succeed("evaluate plain ethanol.npz")
    text = succeed('simulate out --temperature 300 --time "0.2 ps" --stop-beyond 1e-6 --out run')
    assert "The run was stopped there." in text
    assert Path("run/distance.csv").read_text(encoding="utf-8").count("\n") == 2


def test_fit_solves_for_kernels_and_coefficients_together(workplace):
    options = f"--charges charges.txt --train 30 --validation 15 {QUICK}"
    text = succeed(f"fit ethanol.npz {options} --correction all --points 20 --keep-posterior --out out")
    assert "The coefficients of the terms were solved for together with the kernels." in text
    assert "Away from the training frames kernels fade" in text
    assert "with kernels it is not kept" in text
    model = read_model("out")
    assert [term.atoms for term in model.force_field.corrections] == [tuple(range(9))]
    assert model.provenance["corrections"] == ["all"]
    assert model.provenance["options"]["points"] == 20
    errors = evaluate(model.force_field, read_frames("ethanol.npz"), model.energy_offset)
    assert errors.n_frames == 60


@pytest.mark.slow
def test_correct_moves_the_terms_where_the_fit_has_left_its_posterior(workplace):
    options = f"--charges charges.txt --train 30 --validation 15 {QUICK}"
    succeed(f"fit ethanol.npz {options} --keep-posterior --out plain")
    text = succeed(f"correct plain ethanol.npz --correction all {QUICK} --out out")
    assert "The coefficients of the terms were solved for together with the kernels." in text
    Path("plain/posterior.npz").unlink()
    text = succeed(f"correct plain ethanol.npz --correction all {QUICK} --out out2")
    assert "solved for together" not in text


def test_another_split_than_the_fits_is_taken_where_it_is_asked_for(workplace):
    succeed(f"fit ethanol.npz --charges charges.txt --train 40 --validation 10 {PLAIN} --out plain")
    text = succeed(f"correct plain ethanol.npz --correction all --train 30 --validation 10 {QUICK} --out out")
    assert "trained on 30 frames" in text
    assert re.search(r"Note: \d+ of the validation and test frames trained the model's own terms", text)
    assert len(read_model("out").provenance["frames"]["train"]) == 30


def test_kernels_alone_leave_the_terms_out_and_the_report_says_so(workplace):
    succeed(f"fit ethanol.npz --charges charges.txt --train 40 --validation 10 {PLAIN} --out plain")
    text = succeed(f"correct plain ethanol.npz --correction all --alone --train 30 --validation 10 {QUICK} --out out")
    assert "trained the model's own terms" not in text
    assert "| correction: option alone | True |" in Path("out/summary.md").read_text(encoding="utf-8")
    model = read_model("out").force_field
    assert len(model.parameter_table) == 0
    assert [term.atoms for term in model.corrections] == [tuple(range(9))]


def test_evaluate_writes_the_errors_as_json(workplace):
    succeed(f"{FIT} --out out")
    succeed("evaluate out ethanol.npz --json errors.json")
    found = json.loads(Path("errors.json").read_text(encoding="utf-8"))
    assert set(found) >= KEYS
    model = read_model("out")
    expected = evaluate(model.force_field, read_frames("ethanol.npz"), model.energy_offset).in_field_units()
    assert {key: found[key] for key in KEYS} == pytest.approx({key: expected[key] for key in KEYS}, rel=1e-12)
    assert found["n_frames"] == 60
    assert found["energy_offset_from"] == "the model's training frames"


def test_a_stock_force_field_is_evaluated_with_the_mean_offset(workplace):
    text = succeed("evaluate model ethanol.npz --json errors.json")
    assert json.loads(Path("errors.json").read_text(encoding="utf-8"))["energy_offset_from"] == "these frames"
    for key in KEYS:
        assert key in text


def test_an_exported_system_needs_openmm_alone(workplace):
    succeed(f"{FIT} --out out")
    succeed("export out --system system.xml --structure structure.pdb")
    program = (
        "import json, sys\n"
        "import openmm\n"
        "from openmm import app\n"
        "system = openmm.XmlSerializer.deserialize(open('system.xml').read())\n"
        "pdb = app.PDBFile('structure.pdb')\n"
        "context = openmm.Context(system, openmm.VerletIntegrator(0.001),\n"
        "                         openmm.Platform.getPlatformByName('Reference'))\n"
        "context.setPositions(pdb.positions)\n"
        "assert not [name for name in sys.modules if name.startswith(('hybridff', 'torch'))]\n"
        "energy = context.getState(getEnergy=True).getPotentialEnergy()\n"
        "print(json.dumps(energy.value_in_unit(openmm.unit.kilojoule_per_mole)))\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    model = read_model("out").force_field
    pdb = app.PDBFile("structure.pdb")
    energy, _ = model.energy_forces(
        torch.as_tensor(np.array(pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer)))
    )
    # the same sum in double precision
    assert json.loads(finished.stdout) == pytest.approx(energy.item(), rel=1e-9)
    assert [atom.element.atomic_number for atom in pdb.topology.atoms()] == model.molecule.numbers.tolist()
    assert pdb.topology.getNumBonds() == 8


def test_export_says_on_which_platform_to_run_the_file(workplace):
    assert "Run plain.xml on any platform" in succeed("export model --system plain.xml")
    Path("rich").mkdir()
    write_model(SavedModel(force_field("ethanol", form="class2"), None), Path("rich"))
    text = succeed("export rich --system rich.xml")
    assert "Run rich.xml on a platform for GPUs (CUDA, HIP, OpenCL)." in text
    assert 'hybridff.to_openmm(model, platform="CPU")' in text


# OpenMM does not close the .top file
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_system_of_a_fit_has_only_native_forces(workplace):
    succeed(f"{FIT} --pairs none --out out")
    said = succeed("export out --system system.xml --amber out.prmtop --gromacs out.top")
    assert "Written: out.prmtop, out.rst7, out.top, out.gro, system.xml." in said
    prmtop = app.AmberPrmtopFile("out.prmtop")
    assert prmtop.topology.getNumAtoms() == 9
    system = openmm.XmlSerializer.deserialize(Path("system.xml").read_text(encoding="utf-8"))
    assert {type(force).__name__ for force in system.getForces()} == {
        *("HarmonicBondForce", "HarmonicAngleForce", "PeriodicTorsionForce", "NonbondedForce")
    }


@pytest.mark.parametrize("interpolate", [None, "lambda_interpolate"])
def test_mix_puts_a_model_into_a_system(workplace, interpolate):
    succeed(f"{FIT} --out out")
    lambdas = "" if interpolate is None else f" --interpolate {interpolate}"
    said = succeed(f"mix ethanol.xml ethanol.pdb out --out mixed.xml{lambdas}")
    assert "ethanol: 1 copy." in said
    assert "Written: mixed.xml." in said
    assert all(line.endswith("agrees") for line in said.splitlines() if line.startswith("OpenMM"))
    mixed = openmm.XmlSerializer.deserialize(Path("mixed.xml").read_text(encoding="utf-8"))
    x = np.array(app.PDBFile("ethanol.pdb").getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    context = openmm.Context(mixed, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(x)
    found = context.getState(getEnergy=True).getPotentialEnergy().value_in_unit_system(unit.md_unit_system)
    energy, _ = read_model("out").force_field.energy_forces(torch.as_tensor(x))
    # sums of the same terms in double precision
    assert found == pytest.approx(energy.item(), rel=1e-9)
    now = float(re.search(r"before, (-?[0-9.]+) now", said)[1])
    assert now == pytest.approx(energy.item() / 4.184, abs=0.006)
    if interpolate is not None:
        context.setParameter(interpolate, 0.0)
        (old, _) = read_model("model").force_field.energy_forces(torch.as_tensor(x))
        assert context.getState(getEnergy=True).getPotentialEnergy().value_in_unit_system(
            unit.md_unit_system
        ) == pytest.approx(old.item(), rel=1e-9)


def test_simulate_writes_a_trajectory_and_tells_the_temperature(workplace):
    text = succeed('simulate model --temperature 300 --time "0.2 ps" --interval "20 fs" --out run')
    assert "0.2 ps at 300 K on the Reference platform: 400 steps" in text
    assert {path.name for path in Path("run").iterdir()} == {
        *("checkpoint.xml", "final.pdb", "log.csv", "minimised.pdb", "trajectory.dcd")
    }


def test_simulate_stops_a_runaway_and_keeps_what_was_sound(workplace):
    outcome = run('simulate model --temperature 1000 --time "100 ps" --step "20 fs" --out run')
    assert outcome.code == 2
    assert "hybridff: the simulation " in outcome.stderr
    assert outcome.stderr.rstrip().endswith("run has the run up to the last sound frame.")
    assert {"final.pdb", "log.csv", "checkpoint.xml"} <= {path.name for path in Path("run").iterdir()}


def test_a_simulation_that_never_began_replaces_no_results(workplace, monkeypatch):
    export = cli_run.to_openmm

    def with_hole(model, route, *, platform):
        system, hole = export(model, route, platform=platform), openmm.CustomBondForce("1 / (r - r)")
        hole.addBond(0, 1)
        system.addForce(hole)
        return system

    monkeypatch.setattr(cli_run, "to_openmm", with_hole)
    Path("run").mkdir()
    Path("run", "final.pdb").write_text("good", encoding="utf-8")
    outcome = run('simulate model --temperature 300 --time "5 fs" --out run --overwrite')
    assert (outcome.code, outcome.stderr.count("\n")) == (2, 1)
    assert "hybridff: the minimisation broke down: the force field has a hole" in outcome.stderr
    assert [path.read_text(encoding="utf-8") for path in Path("run").iterdir()] == ["good"]


def test_simulate_takes_the_route_that_it_is_told(workplace, monkeypatch):
    taken, export = [], cli_run.to_openmm

    def exported(model, route, *, platform):
        taken.append(route)
        return export(model, route, platform=platform)

    monkeypatch.setattr(cli_run, "to_openmm", exported)
    for route, expected in (("auto", "native"), ("native", "native"), ("compiled", "compiled")):
        text = succeed(f'simulate model --temperature 300 --time "5 fs" --out {route} --route {route}')
        assert text.startswith(f"Route: {expected}, ")
        assert taken.pop() == expected  # auto: OpenMM has every term of this model itself


def test_verify_says_that_all_routes_agree_in_lines_that_are_not_broken(workplace, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = succeed("verify model").splitlines()
    assert len(lines) >= 3
    assert all(line.endswith("agrees") for line in lines[1:])


def test_a_toml_file_and_flags_give_the_same_model_to_the_byte(workplace):
    options = {"train": 20, "validation": 10, "seed": 3, "prior-scale": 0.5, "pairs": "none", "charges": "charges.txt"}
    options |= {"form": "harmonic", "gate": "none", "report": "brief"}
    lines = [f"{key.replace('-', '_')} = {json.dumps(value)}" for key, value in options.items()]
    Path("run.toml").write_text("\n".join(["[fit]", *lines, "[simulate]", 'step = "1 fs"', ""]), encoding="utf-8")
    flags = " ".join(f"--{key} {value}" for key, value in options.items())
    succeed(f"fit ethanol.npz {flags} --out flags")
    succeed("--config run.toml fit ethanol.npz --out toml")
    succeed("fit ethanol.npz --config run.toml --out late")
    succeed(f"{FIT} --out defaults")
    contents = {name: Path(name, "model.json").read_bytes() for name in ("flags", "toml", "late", "defaults")}
    assert contents["flags"] == contents["toml"] == contents["late"] != contents["defaults"]
    text = succeed('--config run.toml simulate model --temperature 300 --time "0.1 ps" --out run')
    assert "100 steps" in text


def test_a_flag_wins_over_the_toml_file(workplace):
    Path("run.toml").write_text('[fit]\ncharges = "charges.txt"\ntrain = 20\nseed = 3\n', encoding="utf-8")
    succeed(f"--config run.toml fit ethanol.npz --seed 4 {PLAIN} --out out")
    options = read_model("out").provenance["options"]
    assert (options["seed"], options["train"]) == (4, 20)


def test_a_toml_file_counts_for_one_command_only(workplace):
    Path("run.toml").write_text('[fit]\ncharges = "charges.txt"\ntrain = 20\n', encoding="utf-8")
    succeed(f"--config run.toml fit ethanol.npz {PLAIN} --out first")
    succeed(f"fit ethanol.npz --charges charges.txt {PLAIN} --out second")
    assert read_model("second").provenance["options"]["train"] is None


def test_the_same_seed_gives_the_same_model_to_the_byte_and_another_seed_another(workplace):
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        succeed(f"{FIT} --seed {seed} --out {name}")
    first, again, other = (Path(name, "model.json").read_bytes() for name in ("first", "again", "other"))
    assert first == again != other
    assert Path("first/summary.md").read_bytes() != Path("other/summary.md").read_bytes()


@pytest.mark.slow
def test_the_molecule_may_come_from_a_file_or_a_mapped_smiles(workplace):
    with np.load("ethanol.npz") as data:
        arrays = {key: data[key] for key in data.files if key != "smiles"}
        smiles = str(data["smiles"])
    np.savez("plain.npz", **arrays)
    Path("ethanol.mol2").write_text(MOL2, encoding="utf-8")
    succeed(f"{FIT} --out own")
    for name, molecule in (("sdf", "ethanol.sdf"), ("mol2", "ethanol.mol2"), ("smiles", smiles)):
        succeed(f"{FIT.replace('ethanol.npz', 'plain.npz')} --molecule '{molecule}' --out {name}")
        # the same fit; only the order of its parameters, and so of sums, differs
        np.testing.assert_allclose(forces_of(name), forces_of("own"), atol=1e-3)
    assert "ethanol.sdf" in read_model("sdf").provenance["inputs"]


def test_a_prmtop_may_be_molecule_and_start_at_once(workplace):
    succeed("parametrize ethanol.prmtop --out out")
    stock, model = read_model("out").force_field, read_model("model").force_field
    positions = torch.as_tensor(read_frames("ethanol.npz").positions[:3])
    # a prmtop has nine digits
    torch.testing.assert_close(stock.energy(positions), model.energy(positions), rtol=1e-6, atol=1e-4)
    assert set(read_model("out").provenance["inputs"]) == {"ethanol.prmtop"}
    assert "give the molecule as SDF or SMILES" in run("verify out").stderr


@pytest.mark.parametrize("start", ["--start ethanol.prmtop", "--start ethanol.xml --topology ethanol.pdb"])
def test_a_fit_may_start_from_the_users_own_force_field(start, workplace):
    succeed(f"fit ethanol.npz --train 20 --validation 10 {start} {PLAIN} --out own")
    succeed(f"{FIT} --out gaff")
    own, gaff = (read_model(name).provenance["errors before"]["test"] for name in ("own", "gaff"))
    assert own["force_rmse_kcal_mol_angstrom"] == pytest.approx(gaff["force_rmse_kcal_mol_angstrom"], rel=1e-6)


def test_several_files_of_one_molecule_are_one_data_set(workplace):
    frames = read_frames("ethanol.npz")
    frames.subset(np.arange(25)).write("a.npz")
    frames.subset(np.arange(25, 60)).write("b.npz")
    succeed(f"fit a.npz b.npz --charges charges.txt {PLAIN} --out out")
    about = read_model("out").provenance
    assert {name: len(rows) for name, rows in about["frames"].items()} == {"train": 48, "validation": 6, "test": 6}
    assert {"a.npz", "b.npz"} <= set(about["inputs"])


@pytest.mark.slow
def test_several_molecules_get_folders_of_their_names(workplace):
    write_frames("ethanol", "first.npz")
    write_frames("propane", "second.npz")
    with zero_charges():
        succeed(f"fit first.npz second.npz --share types --train 20 --prior-scale 1 {PLAIN} --out both")
    assert sorted(path.name for path in Path("both").iterdir()) == ["ethanol", "propane"]
    for name in ("ethanol", "propane"):
        assert read_model(Path("both", name)).force_field.molecule.name == name
        assert "DIFFERS" not in succeed(f"verify both/{name}")


def test_overwrite_replaces_a_folder_whole(workplace):
    succeed("parametrize CCO --charges charges.txt --out out")
    Path("out/notes.txt").write_text("old\n", encoding="utf-8")
    succeed("parametrize CCO --charges charges.txt --out out --overwrite")
    assert not Path("out/notes.txt").exists()
    assert not list(Path().glob(".out*"))


def test_reports_name_the_frames_that_were_left_out(workplace):
    with np.load("ethanol.npz") as data:
        arrays = {key: data[key] for key in data.files}
    arrays["E"][4] = np.nan
    np.savez("holes.npz", **arrays)
    text = succeed(f"fit holes.npz --charges charges.txt --train 20 {PLAIN} --out out")
    assert "Note: ethanol: left out 1 frame (5): NaN" in text
    assert "Left out 1 frame (5): NaN" in Path("out/summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command", ["parametrize", "fit", "correct", "evaluate", "export", "simulate", "verify", "demo"]
)
def test_every_command_has_help(command):
    text = succeed(f"{command} --help")
    assert f"Usage: hybridff {command}" in text


def test_the_version_is_the_packages():
    assert succeed("--version").strip() == version("hybridff")


@pytest.mark.slow
def test_the_demo_fits_reports_and_simulates_what_is_bundled(workplace, monkeypatch):
    """Few frames of one molecule, through a gate that lets all pass; installation runs the real demo."""
    monkeypatch.setattr("hybridff.fitting.refit_until_stable.check_stability", Gate(n_failures=0))
    real = [path for path in (Path(fitting.__file__).parents[1] / "data").iterdir() if path.suffix == ".npz"]
    assert len(real) == 2
    assert all(item.report.n_used == item.report.n_frames for path in real for item in read_data([path]))
    Path("bundle/data").mkdir(parents=True)
    shutil.copy("ethanol.npz", "bundle/data")
    monkeypatch.setattr(fitting, "files", lambda package: Path("bundle"))
    with zero_charges():
        succeed("demo --report brief --out demo")
    (place,) = Path("demo").iterdir()
    assert place.name == "ethanol"
    about = read_model(place).provenance
    before, after = (about[f"errors {w}"]["test"]["force_rmse_kcal_mol_angstrom"] for w in ("before", "after"))
    assert after < 0.75 * before
    assert (place / "trajectory.dcd").stat().st_size > 10_000
    assert "Dynamics" in (place / "summary.md").read_text(encoding="utf-8")


def test_evaluate_says_when_the_frames_were_trained_on(workplace):
    assert run(f"{FIT} --out fitted").code == 0
    assert "fitted to frames of ethanol.npz; these errors include them" in run("evaluate fitted ethanol.npz").stdout
    read_frames("ethanol.npz").write("copy.npz")
    assert "fitted to frames" not in run("evaluate fitted copy.npz").stdout


def test_analyse_modes_compares_methods_with_a_reference(workplace):
    model = read_model("model").force_field
    placed = model.molecule.with_embedded_positions()
    found = modes_of(placed.numbers, placed.positions, HybridFFCalculator(model))
    second = hessian(placed.numbers, found.positions, HybridFFCalculator(model)) / HESSIAN_KCAL
    np.savez("reference.npz", z=placed.numbers, R=found.positions * 10, hessian=second)
    said = succeed("analyse modes model mmff94 --reference reference.npz --table modes.csv").splitlines()
    own, other = (re.search(r"off by ([0-9.]+) cm", line) for line in said[:2])
    assert float(own[1]) < 0.1  # its own Hessian
    assert float(other[1]) > 5
    rows = list(csv.reader(Path("modes.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["mode", "reference.npz", "model", "mmff94"]
    assert len(rows) == 22
    assert float(rows[21][1]) == pytest.approx(found.frequencies[-1], abs=1e-2)


def test_analyse_scan_prints_compares_and_draws(workplace):
    said = succeed("analyse scan model uff --torsion 2,1,3,9 --every 60 --table scan.csv --picture scan.png")
    assert "relaxed scan of C2-C1-O3-H9, 6 points" in said
    assert re.search(r"^uff: up to [0-9.]+ kcal/mol; off model by [0-9.]+ on average", said, re.MULTILINE)
    rows = list(csv.reader(Path("scan.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["C2-C1-O3-H9 [degrees]", "model [kcal/mol]", "uff [kcal/mol]"]
    assert [row[0] for row in rows[1:]] == ["-180", "-120", "-60", "0", "60", "120"]
    assert Path("scan.png").read_bytes().startswith(b"\x89PNG")
    said = succeed("analyse scan model uff --torsion 2,1,3,9 --torsion 3,1,2,6 --every 120 --rigid --picture map.png")
    assert "rigid scan of C2-C1-O3-H9 and O3-C1-C2-H6, 9 points" in said
    assert Path("map.png").stat().st_size > 5000


def test_analyse_minima_relaxes_the_same_geometries_with_every_method(workplace):
    files = "--table minima.csv --structures minima.xyz"
    said = [line for line in succeed(f"analyse minima model mmff94 --conformers 10 {files}").splitlines() if line]
    assert said[0].split() == ["minimum", "|", "model", "|", "mmff94"]
    rows = list(csv.reader(Path("minima.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0][1:3] == ["model [kcal/mol]", "model RMSD [Å]"]
    assert rows[1][1:4] == ["0.00", "0.00", "0.00"]
    assert len(rows) == 3  # trans and gauche
    frames = ase.io.read("minima.xyz", index=":")
    assert frames[1].info["energy_kcal_mol"] == pytest.approx(float(rows[2][1]), abs=0.006)
    with np.load("ethanol.npz") as data:
        few = {key: data[key][:3] if key in ("R", "E", "F") else data[key] for key in data.files}
    np.savez("few.npz", **few)
    again = [line for line in succeed("analyse minima model mmff94 --reference few.npz").splitlines() if line]
    assert again[0].split() == ["minimum", "|", "few.npz", "|", "model", "|", "mmff94"]
    assert len(again) == 4
    assert float(again[3].split()[2]) == pytest.approx(np.ptp(few["E"]), abs=0.006)


def test_analyse_modes_says_where_conformers_differ(workplace, monkeypatch):
    model = read_model("model").force_field
    placed = model.molecule.with_embedded_positions()
    found = {}
    for angle in (60, 180):
        atoms = ase.Atoms(placed.numbers, placed.positions * 10)
        atoms.set_dihedral(1, 0, 2, 8, angle, indices=[8])
        found[angle] = nearest_minimum(placed.numbers, atoms.positions / 10, HybridFFCalculator(model))
    second = hessian(placed.numbers, found[60], HybridFFCalculator(model)) / HESSIAN_KCAL
    np.savez("gauche.npz", z=placed.numbers, R=found[60] * 10, hessian=second)
    assert "Note" not in succeed("analyse modes model model --reference gauche.npz")
    monkeypatch.setattr("hybridff.analysis.modes.nearest_minimum", lambda numbers, begin, calculator: found[180])
    said = succeed("analyse modes model model --reference gauche.npz")
    assert re.search(r"Note: model relaxes to another conformer, 0\.[0-9]+ Å from that of gauche.npz", said)
