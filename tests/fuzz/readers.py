"""Every reader of foreign files with a good file for it; what comes of a damaged one is a result or one sentence."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import openmm
from ase.calculators.singlepoint import SinglePointCalculator
from folder_readers import FOLDERS
from geometry_readers import GEOMETRIES
from models import class_one_of, force_field, molecule, small_set
from mutations import JSON, NPZ, TEXT, XML, mutated
from openmm import app
from rdkit import Chem
from reader import Reader

from hybridff.analysis.modes import read_reference
from hybridff.corrections.sgdml_file import read_sgdml
from hybridff.errors import HybridFFError
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.export.routes import to_openmm, write_structure
from hybridff.fitting.posterior import Posterior
from hybridff.frames.checks import usable_frames
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames
from hybridff.gaff.charges import read_charges
from hybridff.gaff.formfile import read_form
from hybridff.gaff.openmm_source import class_one_from_openmm, class_one_from_prmtop
from hybridff.jobs.job import FitJob
from hybridff.jobs.provenance import TIMING, read_timing
from hybridff.jobs.set_files import SET, read_set, write_set
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.openmm_files import read_structure, read_system

SEEDS = Path(__file__).parent / "seeds"
FORM = Path(__file__).parents[2] / "examples" / "from-scratch.toml"


def frames() -> Frames:
    ethanol = molecule("ethanol")
    assert ethanol.positions is not None
    random = np.random.default_rng(0)
    positions = ethanol.positions + random.normal(0, 0.002, (6, 9, 3))
    forces = random.normal(0, 900.0, (6, 9, 3))
    smiles = ethanol.smiles
    return Frames(ethanol.numbers, positions, random.normal(0, 9.0, 6), forces, "ethanol", smiles, "none", "none")


def images() -> list[ase.Atoms]:
    own = frames()
    assert own.forces is not None
    found = [ase.Atoms(own.numbers, positions=10 * x) for x in own.positions]
    for image, energy, forces in zip(found, own.energies, own.forces, strict=True):
        image.calc = SinglePointCalculator(image, energy=float(energy), forces=forces / 1000)
    return found


def read_and_check(path: Path) -> Any:
    return usable_frames(read_frames(path), None, accept_problem=True)


def read_own(path: Path) -> Any:
    read = read_frames(path)
    return usable_frames(read, read.molecule(), accept_problem=True)


def placed() -> Molecule:
    return molecule("ethanol")


def write_mol2(path: Path) -> None:
    path.write_bytes((SEEDS / "ethanol.mol2").read_bytes())


def write_sgdml(path: Path) -> None:
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {"z": np.array([8, 1, 1]), "R_desc": random.uniform(0.5, 1, (3, 4)), "sig": 10, "c": -1.0}
    arrays |= {"type": "m", "R_d_desc_alpha": random.normal(size=(4, 3)), "perms": np.array([[0, 1, 2], [0, 2, 1]])}
    np.savez_compressed(path, **arrays, std=1.0, r_unit="Ang", e_unit="kcal/mol")


def write_hessian(path: Path) -> None:
    n = 27
    np.savez(path, z=placed().numbers, R=10 * np.asarray(placed().positions), hessian=500.0 * np.eye(n))


def write_posterior(path: Path) -> None:
    Posterior(np.arange(5), np.eye(5), np.zeros(5), 1.0).write(path)


def write_model_file(path: Path) -> None:
    write_model(SavedModel(force_field("ethanol"), 0.0, {"frames": {}}), path.parent)


def system_of(path: Path) -> Any:
    return class_one_from_openmm(read_system(path), placed().to_openmm_topology())


def topology_of(path: Path) -> Any:
    return Molecule.from_openmm(read_structure(path).topology, "it")


def write_cif(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        app.PDBxFile.writeFile(placed().to_openmm_topology(), 10 * np.asarray(placed().positions), file)


def write_system(path: Path) -> None:
    path.write_text(openmm.XmlSerializer.serialize(to_openmm(force_field("ethanol"), route="native")), encoding="utf-8")


def text(content: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(content, encoding="utf-8")


JOB = '[fit]\nmolecule = "a.sdf"\ntrain = 100\nform = "harmonic"\ncharges = "resp"\n'
CHARGES = "\n".join(f"{charge:.4f}" for charge in class_one_of("ethanol").nonbonded.charge) + "\n"

READERS = {
    "npz": Reader("a.npz", lambda path: frames().write(path), read_own, NPZ, 40),
    "sgdml": Reader("m.npz", write_sgdml, read_sgdml, NPZ, 40),
    "Hessian": Reader("h.npz", write_hessian, lambda path: read_reference(path, placed()), NPZ),
    "posterior": Reader("p.npz", write_posterior, lambda path: Posterior.read(path, 9), NPZ, 40),
    "extended XYZ": Reader(
        "a.xyz", lambda path: ase.io.write(path, images(), format="extxyz"), read_and_check, TEXT, 40
    ),
    "ASE's JSON": Reader("a.json", lambda path: ase.io.write(path, images()), read_and_check, JSON, 30),
    "SDF": Reader("a.sdf", lambda path: Chem.MolToMolFile(placed().to_rdkit(), str(path)), Molecule.read, TEXT, 40),
    "MOL2": Reader("a.mol2", write_mol2, Molecule.read, TEXT, 40),
    "charges in MOL2": Reader("q.mol2", write_mol2, lambda path: read_charges(path, placed()), TEXT, 40),
    "charges": Reader("q.txt", text(CHARGES), lambda path: read_charges(path, placed()), TEXT, 40),
    "PDB": Reader(
        "a.pdb", lambda path: write_structure(placed(), np.asarray(placed().positions), path), topology_of, TEXT, 40
    ),
    "mmCIF": Reader("a.cif", write_cif, topology_of, TEXT, 40),
    "prmtop": Reader(
        "a.prmtop",
        lambda path: path.write_bytes((SEEDS / "ethanol.prmtop").read_bytes()),
        lambda path: (Molecule.from_prmtop(path), class_one_from_prmtop(path)),
        TEXT,
        60,
    ),
    "System": Reader("a.xml", write_system, system_of, XML, 30),
    "model": Reader("model.json", write_model_file, read_model, JSON, 30),
    "parameter set": Reader(
        SET, lambda path: write_set(small_set(), path.parent), lambda path: read_set(path.parent), JSON, 30
    ),
    "timing": Reader(
        TIMING, text(json.dumps({"fit_seconds": 1.5})), lambda path: read_timing(path.parent), JSON, 40, forgives=True
    ),
    "form": Reader("f.toml", lambda path: path.write_bytes(FORM.read_bytes()), read_form),
    "job": Reader("j.toml", text(JOB), FitJob.read),
    "SMILES": Reader("s.smi", text("C[C@H](N)C(=O)[O-]"), lambda path: Molecule.from_smiles(decoded(path))),
    **GEOMETRIES,
    **FOLDERS,
}


def decoded(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


def good_file(name: str, folder: Path) -> bytes:
    """The good file of a reader, which it must read."""
    path = folder / READERS[name].file
    path.parent.mkdir(exist_ok=True)
    READERS[name].write(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        READERS[name].read(path)
    return path.read_bytes()


def outcome(name: str, content: bytes, number: int, folder: Path) -> str:
    """``read`` or ``refused``; anything that is no sentence for the user is raised."""
    path = folder / READERS[name].file
    path.write_bytes(mutated(content, READERS[name].mutations, number))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[name].read(path)
    except HybridFFError as error:
        sentence = str(error)
        assert "\n" not in sentence.strip(), sentence
        assert sentence.endswith((".", ")", "?")), sentence
        sentence.encode("utf-8")
        return "refused"
    return "read"
