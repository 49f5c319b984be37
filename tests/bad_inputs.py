"""Bad inputs of the command line and the sentence that each gets; ``bad_inputs_page.py`` prints the table."""

import contextlib
import importlib.util
import io
import json
import os
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import odd_inputs as odd
import openmm
from openmm import app, unit
from rdkit import Chem

from hybridff.cli import app as cli
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.export.routes import to_openmm, write_structure, write_system
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.openmm_files import read_system

N_FRAMES = 60
_HARTREE_KCAL, _EV_KCAL, _BOHR_ANGSTROM = 627.5095, 23.0605, 0.529177


@dataclass(frozen=True)
class BadInput:
    """What is wrong, the command as it is typed in a folder that ``make_material`` filled, and part of the answer."""

    what: str
    command: str
    sentence: str
    prepare: Callable[[], None] | None = None
    """Writes the bad files into the current folder."""
    patch: Callable[[], AbstractContextManager] = nullcontext
    """Takes something away while the command runs."""
    code: int = 2


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


def run(command: str, patch: Callable[[], AbstractContextManager] = nullcontext) -> Outcome:
    """Run ``hybridff`` in this process and the current folder; an exception that escapes is not caught."""
    stdout, stderr = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr), patch():
            cli.main(shlex.split(command))
        code = 0
    except SystemExit as stop:
        code = 0 if stop.code is None else int(stop.code)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Outcome(code, stdout.getvalue(), stderr.getvalue())


def succeed(command: str) -> str:
    """What a command prints; it must end well and write nothing to standard error."""
    outcome = run(command)
    assert (outcome.code, outcome.stderr) == (0, "")
    return outcome.stdout


def run_bad(case: BadInput) -> Outcome:
    """Prepare and run a case in the current folder."""
    if case.prepare is not None:
        case.prepare()
    return run(case.command, case.patch)


def make_material(folder: Path) -> None:
    """Good inputs, from which the bad ones are made: data, charges, a model, a structure, and starting force fields."""
    with contextlib.chdir(folder):
        with files("hybridff").joinpath("data", "ethanol.npz").open("rb") as stream, np.load(stream) as data:
            arrays = {key: data[key] for key in data.files}
        arrays |= {key: arrays[key][:N_FRAMES] for key in ("R", "E", "F")}
        arrays.pop("topo_ok")
        np.savez("ethanol.npz", **arrays)
        Path("charges.txt").write_text("0\n" * len(arrays["z"]), encoding="utf-8")
        smiles = str(arrays["smiles"])
        made = run(f"parametrize '{smiles}' --charges charges.txt --out model")
        assert made.code == 0, made.stderr
        force_field = read_model("model").force_field
        placed = _placed(force_field.molecule)
        Chem.MolToMolFile(placed.to_rdkit(), "ethanol.sdf")
        write_system(to_openmm(force_field), "ethanol.xml")
        assert placed.positions is not None
        write_structure(placed, placed.positions, "ethanol.pdb")
        write_prmtop(placed, to_openmm(force_field), Path("ethanol.prmtop"))


def _placed(molecule: Molecule) -> Molecule:
    return molecule.placed()


def write_prmtop(molecule: Molecule, system: openmm.System, path: Path) -> None:
    """An AMBER prmtop of a System, by ParmEd."""
    assert molecule.positions is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import parmed  # only the tests need it, and it warns when imported

        structure = parmed.openmm.load_topology(
            molecule.to_openmm_topology(), system, molecule.positions * unit.nanometer
        )
        for torsion in structure.dihedrals:
            torsion.improper = torsion.atom3 not in torsion.atom2.bond_partners
        structure.save(str(path), overwrite=True)


def _water() -> None:
    water = Molecule.from_smiles("O", "water").with_embedded_positions()
    system = openmm.System()
    for number in water.numbers.tolist():
        system.addParticle(app.Element.getByAtomicNumber(number).mass)
    write_system(system, "water.xml")
    assert water.positions is not None
    write_structure(water, water.positions, "water.pdb")


def _small_box() -> None:
    system = read_system("ethanol.xml")
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setNonbondedMethod(openmm.NonbondedForce.PME)
            force.setCutoffDistance(0.9)
    write_system(system, "boxed.xml")
    line = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1           1 \n"
    Path("boxed.pdb").write_text(line + Path("ethanol.pdb").read_text(encoding="utf-8"), encoding="utf-8")


def _without_conect() -> None:
    lines = Path("ethanol.pdb").read_text(encoding="utf-8").splitlines(keepends=True)
    Path("bare.pdb").write_text("".join(line for line in lines if not line.startswith("CONECT")), encoding="utf-8")


def load() -> dict[str, np.ndarray]:
    """The arrays of the good data."""
    with np.load("ethanol.npz") as data:
        return {key: data[key] for key in data.files}


def save(**changes: object) -> None:
    """Write ``bad.npz``: the good data with some arrays changed, or left out where they are None."""
    arrays = {**load(), **changes}
    kept: dict[str, Any] = {key: value for key, value in arrays.items() if value is not None}
    np.savez("bad.npz", **kept)


def swapped(i: int, j: int) -> None:
    """Write ``bad.npz`` with two atoms exchanged in the positions and forces."""
    order = list(range(len(load()["z"])))
    order[i], order[j] = order[j], order[i]
    save(R=load()["R"][:, order], F=load()["F"][:, order])


def _other_elements() -> None:
    z = load()["z"].copy()
    z[2] = 16
    save(z=z)


def _with_nan() -> None:
    save(E=np.full(N_FRAMES, np.nan))


def _truncated() -> None:
    Path("bad.npz").write_bytes(Path("ethanol.npz").read_bytes()[:5000])


def _pickled() -> None:
    save(E=load()["E"].astype(object))


def _other_theory() -> None:
    save(theory="HF/STO-3G")


def _xyz_without_energy() -> None:
    Path("bad.xyz").write_text("3\n\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n", encoding="utf-8")


def _xyz_of_two_molecules() -> None:
    water = "3\nProperties=species:S:1:pos:R:3 energy=-1.0\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n"
    Path("bad.xyz").write_text(water + water.replace("O 0", "S 0"), encoding="utf-8")


def _sdf_without_hydrogens() -> None:
    Chem.MolToMolFile(Chem.RemoveHs(Chem.MolFromMolFile("ethanol.sdf", removeHs=False)), "bad.sdf")


def _sdf_cut_off() -> None:
    Path("bad.sdf").write_text(Path("ethanol.sdf").read_text(encoding="utf-8")[:300], encoding="utf-8")


def text(name: str, content: str) -> Callable[[], None]:
    """Writes a text file."""

    def prepare() -> None:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content, encoding="utf-8")

    return prepare


def _odd_model() -> None:
    """Other pairs inside the molecule than GAFF's."""
    start = read_model("model").force_field
    table = start.parameter_table
    pairs = np.array([quantity.startswith("pair") for quantity in table.quantities])
    Path("odd").mkdir()
    write_model(SavedModel(start.with_values(np.where(pairs, 3 * table.values, table.values)), None), Path("odd"))


def _rich_model() -> None:
    start = read_model("model").force_field
    options = StartOptions(charges="charges.txt")
    rich = ForceField.build(start.molecule, starting_parameters(start.molecule, options), form="class2")
    Path("rich").mkdir()
    write_model(SavedModel(rich, None), Path("rich"))


def _old_folder() -> None:
    text("old/notes.txt", "keep me\n")()


