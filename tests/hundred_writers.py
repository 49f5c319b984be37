"""Writers of the odd files of ``hundred_inputs.py``, all made of the good ones of ``bad_inputs.make_material``."""

import contextlib
import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
from bad_inputs import load, save
from rdkit import Chem
from rdkit.Chem import rdDistGeom

Write = Callable[[], None]
_EV = 23.060548
SYMBOLS = ("C", "C", "O", "H", "H", "H", "H", "H", "H")
COLUMNS = "Properties=species:S:1:pos:R:3:forces:R:3"


def text(name: str, content: str, encoding: str = "utf-8") -> Write:
    """Writes a text file."""
    return lambda: raw(name, content.encode(encoding))()


def raw(name: str, content: bytes) -> Write:
    """Writes the bytes of a file."""

    def write() -> None:
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).write_bytes(content)

    return write


def renamed(old: str, new: str, change: Callable[[str], str] = str, encoding: str = "utf-8") -> Write:
    """Writes a copy of a text file under another name, changed."""
    return lambda: raw(new, change(Path(old).read_text(encoding="utf-8")).encode(encoding))()


def replaced(old: str, new: str, name: str = "ethanol.sdf", into: str = "bad.sdf") -> Write:
    """Writes a copy of a text file in which one text stands for another, which must be there."""

    def change(content: str) -> str:
        assert old in content
        return content.replace(old, new)

    return renamed(name, into, change)


def titled(title: str) -> Write:
    """Writes ``bad.sdf`` with another first line."""
    return renamed("ethanol.sdf", "bad.sdf", lambda content: title + "\n" + content.split("\n", 1)[1])


def packed(old: str, new: str) -> Write:
    """Writes a file compressed by gzip."""
    return lambda: raw(new, gzip.compress(Path(old).read_bytes()))()


def together(*writes: Write) -> Write:
    """Does several, one after the other."""

    def write() -> None:
        for one in writes:
            one()

    return write


def folder(name: str) -> Write:
    """Makes a folder."""
    return lambda: Path(name).mkdir(parents=True)


def copied(old: str, new: str) -> Write:
    """Copies a file or a folder."""

    def write() -> None:
        shutil.copy(old, new)

    return write


def npz(change: Callable[[dict[str, np.ndarray]], dict[str, Any]]) -> Write:
    """Writes ``bad.npz`` with some arrays changed."""
    return lambda: save(**change(load()))


def xyz(
    change: Callable[[str], str] = str,
    *,
    head: str = "",
    frames: int = 12,
    name: str = "bad.xyz",
    symbols: Sequence[str] = SYMBOLS,
    move: Callable[[int, np.ndarray], np.ndarray] = lambda _, x: x,
    order: Callable[[int], Sequence[int]] = lambda _: range(9),
) -> Write:
    """Writes an extended XYZ file of ethanol in eV and Å, whose text is changed; ``head`` is added to second lines."""

    def write() -> None:
        data, parts = load(), []
        for i in range(frames):
            at = list(order(i))
            x, force = move(i, data["R"][i][at]), data["F"][i][at] / _EV
            rows = [f"{s} {' '.join(f'{v:.8f}' for v in (*a, *b))}" for s, a, b in zip(symbols, x, force, strict=True)]
            parts.append(f"{len(x)}\n{COLUMNS} {head} energy={data['E'][i] / _EV:.9f}\n" + "\n".join(rows) + "\n")
        raw(name, change("".join(parts)).encode("utf-8"))()

    return write


def wrapped(_: int, positions: np.ndarray) -> np.ndarray:
    """Positions in a cube of 8 Å whose face cuts the molecule."""
    return (positions - positions.mean(axis=0) + [0.2, 4.0, 4.0]) % 8.0


def by_ase(name: str, **others: Any) -> Write:
    """Writes frames by ASE itself, in any of its formats."""

    def write() -> None:
        from ase.calculators.singlepoint import SinglePointCalculator

        data, images = load(), []
        for x, energy, forces in zip(data["R"][:12], data["E"], data["F"], strict=False):
            image = ase.Atoms(data["z"], x)
            image.calc = SinglePointCalculator(image, energy=energy / _EV, forces=forces / _EV)
            images.append(image)
        ase.io.write(name, images, **others)

    return write


def sdf(*smiles: str, name: str = "bad.sdf", titles: Sequence[str] = (), flat: bool = False, v3: bool = False) -> Write:
    """Writes molecules as records of one SDF file, embedded, or as drawings."""

    def write() -> None:
        with contextlib.closing(Chem.SDWriter(name)) as writer:
            writer.SetForceV3000(v3)
            for number, one in enumerate(smiles):
                mol = Chem.AddHs(Chem.MolFromSmiles(one))
                if flat:
                    Chem.rdDepictor.Compute2DCoords(mol)
                else:
                    rdDistGeom.EmbedMolecule(mol, randomSeed=7)
                mol.SetProp("_Name", titles[number] if titles else "")
                writer.write(mol)

    return write


def mol2(*, bond: str = "1", copies: int = 1, end: str = "\n", types: Sequence[str] = ()) -> Write:
    """Writes ``bad.mol2`` of ethanol in SYBYL's types."""

    def write() -> None:
        mol = Chem.MolFromMolFile("ethanol.sdf", removeHs=False)
        kinds = types or [{"C": "C.3", "O": "O.3"}.get(symbol, symbol) for symbol in SYMBOLS]
        atoms = [
            f"{i} {s}{i} {' '.join(f'{v:.4f}' for v in x)} {kind} 1 MOL 0.0"
            for i, (s, x, kind) in enumerate(zip(SYMBOLS, mol.GetConformer().GetPositions(), kinds, strict=True), 1)
        ]
        bonds = [f"{b.GetIdx() + 1} {b.GetBeginAtomIdx() + 1} {b.GetEndAtomIdx() + 1} {bond}" for b in mol.GetBonds()]
        head = ["@<TRIPOS>MOLECULE", "ethanol", f"{len(atoms)} {len(bonds)} 1 0 0", "SMALL", "USER_CHARGES", ""]
        one = [*head, "@<TRIPOS>ATOM", *atoms, "@<TRIPOS>BOND", *bonds, ""]
        raw("bad.mol2", end.join(one * copies).encode("utf-8"))()

    return write


def conformers(*changes: Callable[[np.ndarray], np.ndarray]) -> Write:
    """Writes ``bad.xyz`` of plain geometries of ethanol, without energies."""

    def write() -> None:
        data = load()
        images = [ase.Atoms(data["z"], change(data["R"][i])) for i, change in enumerate(changes)]
        ase.io.write("bad.xyz", images, format="xyz")

    return write


def shifted(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Energies of -1e6 eV in single precision, whose steps are 1.4 kcal/mol."""
    return {"E": (arrays["E"] - arrays["E"].mean() - 1e6 * _EV).astype(np.float32)}


@contextlib.contextmanager
def variables(**values: str) -> Any:
    """Environment variables while a command runs."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
