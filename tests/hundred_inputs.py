"""A hundred inputs as people give them, odd but not all wrong; ``hundred_inputs_page.py`` prints what comes of them."""

import contextlib
import io
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hundred_writers as w
import numpy as np
from bad_inputs import Outcome

STOCK = "parametrize {} --charges charges.txt --out out"
SDF = STOCK.format("bad.sdf")
FIT = "--gate none --report brief --form harmonic --train 20 --validation 5 --charges charges.txt --out out"
NPZ, XYZ = "evaluate model bad.npz", "evaluate model bad.xyz"
RUN = "simulate model --temperature {} --time {} --out out"


@dataclass(frozen=True)
class Odd:
    """A command in a folder of good inputs, whether it is to go on, and what its answer has to say at least."""

    what: str
    command: str
    accept: bool
    says: str = ""
    """Words of standard output, or of the sentence where the command is to be refused."""
    prepare: Callable[[], Any] = lambda: None
    sound: Callable[[], bool] = lambda: True
    """Whether what the command leaves behind is right."""
    patch: Callable[[], AbstractContextManager] = nullcontext

    @property
    def first(self) -> str:
        """What came of it before anything was mended."""
        kind = next((kind for kind, those in AT_FIRST.items() if self.what in those), None)
        return kind or ("right" if self.accept else "refused")

    def outcome(self, found: Outcome) -> str:
        """Right, refused, misleading or wrong."""
        if found.code == 0:
            right = self.accept and self.says in found.stdout and self.sound()
            return "right" if right else "wrong"
        sentence = found.stderr.startswith("hybridff: ") and found.stderr.count("\n") == 1
        clear = sentence and not self.accept and self.says in found.stderr and self.sound()
        return "refused" if clear else "misleading"


def ascii_output() -> AbstractContextManager:
    """Standard output of a system without Unicode."""
    return contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True))


def yes(what: str, command: str, prepare: Any = None, says: str = "", **others: Any) -> Odd:
    """An input that is to be taken."""
    return Odd(what, command, accept=True, says=says, prepare=prepare or (lambda: None), **others)


def no(what: str, command: str, says: str, prepare: Any = None, **others: Any) -> Odd:
    """An input that is to be refused."""
    return Odd(what, command, accept=False, says=says, prepare=prepare or (lambda: None), **others)


def _safe_html() -> bool:
    return "<script>alert" not in Path("out/report.html").read_text(encoding="utf-8")


def _permuted(frame: int) -> list[int]:
    return [0, 1, 2, 8, 4, 5, 6, 7, 3] if frame % 2 else list(range(9))


def _reordered(content: str) -> str:
    lines = content.split("\n")
    begin = 4 * 11 + 2  # atoms of the fifth frame
    lines[begin + 1], lines[begin + 2] = lines[begin + 2], lines[begin + 1]
    return "\n".join(lines)


def _without(word: str, frame: int) -> Callable[[str], str]:
    """Takes what a frame, from 1, has of an energy or of forces."""

    def change(content: str) -> str:
        lines = content.split("\n")
        at = (frame - 1) * 11
        if word == "energy":
            lines[at + 1] = lines[at + 1].split("energy")[0]
        else:
            lines[at + 1] = lines[at + 1].replace(":forces:R:3", "")
            lines[at + 2 : at + 11] = [" ".join(line.split()[:4]) for line in lines[at + 2 : at + 11]]
        return "\n".join(lines)

    return change


def _one_far(a: dict) -> dict:
    positions = a["R"].copy()
    positions[3, 8] += 3.0
    return {"R": positions}


def _twice(a: dict) -> dict:
    energies = np.concatenate([a["E"], a["E"][:20] + 5.0])
    return {"R": np.concatenate([a["R"], a["R"][:20]]), "F": np.concatenate([a["F"], a["F"][:20]]), "E": energies}


