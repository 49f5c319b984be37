"""Inputs that contradict themselves or their molecule, beside ``bad_inputs.py``, which has them in its table."""

import zipfile
from pathlib import Path

import numpy as np
from models import small_set
from rdkit import Chem

from hybridff.jobs.set_files import SET, write_set


def sdf_scaled(factor: float) -> None:
    """Write ``bad.sdf``: the good structure with all positions multiplied."""
    mol = Chem.MolFromMolFile("ethanol.sdf", removeHs=False)
    mol.GetConformer().SetPositions(np.ascontiguousarray(factor * mol.GetConformer().GetPositions()))
    Chem.MolToMolFile(mol, "bad.sdf")


def sdf_moved(atom: int, like: int | None = None) -> None:
    """Write ``bad.sdf``: an atom (from 0) 30 Å away, or in the place of another."""
    mol = Chem.MolFromMolFile("ethanol.sdf", removeHs=False)
    places = mol.GetConformer().GetPositions()
    places[atom] = places[atom] + [0, 0, 30] if like is None else places[like]
    mol.GetConformer().SetPositions(np.ascontiguousarray(places))
    Chem.MolToMolFile(mol, "bad.sdf")


def amber_units() -> None:
    """Write ``bad.txt``: charges of ethanol in AMBER's units."""
    charges = 18.2223 * np.array([-0.15, 0.14, -0.60, 0.045, 0.045, 0.045, 0.045, 0.045, 0.385])
    Path("bad.txt").write_text("\n".join(f"{charge:.4f}" for charge in charges), encoding="utf-8")


def xyz(head: str, columns: str = "", count: str = "2", symbol: str = "H") -> None:
    """Write ``bad.xyz``: one frame of two atoms."""
    rows = "".join(f"{row} {columns}\n" for row in ("O 0 0 0", f"{symbol} 0 0 0.96"))
    Path("bad.xyz").write_text(f"{count}\n{head}\n{rows}", encoding="utf-8")


def lying_header() -> None:
    """Write ``bad.npz``: an array whose header claims more numbers than there are."""
    with zipfile.ZipFile("ethanol.npz") as good, zipfile.ZipFile("bad.npz", "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "E.npy":
                claimed = content[:128].replace(b"(60,)", b"(99999999999,)")
                content = claimed[:127].rstrip(b" \n").ljust(127) + b"\n" + content[128:]
            bad.writestr(name, content)


def parameter_set(*, cut: bool = False) -> None:
    """Write ``bad``: a parameter set of two rows, whole or cut off."""
    Path("bad").mkdir()
    write_set(small_set(), Path("bad"))
    if cut:
        text = Path("bad", SET).read_text(encoding="utf-8")
        Path("bad", SET).write_text(text[: len(text) // 2], encoding="utf-8")