def _model(change: Callable[[dict], None]) -> Callable[[], None]:
    """Writes the folder ``bad`` with a changed model file."""

    def prepare() -> None:
        content = json.loads(Path("model/model.json").read_text(encoding="utf-8"))
        change(content)
        text("bad/model.json", json.dumps(content))()

    return prepare


def _cut_model() -> None:
    text("bad/model.json", Path("model/model.json").read_text(encoding="utf-8")[:3000])()


def _other_model() -> None:
    made = run("parametrize CCC --charges resp --out bad", zero_charges)
    assert made.code == 0, made.stderr


def zero_charges() -> AbstractContextManager:
    """All charges are zero, whatever is asked for."""
    return mock.patch("hybridff.gaff.start.assign_charges", lambda molecule, _: np.zeros(len(molecule.numbers)))


def _start_of(smiles: str) -> Callable[[], None]:
    """Writes ``bad.prmtop``, ``bad.xml`` and ``bad.pdb`` of another molecule."""

    def prepare() -> None:
        with zero_charges():
            made = run(f"parametrize '{smiles}' --out bad")
        assert made.code == 0, made.stderr
        molecule, system = _placed(read_model("bad").force_field.molecule), to_openmm(read_model("bad").force_field)
        write_prmtop(molecule, system, Path("bad.prmtop"))
        shutil.rmtree("bad")

    return prepare


def _system(change: Callable[[openmm.System], object]) -> Callable[[], None]:
    """Writes ``bad.xml``, the good System changed."""

    def prepare() -> None:
        system = openmm.XmlSerializer.deserialize(Path("ethanol.xml").read_text(encoding="utf-8"))
        change(system)
        Path("bad.xml").write_text(openmm.XmlSerializer.serialize(system), encoding="utf-8")

    return prepare