def _turned(a: dict) -> dict:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(60, 3, 3)))[0]
    return {"R": np.einsum("fij,faj->fai", turn, a["R"] - a["R"].mean(axis=1, keepdims=True))}


def _one_nan(a: dict) -> dict:
    energies = a["E"].copy()
    energies[5] = np.nan
    return {"E": energies}


MOLECULES = (
    yes("a SMILES with spaces around it", STOCK.format("'  CCO '")),
    no("a SMILES with a name behind it", STOCK.format("'CCO ethanol'"), "leave 'ethanol' out"),
    no("an InChI", STOCK.format("'InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3'"), "it is an InChI"),
    no("a reaction", STOCK.format("'CCO>>CC=O'"), "it is a reaction"),
    no("the name of a substance", STOCK.format("ethanol"), "is not a SMILES"),
    no("a dash of typography in a SMILES", STOCK.format("'CC–O'"), "'–'"),
    no("a Cyrillic letter in a SMILES", STOCK.format("'СCO'"), "'С'"),
    no("an ion alone", STOCK.format("'[Na+]'"), "is Na; GAFF has parameters for"),
    yes("a nitro group with five bonds", "parametrize 'CN(=O)=O' --charges seven.txt --out out",
        w.text("seven.txt", "0\n" * 7)),
    no("map numbers on heavy atoms alone", STOCK.format("'[CH3:1][CH2:2][OH:3]'"), "hydrogens without map numbers"),
    yes("a centre without a configuration", "parametrize 'C[CH](F)Cl' --charges eight.txt --out out",
        w.text("eight.txt", "0\n" * 8), "stereoisomer"),
    no("a folder as the molecule", STOCK.format("model"), "is a folder"),
    no("a pipe as the molecule", STOCK.format("/dev/stdin"), "pipe"),
    yes("a file of one SMILES", STOCK.format("ethanol.smi"), w.text("ethanol.smi", "CCO ethanol\n")),
    no("a file of two SMILES", STOCK.format("two.smi"), "2 molecules", w.text("two.smi", "CCO\nCCC\n")),
    yes("an SDF whose name is in capitals", STOCK.format("BAD.SDF"), w.copied("ethanol.sdf", "BAD.SDF")),
    yes("an SDF from Windows", SDF, w.renamed("ethanol.sdf", "bad.sdf", lambda t: t.replace("\n", "\r\n"))),
    yes("an SDF in UTF-16", SDF, w.renamed("ethanol.sdf", "bad.sdf", encoding="utf-16")),
    no("a compressed SDF", STOCK.format("bad.sdf.gz"), "compressed", w.packed("ethanol.sdf", "bad.sdf.gz")),
    no("a compressed SDF with the name of a plain one", SDF, "compressed", w.packed("ethanol.sdf", "bad.sdf")),
    yes("an SDF of version 3000", SDF, w.sdf("CCO", v3=True)),
    yes("a drawing", SDF, w.sdf("CCO", flat=True)),
    no("an SDF of three records", SDF, "3 molecules", w.sdf("CCO", "CCC", "CO", titles=("a", "b", "c"))),
    no("records without titles", f"fit ethanol.npz --molecule bad.sdf {FIT}", "untitled", w.sdf("CCO", "CCC")),
    no("several records to sample", "sample bad.sdf --charges charges.txt --frames 2 --out out.xyz", "2 molecules",
       w.sdf("CCO", "CCC")),
    no("isomers as records to label", "label bad.sdf --level gfn2-xtb --processes 1 --out out", "record 2",
       w.sdf("CC(C)O", "CCCO")),
    no("two molecules in a MOL2", STOCK.format("bad.mol2"), "2 molecules", w.mol2(copies=2)),
    no("a page of the web named .sdf", SDF, "not a readable SDF file",
       w.text("bad.sdf", "<!DOCTYPE html>\n<html>\n<head><title>404 Not Found</title></head>\n<body/>\n</html>\n")),
    no("a PDB named .sdf", SDF, "not a readable SDF file", w.copied("ethanol.pdb", "bad.sdf")),
    no("an SDF named .mol2", STOCK.format("bad.mol2"), "not a MOL2 file", w.copied("ethanol.sdf", "bad.mol2")),
    yes("a MOL2 from Windows", STOCK.format("bad.mol2"), w.mol2(end="\r\n")),
    no("an unknown bond in a MOL2", STOCK.format("bad.mol2"), "type 'un'", w.mol2(bond="un")),
    no("stars for coordinates that did not fit", SDF, "readable",
       w.renamed("ethanol.sdf", "bad.sdf", lambda t: "\n".join(
           "**********" + line[10:] if i == 4 else line for i, line in enumerate(t.split("\n"))))),
    yes("an SDF whose positions are all zero", SDF,
        w.renamed("ethanol.sdf", "bad.sdf", lambda t: "\n".join(
            "    0.0000    0.0000    0.0000" + line[30:] if 4 <= i < 13 else line
            for i, line in enumerate(t.split("\n"))))),
    yes("a title that would be run by a browser", SDF, w.titled("<script>alert(1)</script>"), sound=_safe_html),
    yes("a title that is a path", SDF, w.titled("../../evil"), sound=lambda: not Path("../../evil").exists()),
    yes("a title of a thousand letters", SDF, w.titled("long " * 200)),
    yes("a title like marks of a terminal", f"fit ethanol.npz --molecule bad.sdf {FIT}", w.titled("[red]x[/blink]")),
    no("deuterium as D", SDF, "isotope", w.replaced(" H   0", " D   0")),
    no("a place for a rest", SDF, "dummy", w.replaced(" O   0", " R#  0")),
    no("a file of ChemDraw", STOCK.format("bad.cdxml"), "not a known kind", w.text("bad.cdxml", "<CDXML/>")),
    no("an SDF without its end", SDF, "readable", w.replaced("M  END\n", "")),
    yes("a path with spaces and umlauts", "parametrize 'mein Äthanol/äthanol 1.sdf' --charges charges.txt --out 'ä b'",
        w.together(w.folder("mein Äthanol"), w.copied("ethanol.sdf", "mein Äthanol/äthanol 1.sdf"))),
    no("a charge that asks for another hydrogen", SDF, "lacks 1 hydrogen",
       w.replaced("M  END", "M  CHG  1   3   1\nM  END")),
)  # fmt: skip

