"""From a molecule to a file that labelling reads."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_inputs import succeed
from models import distorted, force_field, molecule

from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.frames.geometries import read_geometries
from hybridff.frames.reading import read_frames
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Say, quiet, silent
from hybridff.stability.gate import SHORT, Finding, StabilityReport
from hybridff.workflows.labelling import LabelOptions, label_frames
from hybridff.workflows.samplers import AskedSampler, Sampler, sampler_of
from hybridff.workflows.sampling import SampleOptions, sample_frames

needs_tblite = pytest.mark.skipif(find_spec("tblite") is None, reason="tblite is not installed")
GLYCINE = "[NH3+]CC(=O)[O-]"
FEW = SampleOptions(frames=12, by=("conformers", "dynamics"), temperature=(300.0,), check=False)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has a model of ethanol."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    write_model(SavedModel(force_field("ethanol"), None), Path("model"))


def sampler(of: str | Molecule, method: str, say: Say = quiet, **options: Any) -> Sampler:
    asked: dict[str, Any] = {"solvent": "auto", "charge_scale": 0.25, "charges": "am1bcc", "options": None}
    return sampler_of(of, AskedSampler(method=method, check=False, **asked | options), say, silent)


def test_labelling_needs_nothing_but_the_file() -> None:
    found = sample_frames(molecule("ethanol"), "model", "e.xyz", FEW)
    assert found.sentence == ("e.xyz: 12 geometries of ethanol by the model model: 2 conformers, 10 dynamics at 300 K.")
    run = label_frames("e.xyz", "ase.calculators.lj:LennardJones", "labels", LabelOptions(processes=1))
    assert (run.labelled, run.failures) == (12, ())
    assert read_frames("labels").molecule().smiles == found.molecule.smiles


def test_the_same_command_gives_the_same_geometries_and_another_seed_others() -> None:
    for name, seed in (("a.npz", 3), ("b.npz", 3), ("c.npz", 4)):
        options = SampleOptions(frames=8, by=("dynamics",), temperature=(300.0,), check=False, seed=seed)
        sample_frames(molecule("ethanol"), "model", name, options)
    a, b, c = (read_geometries([name]).positions for name in ("a.npz", "b.npz", "c.npz"))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.001


def test_a_model_that_fails_the_gate_does_not_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    some = distorted("ethanol", 1)
    report = StabilityReport(SHORT, (Finding("dynamics", (), "it broke."),), (), some[0], some, 0.0, 0, 0)
    monkeypatch.setattr("hybridff.workflows.samplers.check_stability", lambda *given: report)
    with pytest.raises(InputError, match=r"the model model is not stable: it broke\."):
        sample_frames(molecule("ethanol"), "model", "e.xyz")
    assert not Path("e.xyz").exists()


def test_a_prmtop_brings_its_own_force_field(workplace: Path) -> None:
    said = succeed("sample ethanol.prmtop --frames 2 --by conformers --out e.npz")
    assert "e.npz: 2 geometries of ethanol by the AMBER prmtop ethanol.prmtop: 2 conformers." in said
    found = read_geometries(["e.npz"]).molecule
    assert found is not None
    assert found.numbers.tolist() == read_model("model").force_field.molecule.numbers.tolist()


@pytest.mark.slow
@needs_tblite
def test_a_zwitterion_keeps_its_proton_in_water_and_not_in_vacuum() -> None:
    options = SampleOptions(frames=3, by=("conformers",))
    found = sample_frames(GLYCINE, "gfn2-xtb", "g.xyz", options)
    assert found.method == "GFN2-xTB in water by ALPB"
    hydrogens = [atom for atom in found.molecule.neighbours[0] if found.molecule.numbers[atom] == 1]
    nearest = np.linalg.norm(found.samples[0].positions[:, hydrogens] - found.samples[0].positions[:, :1], axis=-1)
    assert nearest.max() < 0.115  # nm
    with pytest.raises(InputError, match=r"no conformer of .* keeps its bonds \(N1-H. at .* Å is broken\)"):
        sample_frames(GLYCINE, "gfn2-xtb", "v.xyz", SampleOptions(frames=3, by=("conformers",), solvent="none"))
    assert not Path("v.xyz").exists()


@needs_tblite
def test_the_solvent_is_that_of_the_name_or_of_the_option_and_water_for_ions_alone() -> None:
    assert sampler("CO", "gfn2-xtb").words == "GFN2-xTB"
    assert sampler("CO", "gfn2-xtb", solvent="ethanol").words == "GFN2-xTB in ethanol by ALPB"
    assert sampler(GLYCINE, "gfn2-xtb-alpb(ethanol)").words == "GFN2-xTB in ethanol by ALPB"
    assert sampler(GLYCINE, "gfn2-xtb", solvent="none").words == "GFN2-xTB"
    with pytest.raises(InputError, match="names its solvent"):
        sampler("CO", "gfn2-xtb-alpb(ethanol)", solvent="water")


def test_a_level_without_solvent_is_told_of_ions() -> None:
    said: list[str] = []
    assert not sampler("C[NH3+]", "ase.calculators.lj:LennardJones", said.append).screened
    assert "has ions, and ase.calculators.lj:LennardJones no solvent" in said[0]
    with pytest.raises(InputError, match="has no solvent here"):
        sampler("CO", "ase.calculators.lj:LennardJones", solvent="water")


def test_a_model_is_screened_where_the_user_says_so() -> None:
    assert not sampler(molecule("ethanol"), "model").screened
    own = sampler(molecule("ethanol"), "model", solvent="water")
    assert own.screened
    assert own.words == "the model model with charges times 0.25, as a solvent screens them"


def test_the_order_of_atoms_is_that_of_the_model() -> None:
    assert sampler("[H]OC([H])([H])C([H])([H])[H]", "model").molecule.numbers[:3].tolist() == [6, 6, 8]


def test_stereochemistry_that_is_open_is_told() -> None:
    said: list[str] = []
    found = sampler("OC(F)Cl", "ase.calculators.lj:LennardJones", said.append).molecule
    assert "@" in str(found.smiles)
    assert said[0].startswith("Note: nothing says which stereoisomer OC(F)Cl is; O[C@")