def _nonbonded_of(system: openmm.System) -> openmm.NonbondedForce:
    (force,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    return force


def _without_bonds(system: openmm.System) -> None:
    (index,) = [i for i, force in enumerate(system.getForces()) if isinstance(force, openmm.HarmonicBondForce)]
    system.removeForce(index)


@contextlib.contextmanager
def no_programs() -> Iterator[None]:
    """Neither PATH, nor this environment, nor the acpype wheel, nor the cache has anything."""
    found = importlib.util.find_spec

    def without_acpype(name: str, package: str | None = None) -> object:
        return None if name == "acpype" else found(name, package)

    with (
        tempfile.TemporaryDirectory() as empty,
        mock.patch.dict(os.environ, {"PATH": empty, "HYBRIDFF_CACHE": empty}),
        mock.patch("importlib.util.find_spec", without_acpype),
        mock.patch("hybridff.gaff.programs._scripts_folder", lambda: Path(empty)),
    ):
        yield


@contextlib.contextmanager
def no_pyscf() -> Iterator[None]:
    """PySCF cannot be imported, and no charges are kept."""
    with (
        tempfile.TemporaryDirectory() as empty,
        mock.patch.dict(os.environ, {"HYBRIDFF_CACHE": empty}),
        mock.patch.dict(sys.modules, {"pyscf": None}),
    ):
        yield


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Files cannot grow beyond 1 kB, by the operating system's own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def signalled(number: signal.Signals) -> Callable[[], AbstractContextManager]:
    """The process gets a signal in the middle of the dynamics."""

    @contextlib.contextmanager
    def patch() -> Iterator[None]:
        module = sys.modules["hybridff.export.dynamics"]
        advance = vars(module)["_advance"]

        def interrupted(simulation: app.Simulation, target: int) -> None:
            advance(simulation, target)
            if simulation.currentStep > 500:
                signal.raise_signal(number)

        if number == signal.SIGINT:  # which a process in the background ignores
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with mock.patch.object(module, "_advance", interrupted):
            yield

    return patch


def _form(*changes: str) -> Callable[[], None]:
    """Writes ``bad.toml``, a good form with each of some texts replaced by the next one."""
    content = (
        'name = "mine"\nbase = "none"\n[features.x]\ncoordinate = "bond"\nexpression = "r - r0"\n'
        'parameters.r0 = {value = 1, unit = "angstrom"}\n'
        '[[rows]]\nfeatures = ["x", "x"]\nrelation = "same"\nprior = 1\n'
    )
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in content
        content = content.replace(old, new)
    return text("bad.toml", content)


FIT = "--charges charges.txt --out out"
COMPARE = "compare model --data ethanol.npz"
LONG = 'simulate model --temperature 300 --time "1 ps" --out out'

BAD_INPUTS: tuple[BadInput, ...] = (
    BadInput("structure in nm", "parametrize bad.sdf --out out", "look like nm", lambda: odd.sdf_scaled(0.1)),
    BadInput(
        "structure scaled", "parametrize bad.sdf --out out", "are scaled or a drawing", lambda: odd.sdf_scaled(0.5)
    ),
    BadInput("an atom far away", "parametrize bad.sdf --out out", "so one atom is far away", lambda: odd.sdf_moved(8)),
    BadInput("two atoms in one place", "parametrize bad.sdf --out out", "in one place", lambda: odd.sdf_moved(5, 4)),
    BadInput(
        "charges in AMBER's units",
        "parametrize ethanol.sdf --charges bad.txt --out out",
        "are these AMBER's units, as in a prmtop? Then divide all of them by 18.2223",
        odd.amber_units,
    ),
    BadInput("an isotope", "parametrize '[2H]O[2H]' --charges charges.txt --out out", "is the isotope 2H, whose mass"),
    BadInput(
        "six neighbours", "parametrize 'FS(F)(F)(F)(F)F' --charges charges.txt --out out", "has 6 neighbours; GAFF"
    ),
    BadInput(
        "forces all zero",
        f"fit bad.npz {FIT}",
        "the forces are zero in all",
        lambda: save(F=np.zeros_like(load()["F"])),
    ),
    BadInput(
        "energies all equal", f"fit bad.npz {FIT}", "are equal, which forces of", lambda: save(E=np.zeros(N_FRAMES))
    ),
    BadInput(
        "gradients in every second frame",
        f"fit bad.npz {FIT}",
        "the forces point uphill in frames 2, 4,",
        lambda: save(F=load()["F"] * (1 - 2 * (np.arange(N_FRAMES) % 2))[:, None, None]),
    ),
    BadInput(
        "one frame of other forces",
        f"fit bad.npz {FIT}",
        "the forces of frame 7 are up to",
        lambda: save(F=load()["F"] * np.where(np.arange(N_FRAMES) == 6, 30.0, 1.0)[:, None, None]),
    ),
    BadInput(
        "energy and REF_energy differ",
        f"fit bad.xyz --molecule ethanol.sdf {FIT}",
        "has energy and REF_energy, which differ",
        lambda: odd.xyz("Properties=species:S:1:pos:R:3 energy=-1 REF_energy=-2"),
    ),
    BadInput(
        "columns without names",
        f"fit bad.xyz --molecule ethanol.sdf {FIT}",
        "the columns 5 to 7 of frame 1 have no names",
        lambda: odd.xyz("energy=-1", "1 2 3"),
    ),
    BadInput(
        "deuterium in an XYZ file",
        f"fit bad.xyz --molecule ethanol.sdf {FIT}",
        "atom 2 of frame 1 is 'D', which is no element; write H",
        lambda: odd.xyz("Properties=species:S:1:pos:R:3 energy=-1", symbol="D"),
    ),
    BadInput(
        "a frame of 1e12 atoms",
        f"fit bad.xyz --molecule ethanol.sdf {FIT}",
        "frame 1 is to have 1e+12 atoms",
        lambda: odd.xyz("energy=-1", count="999999999999"),
    ),
    BadInput("a header that lies", f"fit bad.npz {FIT}", "'E' is to be 1e+11 numbers or texts", odd.lying_header),
    BadInput(
        "a negative Lennard-Jones depth",
        "fit ethanol.npz --start bad.xml --topology ethanol.pdb --out out",
        "the Lennard-Jones depth of C1 is -0.1",
        _system(lambda system: _nonbonded_of(system).setParticleParameters(0, 0.0, 0.3, -0.1)),
    ),
    # parameter sets
    BadInput(
        "a folder without a parameter set", "apply model CCO --out out", "is no parameter set: it has no set.json"
    ),
    BadInput(
        "a parameter set that is cut off",
        "apply bad CCO --out out",
        "this is not a complete parameter set",
        lambda: odd.parameter_set(cut=True),
    ),
    BadInput(
        "a molecule that a set knows nothing of",
        "apply bad CCO --charges charges.txt --out out",
        "would be guessed; fit the molecule, or a set",
        odd.parameter_set,
    ),
    BadInput(
        "another version of GAFF than the set's",
        "apply bad CCO --gaff gaff-1.81 --out out",
        "the set bad has the types of gaff-2.2.20, not of gaff-1.81",
        odd.parameter_set,
    ),
    BadInput(
        "rows by environment of another form",
        f"fit ethanol.npz --form harmonic --share environment {FIT}",
        "share environment is for the form class2, not for harmonic",
    ),
    # data
    BadInput(
        "another element in the data",
        f"fit bad.npz --molecule ethanol.sdf {FIT}",
        "atom 3 is O in the molecule",
        _other_elements,
    ),
    BadInput(
        "an element that is not the SMILES' of the data",
        f"fit bad.npz {FIT}",
        "atom 3 is O in the molecule ethanol but S in the atomic numbers of bad.npz",
        _other_elements,
    ),
    BadInput(
        "hydrogens exchanged",
        f"fit bad.npz {FIT}",
        "probably in another order",
        lambda: swapped(3, 8),
    ),
    BadInput(
        "molecule in another order of atoms",
        f"fit ethanol.npz --molecule OCC {FIT}",
        "atom 1 is O in the molecule CCO but C in ethanol.npz; give the molecule in the atom order of the data",
    ),
    BadInput(
        "another molecule",
        f"fit ethanol.npz --molecule CCOC {FIT}",
        "in ethanol.npz",
    ),
    BadInput(
        "energies in eV, called kcal/mol",
        f"fit bad.npz {FIT}",
        "the energies look like eV, read as kcal/mol; state the unit of energy",
        lambda: save(E=load()["E"] / _EV_KCAL),
    ),
    BadInput(
        "energies and forces in Hartree, called kcal/mol",
        f"fit bad.npz {FIT}",
        "the energies look like Hartree and the forces like Hartree/",
        lambda: save(E=load()["E"] / _HARTREE_KCAL, F=load()["F"] / _HARTREE_KCAL),
    ),
    BadInput(
        "positions in bohr, called Å",
        f"fit bad.npz {FIT}",
        "the positions look like bohr, read as angstrom; state the unit of length",
        lambda: save(R=load()["R"] / _BOHR_ANGSTROM),
    ),
    BadInput(
        "forces per bohr, called per Å",
        f"fit bad.npz {FIT}",
        "the forces look like",
        lambda: save(F=load()["F"] * _BOHR_ANGSTROM),
    ),
    BadInput(
        "gradients in place of forces",
        f"fit bad.npz {FIT}",
        "the forces point uphill, so they are gradients of the energy: multiply them by -1",
        lambda: save(F=-load()["F"]),
    ),
    BadInput("npz cut off", f"fit bad.npz {FIT}", "bad.npz: this is not a complete npz file", _truncated),
    BadInput("text called npz", f"fit bad.npz {FIT}", "is not a complete npz file", text("bad.npz", "hello\n")),
    BadInput("empty file", f"fit bad.npz {FIT}", "bad.npz: the file is empty", text("bad.npz", "")),
    BadInput("no such data", f"fit bad.npz {FIT}", "bad.npz: there is no such file"),
    BadInput("a folder as data", f"fit model {FIT}", "model is a folder; give the file itself"),
    BadInput("NaN in every frame", f"fit bad.npz {FIT}", "all 60 frames have NaN", _with_nan),
    BadInput(
        "infinite forces in every frame",
        f"fit bad.npz {FIT}",
        "infinite numbers",
        lambda: save(F=np.full_like(load()["F"], np.inf)),
    ),
    BadInput(
        "one frame",
        f"fit bad.npz {FIT}",
        "a fit needs at least two",
        lambda: save(**{key: load()[key][:1] for key in "REF"}),
    ),
    BadInput("no energies in the npz", f"fit bad.npz {FIT}", "the file lacks E; it has", lambda: save(E=None)),
    BadInput(
        "fewer energies than frames",
        f"fit bad.npz {FIT}",
        "E has the shape (59,); it must be (60,) to match the frames of R",
        lambda: save(E=load()["E"][1:]),
    ),
    BadInput(
        "positions without an axis",
        f"fit bad.npz {FIT}",
        "R has the shape (60, 27); it must be (frames, 9, 3) to match z",
        lambda: save(R=load()["R"].reshape(N_FRAMES, -1)),
    ),
    BadInput("pickled objects in the npz", f"fit bad.npz {FIT}", "because they can run code", _pickled),
    BadInput(
        "no units",
        f"fit bad.npz --molecule ethanol.sdf {FIT}",
        "the file does not name its unit of length; give it (option length_unit: nm",
        lambda: save(r_unit=None, e_unit=None, smiles=None),
    ),
    BadInput(
        "another unit than the file's",
        f"fit ethanol.npz --energy-unit eV {FIT}",
        "the file gives its unit of energy as kcal/mol but ev is asked for",
    ),
    BadInput("unknown unit", f"fit ethanol.npz --length-unit furlong {FIT}", "'furlong' is not a known unit of length"),
    BadInput(
        "no forces",
        f"fit bad.npz {FIT}",
        "bad.npz: the data have no forces, which a fit needs",
        lambda: save(F=np.empty((0, 9, 3))),
    ),
    BadInput(
        "no SMILES in the data and no molecule",
        f"fit bad.npz {FIT}",
        "bad.npz carries no SMILES; give the molecule",
        lambda: save(smiles=None),
    ),
    BadInput("XYZ without energies", f"fit bad.xyz --molecule O {FIT}", "frame 1 has no 'energy'", _xyz_without_energy),
    BadInput(
        "XYZ of two molecules",
        f"fit bad.xyz --molecule O {FIT}",
        "atom 1 is S in frame 2 but O in frame 1",
        _xyz_of_two_molecules,
    ),
    BadInput(
        "two levels of theory",
        f"fit ethanol.npz bad.npz {FIT}",
        "energies of different levels cannot be mixed",
        _other_theory,
    ),
    # molecules
    BadInput("typo in a SMILES", f"parametrize 'CC(O' {FIT}", "'CC(O' is not a SMILES"),
    BadInput("radical", f"parametrize 'CC[CH2]' {FIT}", "atom 3 (C) has an open valence"),
    BadInput("five bonds at a carbon", f"parametrize 'CC(C)(C)(C)C' {FIT}", "atom 2 (C) has more bonds than"),
    BadInput("a ring that cannot be aromatic", f"parametrize 'c1cccc1' {FIT}", "write [nH] for the NH of a pyrrole"),
    BadInput("boron", "parametrize CB(O)O --out out", "is B; GAFF has parameters for H, C, N, O, F, P, S, Cl, Br, I"),
    BadInput("silicon", "parametrize 'C[Si](C)(C)C' --out out", "atom 2 of C[Si](C)(C)C is Si; GAFF has"),
    BadInput("a metal", "parametrize 'C[Hg]C' --out out", "is Hg; GAFF has parameters for"),
    BadInput("salt", "parametrize 'CC(=O)[O-].[Na+]' --out out", "has 2 separate parts (of 4, 1 atoms)"),
    BadInput(
        "SDF without hydrogens", f"parametrize bad.sdf {FIT}", "lacks 2 hydrogens; add them", _sdf_without_hydrogens
    ),
    BadInput("SDF cut off", f"parametrize bad.sdf {FIT}", "bad.sdf: this is not a readable SDF file", _sdf_cut_off),
    BadInput(
        "PDB and the SMILES of another molecule",
        "parametrize ethanol.pdb --bonds-from COC --charges charges.txt --out out",
        "its bonds, by CONECT records and distances, are not those of COC",
    ),
    BadInput(
        "bonds for a molecule that has them",
        "parametrize ethanol.sdf --bonds-from CCO --charges charges.txt --out out",
        "option bonds_from is for a molecule in a .pdb file, which ethanol.sdf is not",
    ),
    BadInput(
        "bonds for no molecule",
        "fit ethanol.npz --bonds-from CCO --charges charges.txt --out out",
        "option bonds_from is for a molecule in a .pdb file; name it with option molecule",
    ),
    BadInput(
        "four neighbours and a lone pair",
        "parametrize 'FS(F)(F)F' --charges charges.txt --out out",
        "atom 2 (S) of FS(F)(F)F has 4 neighbours and 1 lone pair, so that its angles are not alike",
    ),
    BadInput(
        "a record that is not there",
        "parametrize ethanol.sdf:2 --charges charges.txt --out out",
        "ethanol.sdf: there is no molecule 2 in the file, which holds 1",
    ),
    BadInput("PDB as the molecule", f"parametrize ethanol.pdb {FIT}", "'.pdb' files carry no bond orders; give"),
    BadInput("no such molecule file", f"parametrize bad.sdf {FIT}", "bad.sdf: there is no such file"),
    # programs
    BadInput(
        "AmberTools missing",
        f"parametrize CCO {FIT}",
        "AmberTools' program 'antechamber' was not found; install it with: pip install",
        patch=no_programs,
    ),
    BadInput(
        "PySCF missing",
        "parametrize CCO --out out",
        "RESP charges need PySCF; give charges in a file, or install it with: pip install",
        patch=no_pyscf,
    ),
    BadInput("unknown version of GAFF", f"parametrize CCO --gaff gaff-9 {FIT}", "unknown GAFF version 'gaff-9'; known"),
    # charges
    BadInput(
        "too few charges",
        f"parametrize CCO {FIT}",
        "charges.txt: there are 2 charges for the 9 atoms of CCO",
        text("charges.txt", "0.1\n-0.1\n"),
    ),
    BadInput(
        "charges of another total charge",
        f"parametrize CCO {FIT}",
        "charges.txt: the charges add up to +0.9000 e, but CCO has a charge of +0 e",
        text("charges.txt", "0.1\n" * 9),
    ),
    BadInput(
        "words for charges",
        f"parametrize CCO {FIT}",
        "charges.txt, line 2: 'much' is not a charge",
        text("charges.txt", "0.1\nmuch\n"),
    ),
    BadInput(
        "no such charges",
        "parametrize CCO --charges none.txt --out out",
        "'none.txt' is no kind of charges: give resp, am1bcc, am1bcc-unrelaxed, abcg2, nagl or the name",
    ),
    # the user's own force field
    BadInput(
        "prmtop of another molecule",
        "fit ethanol.npz --start bad.prmtop --out out",
        "bad.prmtop has 11 atoms, the molecule has 9",
        _start_of("CCC"),
    ),
    BadInput(
        "prmtop in another order of atoms",
        "fit ethanol.npz --start bad.prmtop --out out",
        "in bad.prmtop: give both in the same order",
        _start_of("OCC"),
    ),
    BadInput(
        "a text as prmtop",
        "fit ethanol.npz --start bad.prmtop --out out",
        "bad.prmtop: this is not an AMBER prmtop file",
        text("bad.prmtop", "hello\n"),
    ),
    BadInput("no such prmtop", "fit ethanol.npz --start bad.prmtop --out out", "there is no file bad.prmtop"),
    BadInput(
        "System without topology",
        "fit ethanol.npz --start ethanol.xml --out out",
        "give them with --topology FILE.pdb",
    ),
    BadInput(
        "topology without System",
        f"fit ethanol.npz --topology ethanol.pdb {FIT}",
        "option topology belongs to an OpenMM System",
    ),
    BadInput(
        "charges besides a prmtop",
        f"fit ethanol.npz --start ethanol.prmtop {FIT}",
        "ethanol.prmtop brings its own parameters; leave the options gaff and charges out",
    ),
    BadInput(
        "System with constraints",
        "fit ethanol.npz --start bad.xml --topology ethanol.pdb --out out",
        "create it with constraints=None and rigidWater=False",
        _system(lambda system: system.addConstraint(0, 4, 0.1)),
    ),
    BadInput(
        "System without bonds",
        "fit ethanol.npz --start bad.xml --topology ethanol.pdb --out out",
        "the System has no harmonic bond for",
        _system(_without_bonds),
    ),
    BadInput(
        "System with a force that is no class I term",
        "fit ethanol.npz --start bad.xml --topology ethanol.pdb --out out",
        "the System has a CustomExternalForce",
        _system(lambda system: system.addForce(openmm.CustomExternalForce("x"))),
    ),
    BadInput(
        "an XML file that is no System",
        "fit ethanol.npz --start bad.xml --topology ethanol.pdb --out out",
        "bad.xml holds no OpenMM System",
        text("bad.xml", "<hello/>\n"),
    ),
    # options
    BadInput("unknown command", "fitt ethanol.npz --out out", 'Unknown command "fitt"'),
    BadInput("unknown option", f"fit ethanol.npz --trian 20 {FIT}", "Unknown option: --trian. Did you mean --train?"),
    BadInput(
        "unknown form",
        f"fit ethanol.npz --form cubic {FIT}",
        "there is no form cubic; choose from harmonic, near-pairs,",
    ),
    BadInput("unknown gate", f"fit ethanol.npz --gate maybe {FIT}", 'Invalid value "maybe" for --gate. Choose from'),
    BadInput(
        "unknown report", f"fit ethanol.npz --report long {FIT}", 'Invalid value "long" for --report. Choose from'
    ),
    BadInput("unknown size", f"fit ethanol.npz --size huge {FIT}", 'Invalid value "huge" for --size. Choose from'),
    # forms of the user's own
    BadInput("no such form file", f"fit ethanol.npz --form bad.toml {FIT}", "there is no form bad.toml; name an exist"),
    BadInput(
        "form with a typo in its syntax",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml is no TOML file: ",
        _form("[features.x]", "[features.x"),
    ),
    BadInput(
        "form with an unknown key",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml, [features.x]: 'expresion' is no key; did you mean expression",
        _form('coordinate = "bond"', 'coordinate = "bond"\nexpresion = "r"'),
    ),
    BadInput(
        "form with an undeclared parameter",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml, [features.x]: r1 is not declared as a parameter",
        _form("r - r0", "r - r1"),
    ),
    BadInput(
        "form with an unknown unit",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml, [features.x], parameters.r0: unit 'mile' is not known; give one of 1, nm, angstrom",
        _form("angstrom", "mile"),
    ),
    BadInput(
        "form with an unknown feature in a row",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml, [[rows]] number 1: features: there is no [features.y]",
        _form('["x", "x"]', '["x", "y"]'),
    ),
    BadInput(
        "form that does not say how coordinates lie",
        f"fit ethanol.npz --form bad.toml {FIT}",
        'bad.toml, [[rows]] number 1: a row of several features needs relation = "same" or "inside", or else apart',
        _form('relation = "same"', ""),
    ),
    BadInput(
        "form that tells a molecule from its mirror image",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml, [[rows]] number 1: a mirror image of the molecule changes the sign of this product",
        _form('"bond"', '"torsion"', "r - r0", "r0*sin(phi)", '["x", "x"]\nrelation = "same"', '["x"]'),
    ),
    BadInput(
        "form of which no row fits the molecule",
        f"fit ethanol.npz --form bad.toml {FIT}",
        "bad.toml: none of its rows fits ethanol; change their patterns",
        _form("prior", 'types = ["n-*"]\nprior'),
    ),
    BadInput("no data", "fit --out out", "parameter DATA requires an argument"),
    BadInput("no output", "fit ethanol.npz", "--out requires an argument"),
    BadInput("a word for a number", f"fit ethanol.npz --train many {FIT}", 'unable to convert "many" into int'),
    BadInput(
        "more training frames than there are",
        f"fit ethanol.npz --train 100 --validation 10 {FIT}",
        "100 training and 10 validation frames are wanted but ethanol has only 60 usable frames; ask for fewer",
    ),
    BadInput("no training frames", f"fit ethanol.npz --train 0 {FIT}", "option train has to be at least 2, not 0"),
    BadInput("one training frame", f"fit ethanol.npz --train 1 {FIT}", "option train has to be at least 2, not 1"),
    BadInput("negative validation", f"fit ethanol.npz --validation -1 {FIT}", "option validation has to be at least 0"),
    BadInput("negative seed", f"fit ethanol.npz --seed -1 {FIT}", "option seed has to be at least 0, not -1"),
    BadInput(
        "no room above the lowest frame",
        f"fit ethanol.npz --max-energy 0 {FIT}",
        "option max_energy has to be a positive",
    ),
    BadInput("prior of no width", f"fit ethanol.npz --prior-scale 0 {FIT}", "option prior_scale has to be a positive"),
    BadInput(
        "pairs of a form that has others",
        f"fit ethanol.npz --pairs none {FIT}",
        "option pairs is for GAFF's own pair interactions; leave it out, or choose another form.",
    ),
    BadInput(
        "size of a form that has one size",
        f"fit ethanol.npz --form harmonic --size small {FIT}",
        "option size is for forms fitted in closed form, as class2 is; leave it out, or choose another form.",
    ),
    BadInput(
        "torsions of a form that has others",
        f"fit ethanol.npz --fourier 3 {FIT}",
        "option fourier adds to GAFF's torsions, which class2 does not have; leave it out.",
    ),
    # TOML
    BadInput("no such TOML file", f"--config bad.toml fit ethanol.npz {FIT}", "there is no TOML file bad.toml"),
    BadInput(
        "TOML with a typo in its syntax",
        f"--config bad.toml fit ethanol.npz {FIT}",
        "bad.toml is no TOML file: ",
        text("bad.toml", "[fit\ntrain = 20\n"),
    ),
    BadInput(
        "TOML with an unknown option",
        f"--config bad.toml fit ethanol.npz {FIT}",
        'Unknown option: "[trian]"',
        text("bad.toml", "[fit]\ntrian = 20\n"),
    ),
    BadInput(
        "TOML with an unknown command",
        f"--config bad.toml fit ethanol.npz {FIT}",
        "bad.toml: [fitt] is no command; known are parametrize, fit, sample, apply, label, make, pieces",
        text("bad.toml", "[fitt]\ntrain = 20\n"),
    ),
    BadInput(
        "TOML with an option outside of a table",
        f"--config bad.toml fit ethanol.npz {FIT}",
        "bad.toml: the option train stands in no table",
        text("bad.toml", "train = 20\n"),
    ),
    # outputs
    BadInput(
        "output folder with something in it",
        "parametrize CCO --charges charges.txt --out old",
        "old exists and is not empty: choose another folder, or replace it with --overwrite",
        _old_folder,
    ),
    BadInput(
        "a file in the place of the output folder",
        "parametrize CCO --charges charges.txt --out charges.txt",
        "cannot make the folder charges.txt: a file of that name exists",
    ),
    BadInput(
        "output folder in a file",
        "parametrize CCO --charges charges.txt --out charges.txt/out",
        "is a file, not a folder",
    ),
    BadInput(
        "place that cannot be written",
        "parametrize CCO --charges charges.txt --out /proc/out",
        "cannot write /proc/out",
    ),
    BadInput(
        "full disk at the end of a fit",
        f"fit ethanol.npz --train 20 --form harmonic --gate none --report brief {FIT}",
        "cannot write out (file too large), so nothing was written; make room",
        patch=full_disk,
    ),
    BadInput(
        "full disk during dynamics",
        'simulate model --temperature 300 --time "1 ps" --out runs/first/out',
        "cannot write runs/first/out (file too large), so nothing was written",
        patch=full_disk,
    ),
    BadInput(
        "export into no folder",
        "export model --system none/system.xml --structure structure.pdb",
        "cannot write none/system.xml: the folder none does not exist; make it first",
    ),
    BadInput(
        "structure of an unknown format",
        "export model --system system.xml --structure structure.doc",
        "its name has to end in .pdb or .cif",
    ),
    BadInput("export of nothing", "export model", "name a file to write: --system, --amber, --gromacs or --ffxml"),
    BadInput(
        "a file for AMBER with another name",
        "export model --amber model.top",
        "the name after --amber has to end in .prmtop, and model.top does not",
    ),
    BadInput(
        "fitted pairs for AMBER",
        "export odd --amber model.prmtop",
        "AMBER cannot express this model: its energies would be off by",
        _odd_model,
    ),
    BadInput(
        "class II for GROMACS",
        "export rich --gromacs model.top",
        "GROMACS has no form for terms of this model (",
        _rich_model,
    ),
    BadInput(
        "a structure of an unknown format beside AMBER's files",
        "export model --amber model.prmtop --structure structure.doc",
        "its name has to end in .pdb or .cif",
    ),
    BadInput(
        "a good file for AMBER and a bad one for GROMACS",
        "export model --amber model.prmtop --gromacs none/model.top",
        "cannot write none/model.top: the folder none does not exist; make it first",
    ),
    BadInput(
        "class II for OpenMM's ForceField",
        "export rich --ffxml model.xml",
        "a file for OpenMM's ForceField has no form for terms of this model (",
        _rich_model,
    ),
    BadInput(
        "a file for OpenMM's ForceField with another name",
        "export model --ffxml model.ffxml",
        "the name after --ffxml has to end in .xml, and model.ffxml does not",
    ),
    BadInput(
        "a System without the model's molecule",
        "mix water.xml water.pdb model --out mixed.xml",
        "no molecule of the topology has the 9 atoms and the bonds of CCO; fit a model of what is there",
        _water,
    ),
    BadInput(
        "a System and another structure",
        "mix ethanol.xml water.pdb model --out mixed.xml",
        "the System has 9 particles and the topology 3 atoms; give the topology that the System was made from",
        _water,
    ),
    BadInput(
        "a structure without bonds",
        "mix ethanol.xml bare.pdb model --out mixed.xml",
        "has the heavy atoms of CCO, but 0 of its 8 bonds; a PDB file names them in CONECT records",
        _without_conect,
    ),
    BadInput(
        "something else than a System",
        "mix charges.txt ethanol.pdb model --out mixed.xml",
        "charges.txt: this is not an OpenMM System that can be read",
    ),
    BadInput(
        "a lambda that is no name",
        "mix ethanol.xml ethanol.pdb model --out mixed.xml --interpolate 'my lambda'",
        "'my lambda' is no name for the parameter: take one that begins with lambda",
    ),
    BadInput(
        "a lambda that formulas use for something else",
        "mix ethanol.xml ethanol.pdb model --out mixed.xml --interpolate theta",
        "'theta' is no name for the parameter: take one that begins with lambda",
    ),
    BadInput(
        "a model twice",
        "mix ethanol.xml ethanol.pdb model model --out mixed.xml",
        "two models are of the same molecule, CCO; leave one of them out",
    ),
    BadInput(
        "a mixed System in the place of the old one",
        "mix ethanol.xml ethanol.pdb model --out ethanol.xml",
        "ethanol.xml is also what is read; give another name to what is written",
    ),
    BadInput(
        "a box that is too small",
        "mix boxed.xml boxed.pdb model --out mixed.xml",
        "OpenMM has no energy for boxed.pdb (",
        _small_box,
    ),
    BadInput(
        "two files of one name",
        "export model --system model.xml --ffxml model.xml",
        "two files have the same name; give each a name of its own",
    ),
    BadInput(
        "a mixed System into no folder",
        "mix ethanol.xml ethanol.pdb model --out none/mixed.xml",
        "cannot write none/mixed.xml: the folder none does not exist; make it first",
    ),
    BadInput(
        "a report beside what is no method",
        "fit ethanol.npz --compare gaff --out out",
        "gaff is no method: give stock, uff, mmff94, gfn1-xtb, gfn2-xtb, sgdml, gap, mace, the folder of a model",
    ),
    BadInput(
        "a method that is none",
        "analyse modes model gaff",
        "gaff is no method: give stock, uff, mmff94, gfn1-xtb, gfn2-xtb, the folder of a model",
    ),
    BadInput(
        "a calculator that is not installed",
        "analyse modes model nowhere:Class",
        "there is no nowhere:Class (No module named 'nowhere'); install what it belongs to",
    ),
    BadInput(
        "a calculator of something else",
        "analyse modes model ase.calculators.tip3p:TIP3P",
        "ase.calculators.tip3p:TIP3P failed (AssertionError",
    ),
    BadInput(
        "a Hessian that is none",
        "analyse modes model uff --reference ethanol.npz",
        "ethanol.npz is no file with z, R and hessian",
    ),
    BadInput(
        "a Hessian that is cut off",
        "analyse modes model uff --reference cut.npz",
        "cut.npz: this is not a complete npz file",
        lambda: Path("cut.npz").write_bytes(Path("ethanol.npz").read_bytes()[:500]),  # type: ignore[arg-type,return-value]
    ),
    BadInput(
        "a Hessian in other units",
        "analyse modes model uff --reference hessian.npz",
        "which no molecule has at a minimum; R has to be in Å and hessian in kcal/mol/Å²",
        lambda: np.savez("hessian.npz", z=load()["z"], R=load()["R"][0], hessian=np.eye(27)),
    ),
    BadInput(
        "a minimum in nanometres",
        "analyse modes model uff --reference hessian.npz",
        "Å apart; R has to be in Å, its atoms in the order of the molecule",
        lambda: np.savez("hessian.npz", z=load()["z"], R=load()["R"][0] / 10, hessian=np.eye(27)),
    ),
    BadInput(
        "a Hessian of another size",
        "analyse modes model uff --reference hessian.npz",
        "hessian.npz: 'hessian' has the shape (9, 9), not 27 × 27",
        lambda: np.savez("hessian.npz", z=load()["z"], R=np.zeros((9, 3)), hessian=np.zeros((9, 9))),
    ),
    BadInput(
        "a Hessian of another molecule",
        "analyse modes model uff --reference hessian.npz",
        "in hessian.npz; give the molecule in the atom order of the data",
        lambda: np.savez("hessian.npz", z=load()["z"][::-1], R=np.zeros((9, 3)), hessian=np.zeros((27, 27))),
    ),
    BadInput(
        "a torsion that is none",
        "analyse scan model uff --torsion 1,2,3",
        "1,2,3 is no torsion of CCO: give four numbers of atoms from 1 to 9",
    ),
    BadInput(
        "a torsion whose atoms are not bonded",
        "analyse scan model uff --torsion 1,2,3,9",
        "are not bonded in a chain; give a torsion",
    ),
    BadInput(
        "three torsions",
        "analyse scan model uff --torsion 2,1,3,9 --torsion 3,1,2,6 --torsion 3,1,2,7",
        "a scan takes one or two torsions, not 3",
    ),
    BadInput(
        "a scan without steps",
        "analyse scan model uff --torsion 2,1,3,9 --every 0",
        "option every has to be from 1 to 180 degrees, not 0",
    ),
    BadInput(
        "a picture of an unknown format",
        "analyse scan model uff --torsion 2,1,3,9 --picture scan.gif",
        "the name after --picture has to end in .png, and scan.gif does not",
    ),
    BadInput(
        "a window of nothing",
        "analyse minima model uff --window 0",
        "option window has to be a positive number, not 0",
    ),
    BadInput(
        "a search without conformers",
        "analyse minima model uff --conformers 0",
        "option conformers has to be at least 1, not 0",
    ),
    BadInput(
        "minima into a file of an unknown format",
        "analyse minima model uff --structures minima.sdf",
        "the name after --structures has to end in .xyz, and minima.sdf does not",
    ),
    BadInput(
        "a table into no folder",
        "analyse modes model uff --table none/modes.csv",
        "cannot write none/modes.csv: the folder none does not exist; make it first",
    ),
    BadInput(
        "options of a method that takes none",
        "analyse modes model uff --options options.toml",
        "options.toml: uff takes no options; only methods given as module:Class do",
        text("options.toml", "[uff]\nx = 1\n"),
    ),
    BadInput(
        "options of methods in no table",
        "analyse scan model uff --torsion 2,1,3,9 --options options.toml",
        "options.toml: the option x stands in no table; write it below its method",
        text("options.toml", "x = 1\n"),
    ),
    BadInput(
        "a reference of a scan off its grid",
        "analyse scan model uff --torsion 2,1,3,9 --every 90 --reference ethanol.npz",
        "where the scan has no point; take the geometries that --structures writes, and the same --every",
    ),
    BadInput(
        "differences in an unknown format",
        "analyse scan model model --torsion 2,1,3,9 --every 180 --rigid --differences off.gif",
        "the name after --differences has to end in .png, and off.gif does not",
    ),
    BadInput(
        "differences from nothing",
        "analyse scan model model --torsion 2,1,3,9 --every 180 --rigid --table scan.csv --differences off.png",
        "there is nothing to take differences from; name another method or a --reference",
    ),
    BadInput(
        "no line of geometries",
        "analyse along model uff",
        "name one of --bond, --mode and --frames",
    ),
    BadInput(
        "two lines of geometries",
        "analyse along model uff --bond 3,9 --mode 2",
        "name one of --bond, --mode and --frames",
    ),
    BadInput(
        "a bond that is none",
        "analyse along model uff --bond 1,9",
        "C1 and H9 are not bonded; give two atoms that are",
    ),
    BadInput(
        "a pair of one atom",
        "analyse along model uff --bond 3",
        "3 is no pair of atoms of CCO: give two numbers from 1 to 9, such as 1,2",
    ),
    BadInput(
        "a mode that is none",
        "analyse along model uff --mode 22",
        "option mode has to be from 1 to 21, not 22",
    ),
    BadInput(
        "lengths in the wrong order",
        "analyse along model uff --bond 3,9 --lengths 2 1",
        "option lengths has to be two ascending positive numbers, not 2 1",
    ),
    BadInput(
        "a line of one geometry",
        "analyse along model uff --frames bad.npz",
        "bad.npz has one geometry; a line needs at least two",
        lambda: save(**{key: load()[key][:1] for key in ("R", "E", "F")}),
    ),
    BadInput(
        "a path between minima that are not there",
        "analyse path model uff --between 1 7",
        "option between has to name two of",
    ),
    BadInput(
        "a path of two images",
        "analyse path model uff --images 2",
        "option images has to be at least 3, not 2",
    ),
    BadInput(
        "errors along a torsion that is none",
        "analyse errors model ethanol.npz --torsion 1,2",
        "1,2 is no torsion of CCO: give four numbers of atoms from 1 to 9",
    ),
    BadInput(
        "spectra without runs",
        "analyse vdos model uff --runs 0",
        "option runs has to be at least 1",
    ),
    BadInput(
        "a spectrum at no temperature",
        "analyse vdos model uff --temperatures 0",
        "option temperature has to be a positive number, not 0",
    ),
    BadInput(
        "populations of minima and along torsions",
        "analyse populations model uff --torsion 2,1,3,9 --reference ethanol.npz",
        "minima mean nothing for free energies along torsions; leave --reference or --torsion out",
    ),
    BadInput(
        "samples at one temperature twice",
        "analyse populations model uff --temperatures 300 300",
        "option temperatures names one twice; leave it out",
    ),
    BadInput(
        "samples of no time",
        "analyse populations model uff --time 0",
        "option time has to be a positive number, not 0",
    ),
    BadInput(
        "distances at two temperatures",
        "analyse distances model uff --temperatures 300 400",
        "distances are of one temperature, not of 2",
    ),
    BadInput(
        "a distance of an atom that is not there",
        "analyse distances model uff --pair 1,10",
        "1,10 is no pair of atoms of CCO: give two numbers from 1 to 9, such as 1,2",
    ),
    BadInput(
        "a force field of no molecules", "make none.smi --level gfn2-xtb --out m", "none.smi: there is no such file"
    ),
    BadInput(
        "a force field at a level that is none",
        "make CCO --level nonsense --out m",
        "nonsense is no level of theory: give METHOD/BASIS of PySCF",
    ),
    BadInput(
        "a force field of hardly any labels",
        "make CCO --level gfn2-xtb --budget 3 --out m",
        "option budget has to be at least 8, not 3",
    ),
    BadInput(
        "a force field in a folder of something else",
        "make CCO --level gfn2-xtb --out model",
        "model is no folder of hybridff make and is not empty; choose another folder",
    ),
    BadInput(
        "kernels that no cheap level teaches",
        "make CCO --level gfn2-xtb --pretrain none --correction all --out m",
        "option correction is for a cheap level that teaches kernels",
    ),
    BadInput(
        "the extension of a model that make did not make",
        "extend model",
        "model is no folder of hybridff make: there is no make.json in it",
    ),
    BadInput("sampling of no molecule", "sample none.sdf --out e.xyz", "none.sdf: there is no such file"),
    BadInput("sampling of an atom", "sample '[Ar]' --out e.xyz", "[Ar] is a single atom, of which there is nothing"),
    BadInput(
        "sampling by nothing that samples",
        "sample CCO --with uff --out e.xyz",
        "uff is nothing that samples: give gaff, the folder of a model, or a level: METHOD/BASIS of PySCF",
    ),
    BadInput(
        "sampling by a kind that is none",
        "sample CCO --by conformers umbrella --out e.xyz",
        'Invalid value "umbrella" for --by',
    ),
    BadInput(
        "sampling at no temperature",
        "sample CCO --temperature 300 -5 --out e.xyz",
        "option temperature has to be of positive numbers, not (300.0, -5.0)",
    ),
    BadInput("no geometries", "sample CCO --frames 0 --out e.xyz", "option frames has to be at least 1, not 0"),
    BadInput(
        "geometries closer in time than a step",
        "sample CCO --step '2 fs' --spacing '1 fs' --out e.xyz",
        "a geometry every 1 fs does not go with steps of 2 fs",
    ),
    BadInput(
        "charges that are turned round",
        "sample CCO --charge-scale -1 --out e.xyz",
        "option charge_scale has to be above 0 and at most 1, not -1",
    ),
    BadInput(
        "geometries in a file of another kind",
        "sample CCO --out e.pdb",
        "cannot write geometries as e.pdb: its name has to end in .npz, .xyz, .extxyz",
    ),
    BadInput(
        "geometries in a folder that is not there",
        "sample CCO --out none/e.xyz",
        "cannot write none/e.xyz: the folder none does not exist; make it first",
    ),
    BadInput(
        "sampling by a model of another molecule",
        "sample CCC --with model --out e.xyz",
        "the model model is of CCO, not of CCC; take another model, or gaff",
    ),
    BadInput(
        "charges beside those of a prmtop",
        "sample ethanol.prmtop --charges am1bcc --out e.xyz",
        "ethanol.prmtop brings its own parameters; leave the options gaff and charges out",
    ),
    BadInput(
        "a solvent that the level has not",
        "sample CCO --with hf/sto-3g --solvent water --out e.xyz",
        "hf/sto-3g has no solvent here; take gfn2-xtb, or leave option solvent out",
    ),
    BadInput(
        "a level that fails at once",
        "sample CCl --with ase.calculators.emt:EMT --out e.xyz",
        "ase.calculators.emt:EMT fails for the first geometry of CCl: No EMT-potential for Cl",
    ),
    BadInput(
        "own frames labelled by no method",
        "analyse extrapolate model --reference gaff",
        "gaff is no method: give stock, uff, mmff94",
    ),
    BadInput(
        "own frames without time between them",
        "analyse extrapolate model --reference uff --spacing 0",
        "the spacing '0' is no time: write a positive number and its unit",
    ),
    BadInput(
        "a comparison with a method that is none",
        f"{COMPARE} --with gaff --out out",
        "gaff is no method: give stock, uff, mmff94, gfn1-xtb, gfn2-xtb, sgdml, gap, mace, the folder of a model",
    ),
    BadInput("a comparison without data", "compare model --out out", 'Command "compare" parameter --data requires'),
    BadInput(
        "a comparison of a model that is not there",
        "compare none --data ethanol.npz --out out",
        "no model in none: there is no model.json",
    ),
    BadInput(
        "a method named twice",
        f"{COMPARE} --with uff stock uff --out out",
        "uff is named twice; name each model and each method once",
    ),
    BadInput(
        "options of a method in no file",
        f"{COMPARE} --options none.toml --out out",
        "none.toml: there is no such file",
    ),
    BadInput(
        "an option that a method does not have",
        f"{COMPARE} --with gap --options run.toml --out out",
        "run.toml: [gap] has no option cut; it has cutoff, n_max, l_max",
        text("run.toml", "[gap]\ncut = 4\n"),
    ),
    BadInput(
        "options of a method that is misspelt",
        f"{COMPARE} --with gap --options run.toml --out out",
        "run.toml: [gpa] is no method with options; those of this comparison are sgdml, gap, mace (",
        text("run.toml", "[gpa]\ncutoff = 4\n"),
    ),
    BadInput(
        "an option of a method without its table",
        f"{COMPARE} --with gap --options run.toml --out out",
        "run.toml: the option cutoff stands in no table; write it below its method",
        text("run.toml", "cutoff = 4\n"),
    ),
    BadInput(
        "no time for training",
        f"{COMPARE} --with mace --options run.toml --out out",
        "run.toml: [mace]: option minutes has to be a positive number, not 0.0",
        text("run.toml", "[mace]\nminutes = 0\n"),
    ),
    BadInput(
        "options that a calculator does not take",
        f"{COMPARE} --with ase.calculators.tip3p:TIP3P --options run.toml --out out",
        "ase.calculators.tip3p:TIP3P cannot be made with the options {'depth': 3}",
        text("run.toml", '["ase.calculators.tip3p:TIP3P"]\ndepth = 3\n'),
    ),
    BadInput(
        "no frames left to compare on",
        f"{COMPARE} --train 50 --validation 10 --out out",
        "no test frames are left to compare methods on; take fewer with --train and --validation",
    ),
    BadInput(
        "no time for hot dynamics", f"{COMPARE} --time-limit 0 --out out", "option time_limit has to be a positive"
    ),
    BadInput("results over others", f"{COMPARE} --out old", "old exists and is not empty: choose", _old_folder),
    BadInput(
        "a folder in the place of the JSON file",
        "evaluate model ethanol.npz --json old",
        "cannot write old: it is a folder; give the name of a file",
        _old_folder,
    ),
    # models
    BadInput("no model", "verify old", "no model in old: there is no model.json. Make one", _old_folder),
    BadInput("model cut off", "verify bad", "bad/model.json: this is not a complete model", _cut_model),
    BadInput(
        "model with an index out of range",
        "verify bad",
        "bad/model.json is damaged: an index is out of range",
        _model(lambda model: model["coordinates"]["bond"][0].__setitem__(0, 99)),
    ),
    BadInput(
        "model with a key missing",
        "verify bad",
        "bad/model.json is damaged: 'terms' is missing",
        _model(lambda model: model.pop("terms")),
    ),
    BadInput(
        "model of a later version",
        "verify bad",
        "has format 4; this version of hybridff reads formats up to 3. Update hybridff",
        _model(lambda model: model.update(format=4)),
    ),
    BadInput(
        "a JSON file of another program", "verify bad", "is not a hybridff model", text("bad/model.json", '{"a": 1}')
    ),
    BadInput(
        "data of another molecule than the model's",
        "evaluate bad ethanol.npz --json errors.json",
        "atom 3 is C in the molecule CCC but O in ethanol.npz",
        _other_model,
    ),
    # dynamics
    BadInput(
        "a correction in words",
        "correct model ethanol.npz --correction ring --out out",
        "a correction is all, local, auto, n-pi-star, or atom numbers such as 1,2,8, not 'ring'",
    ),
    BadInput(
        "a correction of an atom that is not there",
        "correct model ethanol.npz --correction 1,2,12 --out out",
        "correction 1,2,12: CCO has no atom 12, only 1 to 9",
    ),
    BadInput(
        "a correction of one atom",
        "correct model ethanol.npz --correction 3 --out out",
        "correction 3: name at least two atoms, each once",
    ),
    BadInput(
        "the same correction twice",
        "correct model ethanol.npz --correction 1,2,3 --correction 3,2,1 --out out",
        "two corrections are on the same atoms; leave one of them out",
    ),
    BadInput(
        "a correction by n→π* where no lone pair faces a carbonyl group",
        "correct model ethanol.npz --correction n-pi-star --out out",
        "a lone pair of CCO faces a carbonyl group in fewer than 1% of the frames",
    ),
    BadInput(
        "pre-training by what there is not",
        "fit ethanol.npz --pretrain gfn3-xtb --charges charges.txt --out out",
        "option pretrain is gfn3-xtb, which is neither a file nor a folder; give none, auto, gfn2-xtb, gfn1-xtb, "
        "another level of theory, a file of frames, or the folder of a model",
    ),
    BadInput(
        "pre-training of a form that is not linear",
        "fit ethanol.npz --pretrain ethanol.npz --form morse --charges charges.txt --out out",
        "option pretrain is for forms that are fitted in closed form, as class2 is, not for morse",
    ),
    BadInput(
        "pre-training by a folder without a model",
        "fit ethanol.npz --pretrain . --charges charges.txt --out out",
        "option pretrain: the folder . has no model.json; name one that fit wrote",
    ),
    BadInput(
        "pre-training on next to nothing",
        "fit ethanol.npz --pretrain gfn2-xtb --pretrain-frames 3 --charges charges.txt --out out",
        "option pretrain_frames has to be between 50 and 10000, not 3",
    ),
    BadInput(
        "no correction and another",
        "fit ethanol.npz --correction none --correction all --charges charges.txt --out out",
        "correction none stands alone",
    ),
    BadInput(
        "correct without a correction",
        "correct model ethanol.npz --correction none --out out",
        "name at least one",
    ),
    BadInput(
        "a correction without frames to choose it by",
        "fit ethanol.npz --correction all --train 10 --validation 0 --charges charges.txt --out out",
        "10 training frames and none for validation; a correction needs at least 20",
    ),
    BadInput(
        "kernels alone that leave atoms out",
        "correct model ethanol.npz --correction 1,2,3 --alone --out out",
        "no kernel is on",
    ),
    BadInput(
        "a kernel without points",
        "correct model ethanol.npz --correction all --points 0 --out out",
        "option points has to be at least 1, not 0",
    ),
    BadInput(
        "a limit of distance for a model without corrections",
        'simulate model --temperature 300 --time "1 ps" --stop-beyond 2 --out out',
        "a model without corrections does not know its training data",
    ),
    BadInput(
        "unknown platform",
        'simulate model --temperature 300 --time "1 ps" --platform TPU --out out',
        "OpenMM has no platform 'TPU' here; present are Reference",
    ),
    BadInput(
        "time without unit",
        "simulate model --temperature 300 --time 10 --out out",
        "the time '10' is no time: write a positive number and its unit, such as \"10 ps\"",
    ),
    BadInput(
        "endless time", 'simulate model --temperature 300 --time "1e999 ps" --out out', "the time '1e999 ps' is no time"
    ),
    BadInput(
        "negative temperature",
        'simulate model --temperature -300 --time "1 ps" --out out',
        "the temperature has to be a positive number, not -300.0 K",
    ),
    BadInput(
        "negative friction", f"{LONG} --friction -1", "option friction has to be a number of at least 0, not -1.0"
    ),
    BadInput("seed too large", f"{LONG} --seed 99999999999", "option seed has to be from 0 to 2147483646"),
    BadInput("Ctrl-C", LONG, "interrupted; nothing was written", patch=signalled(signal.SIGINT), code=130),
    BadInput("killed", LONG, "interrupted; nothing was written", patch=signalled(signal.SIGTERM), code=143),
)