DATA = (
    no("rMD17's names of arrays", NPZ, "nuclear_charges", w.npz(lambda a: {
        "nuclear_charges": a["z"], "coords": a["R"], "energies": a["E"], "forces": a["F"],
        "z": None, "R": None, "E": None, "F": None})),
    no("a bare array of numpy", "evaluate model bad.npy", "npz", lambda: np.save("bad.npy", np.zeros((3, 9, 3)))),
    no("a table of energies", "evaluate model bad.csv", "npz or extended XYZ",
       w.text("bad.csv", "frame,energy\n1,2\n")),
    no("a file of HDF5", "evaluate model bad.h5", "npz or extended XYZ",
       w.raw("bad.h5", b"\x89HDF\r\n\x1a\n" + bytes(500))),
    yes("a trajectory of ASE", "evaluate model bad.traj", w.by_ase("bad.traj")),
    yes("a data base of ASE", "evaluate model bad.db", w.by_ase("bad.db")),
    yes("a compressed XYZ", "evaluate model bad.xyz.gz", w.together(w.xyz(), w.packed("bad.xyz", "bad.xyz.gz"))),
    no("a compressed npz", "evaluate model bad.npz.gz", "compressed", w.packed("ethanol.npz", "bad.npz.gz")),
    no("atomic numbers in an XYZ", XYZ, "symbol", w.xyz(symbols=("6", "6", "8", *"111111"))),
    no("numbered atoms in an XYZ", XYZ, "'C1'", w.xyz(symbols=[f"{s}{i}" for i, s in enumerate(w.SYMBOLS, 1)])),
    yes("symbols in small letters", XYZ, w.xyz(symbols=[s.lower() for s in w.SYMBOLS])),
    no("decimal commas", XYZ, "comma", w.xyz(lambda t: t.replace(".", ","))),
    no("exponents of Fortran", XYZ, "not D", w.xyz(lambda t: re.sub(r" (-0\.\d+)", r" \1D-01", t))),
    yes("an XYZ from Windows", XYZ, w.xyz(lambda t: t.replace("\n", "\r\n"))),
    yes("empty lines at the end of an XYZ", XYZ, w.xyz(lambda t: t + "\n\n\n")),
    no("an energy with its unit", XYZ, "not a number", w.xyz(
        lambda t: "\n".join(line.split(" energy=")[0] for line in t.split("\n")), head='REF_energy="-154.1 Hartree"')),
    no("a frame without energy", XYZ, "frame 3", w.xyz(_without("energy", 3))),
    no("a frame without forces", XYZ, "frame 3", w.xyz(_without("forces", 3))),
    no("an XYZ that is cut off", XYZ, "cut off", w.xyz(lambda t: t[:-200])),
    yes("molecules cut by a periodic box", XYZ, w.xyz(head='Lattice="8 0 0 0 8 0 0 0 8" pbc="T T T"', move=w.wrapped),
        "whole"),
    yes("whole molecules in a periodic box", XYZ, w.xyz(head='Lattice="8 0 0 0 8 0 0 0 8" pbc="T T T"')),
    no("molecules cut by a box that is not said", XYZ, "periodic", w.xyz(move=w.wrapped)),
    yes("frames twice, with another energy", NPZ, w.npz(_twice), "differ"),
    no("one frame sixty times", f"fit bad.npz {FIT}", "at least two",
       w.npz(lambda a: {k: np.repeat(a[k][:1], 60, axis=0) for k in "REF"})),
    yes("hydrogens of half of the frames exchanged", XYZ, w.xyz(order=_permuted), "renumber"),
    no("other elements in one frame", XYZ, "frame 5", w.xyz(_reordered)),
    no("frames of two sizes", XYZ, "frame 2 has 3 atoms",
       w.xyz(lambda t: "9" + t.split("\n9\n")[0][1:] + f"\n3\n{w.COLUMNS} energy=1\n" + "O 0 0 0 0 0 0\n" * 3)),
    no("large energies in single precision", NPZ, "precision", w.npz(w.shifted)),
    no("energies without decimals", NPZ, "precision", w.npz(lambda a: {"E": np.round(a["E"]).astype(int)})),
    yes("numbers in the other order of bytes", NPZ, w.npz(lambda a: {k: a[k].astype(">f8") for k in "REF"})),
    yes("atomic numbers with decimals", NPZ, w.npz(lambda a: {"z": a["z"].astype(float)})),
    no("symbols for atomic numbers", NPZ, "z holds no numbers", w.npz(lambda _: {"z": np.array(w.SYMBOLS)})),
    no("atomic numbers of each frame", NPZ, "one row", w.npz(lambda a: {"z": np.tile(a["z"], (60, 1))})),
    yes("objects of Python beside the data", NPZ, w.npz(lambda _: {"info": np.array({"a": 1}, dtype=object)})),
    yes("a molecule 100 000 Å from the origin", NPZ, w.npz(lambda a: {"R": a["R"] + 1e5})),
    no("heavy atoms alone", NPZ, "3", w.npz(lambda a: {"z": a["z"][:3], "R": a["R"][:, :3], "F": a["F"][:, :3]})),
    no("energies of the wrong sign", NPZ, "sign", w.npz(lambda a: {"E": -a["E"]})),
    no("energies of other frames", NPZ, "another order", w.npz(lambda a: {"E": a["E"][::-1]})),
    yes("one energy that is no number", NPZ, w.npz(_one_nan), "left out 1 frame"),
    yes("one frame without a bond", NPZ, w.npz(_one_far), "left out 1 frame"),
    no("positions in the place of forces", NPZ, "positions over again", w.npz(lambda a: {"F": a["R"]})),
    no("forces of the frame before", NPZ, "forces", w.npz(lambda a: {"F": np.roll(a["F"], 1, axis=0)})),
    no("forces in another orientation", NPZ, "orientation", w.npz(_turned)),
    no("energies per atom", NPZ, "per atom", w.npz(lambda a: {"E": a["E"] / 9})),
    yes("the same file twice", "evaluate model ethanol.npz ethanol.npz", says="repeat"),
    no("geometries in bohr to label", "label bad.xyz --molecule ethanol.sdf --level gfn2-xtb --processes 1 --out out",
       "bohr", w.conformers(*[lambda x: x / 0.529177] * 3)),
    no("an odd number of electrons to label", "label bad.xyz --charge 1 --level gfn2-xtb --processes 1 --out out",
       "electron", w.conformers(lambda x: x)),
)  # fmt: skip

