"""Readers of geometries, lists of molecules, minima and tables of options."""

from pathlib import Path
from typing import Any

import ase
import ase.io
from models import distorted, molecule
from mutations import ANY, JSON, NPZ, TEXT
from rdkit import Chem
from reader import Reader

from hybridff.analysis.methods import read_options
from hybridff.frames.geometries import read_geometries
from hybridff.frames.geometry_files import write_geometries
from hybridff.jobs.job import CorrectionJob
from hybridff.making.job import MakeJob
from hybridff.molecules.lists import listed_molecules
from hybridff.molecules.molecule import Molecule
from hybridff.reference.minima import read_minima, write_minima
from hybridff.units import ANGSTROM


def images() -> list[ase.Atoms]:
    return [ase.Atoms(molecule("ethanol").numbers, positions=x / ANGSTROM) for x in distorted("ethanol", 3)]


def boxed() -> ase.Atoms:
    image = images()[0]
    image.center(vacuum=5.0)
    return image


def write_images(kind: str) -> Any:
    return lambda path: ase.io.write(path, images(), format=kind)


def read_shapes(path: Path) -> Any:
    return read_geometries([path])


def write_records(path: Path) -> None:
    with Chem.SDWriter(str(path)) as writer:
        for frame in distorted("ethanol", 3):
            record = molecule("ethanol").to_rdkit()
            for atom, place in enumerate((frame / ANGSTROM).tolist()):
                record.GetConformer().SetAtomPosition(atom, place)
            writer.write(record)


def write_text(content: str) -> Any:
    return lambda path: path.write_text(content, encoding="utf-8")


def read_list(path: Path) -> Any:
    return [own.read() for own in listed_molecules(str(path)) or ()]


def write_file_of_minima(path: Path) -> None:
    placed = [(x / ANGSTROM).tolist() for x in distorted("ethanol", 2)]
    write_minima(path, "ethanol", "PBE", [{"energy": 1.0 * i, "positions": x} for i, x in enumerate(placed)])


def read_file_of_minima(path: Path) -> Any:
    return read_minima(molecule("ethanol"), path, 2)


LIST = "SMILES name\nCCO ethanol\n# a comment\nC[C@H](N)C(=O)O alanine\nc1ccccc1\n"
OPTIONS = '["ase.calculators.lj:LennardJones"]\nsigma = 2.0\nepsilon = 1e-3\n\n["a:B"]\nwords = ["x", "y"]\n'
CONFIG = '[fit]\ntrain = 100\nform = "harmonic"\n\n[correct]\ncorrection = ["all"]\ntrain = 50\n\n[make]\nbudget = 20\n'

GEOMETRIES = {
    "geometries (npz)": Reader(
        "g.npz",
        lambda path: write_geometries(path, molecule("ethanol"), distorted("ethanol", 3), [("dynamics", 300.0)] * 3),
        read_shapes,
        NPZ,
    ),
    "geometries (SDF)": Reader("g.sdf", write_records, read_shapes, TEXT),
    "geometries (XYZ)": Reader("g.xyz", write_images("xyz"), read_shapes, TEXT),
    "geometries (ASE's trajectory)": Reader("g.traj", write_images("traj"), read_shapes, ANY),
    "geometries (gen)": Reader("g.gen", lambda path: ase.io.write(path, images()[0], format="gen"), read_shapes, TEXT),
    "geometries (POSCAR)": Reader(
        "POSCAR", lambda path: ase.io.write(path, boxed(), format="vasp", direct=True), read_shapes, TEXT
    ),
    "SDF V3000": Reader(
        "v.sdf",
        lambda path: Chem.MolToV3KMolFile(molecule("ethanol").to_rdkit(), str(path)),
        Molecule.read,
        TEXT,
    ),
    "list of SMILES": Reader("l.smi", write_text(LIST), read_list),
    "list of records": Reader("l.sdf", write_records, read_list, TEXT),
    "minima": Reader("minima.json", write_file_of_minima, read_file_of_minima, JSON),
    "options of methods": Reader("o.toml", write_text(OPTIONS), read_options),
    "job of correct": Reader("k.toml", write_text(CONFIG), CorrectionJob.read),
    "job of make": Reader("m.toml", write_text(CONFIG), MakeJob.read),
}