USE = (
    no("the current folder as output", "fit ethanol.npz --overwrite " + FIT[:-3] + ".", "current folder",
       sound=lambda: Path("ethanol.npz").exists()),
    no("a folder with the data as output", "fit data/ethanol.npz --overwrite " + FIT[:-3] + "data", "data",
       w.together(w.folder("data"), w.copied("ethanol.npz", "data/ethanol.npz")),
       sound=lambda: Path("data/ethanol.npz").exists()),
    no("a named pipe for JSON", "evaluate model ethanol.npz --json pipe", "pipe", lambda: os.mkfifo("pipe"),
       sound=lambda: Path("pipe").is_fifo()),
    yes("a model by its file", "evaluate model/model.json ethanol.npz"),
    no("a temperature that is no number", RUN.format("nan", "'1 ps'"), "positive number"),
    yes("a time without a space", RUN.format("300", "0.1ps")),
    no("numbers of atoms from 0", "analyse scan model --torsion 0,1,2,8", "from 1 to 9"),
    no("charges in a table with a head", "parametrize CCO --charges bad.csv --out out", "line 1",
       w.text("bad.csv", "atom,charge\n" + "1,0\n" * 9)),
    yes("standard output that knows ASCII only", "fit ethanol.npz " + FIT, patch=ascii_output),
)  # fmt: skip

HUNDRED = (*MOLECULES, *DATA, *USE)

AT_FIRST: dict[str, tuple[str, ...]] = {
    "misleading": (
        "a SMILES with a name behind it",
        "an InChI",
        "a reaction",
        "a dash of typography in a SMILES",
        "a Cyrillic letter in a SMILES",
        "a folder as the molecule",
        "a pipe as the molecule",
        "a file of one SMILES",
        "a file of two SMILES",
        "an SDF in UTF-16",
        "a compressed SDF",
        "a compressed SDF with the name of a plain one",
        "records without titles",
        "a compressed npz",
        "atomic numbers in an XYZ",
        "decimal commas",
        "exponents of Fortran",
        "molecules cut by a periodic box",
        "molecules cut by a box that is not said",
        "one frame sixty times",
        "positions in the place of forces",
        "energies per atom",
    ),
    "traceback": ("standard output that knows ASCII only",),
    "wrong": (
        "a centre without a configuration",
        "isomers as records to label",
        "frames twice, with another energy",
        "large energies in single precision",
        "energies without decimals",
        "energies of other frames",
        "geometries in bohr to label",
        "the current folder as output",
        "a folder with the data as output",
        "a named pipe for JSON",
    ),
}
"""What came of those that were neither right nor clearly refused before anything was mended, on commit 946420d."""
