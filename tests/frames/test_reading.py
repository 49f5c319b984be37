import os
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from hybridff.errors import InputError
from hybridff.frames.reading import read_frames
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, EV, FORCE_KCAL, HARTREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", Path(__file__).parents[1] / "../shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the reference data are not at {DATA} (set HYBRIDFF_DATA)")

WATER = "[O:1]([H:2])[H:3]"
EXACT = 1e-14  # one multiplication and one division in double precision


def arrays(**changes) -> dict[str, Any]:
    """Five frames of water as an npz file holds them; None leaves a key out."""
    random = np.random.default_rng(0)
    found: dict[str, Any] = {
        "z": np.array([8, 1, 1], dtype=np.int8),
        "R": random.normal(size=(5, 3, 3)),
        "E": random.normal(size=5),
        "F": random.normal(size=(5, 3, 3)).astype(np.float32),
    }
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}


def npz(path: Path, **changes) -> Path:
    np.savez(path, **arrays(**changes))
    return path


def images(count: int = 3, *, forces: bool = True, energy: str = "energy") -> list[ase.Atoms]:
    random = np.random.default_rng(1)
    found = []
    for _ in range(count):
        atoms = ase.Atoms("OH2", positions=random.normal(size=(3, 3)))
        results = {energy: random.normal()} | ({"forces": random.normal(size=(3, 3))} if forces else {})
        if energy == "energy":
            atoms.calc = SinglePointCalculator(atoms, **results)
        else:
            atoms.info |= results
        found.append(atoms)
    return found


def test_the_units_of_an_sgdml_file_are_those_it_names(tmp_path):
    path = npz(tmp_path / "a.npz", type="d", r_unit="Ang", e_unit="eV", theory=np.array(b"PBE"), name="water")
    read, raw = read_frames(path), arrays()
    np.testing.assert_allclose(read.positions, raw["R"] * ANGSTROM, rtol=EXACT)
    np.testing.assert_allclose(read.energies, raw["E"] * EV, rtol=EXACT)
    np.testing.assert_allclose(read.forces, raw["F"].astype(float) * (EV / ANGSTROM), rtol=EXACT)
    assert (read.theory, read.name, read.smiles) == ("PBE", "water", None)


def test_a_file_with_theory_and_smiles_but_without_units_is_in_angstrom_and_kcal(tmp_path):
    read, raw = read_frames(npz(tmp_path / "a.npz", theory="PBE", smiles=WATER)), arrays()
    np.testing.assert_allclose(read.positions, raw["R"] * ANGSTROM, rtol=EXACT)
    np.testing.assert_allclose(read.energies, raw["E"] * KCAL_MOL, rtol=EXACT)
    np.testing.assert_allclose(read.forces, raw["F"].astype(float) * FORCE_KCAL, rtol=EXACT)
    assert read.molecule().symbols == ("O", "H", "H")


def test_units_that_the_file_does_not_name_must_be_given(tmp_path):
    path = npz(tmp_path / "a.npz")
    with pytest.raises(InputError, match="does not name its unit of length"):
        read_frames(path)
    with pytest.raises(InputError, match="does not name its unit of energy"):
        read_frames(path, length_unit="bohr")
    read, raw = read_frames(path, length_unit="bohr", energy_unit="Hartree"), arrays()
    np.testing.assert_allclose(read.energies, raw["E"] * HARTREE, rtol=EXACT)
    np.testing.assert_allclose(read.forces, raw["F"].astype(float) * (HARTREE / 0.0529177210903), rtol=EXACT)


def test_forces_may_have_a_unit_of_their_own(tmp_path):
    path = npz(tmp_path / "a.npz")
    read = read_frames(path, length_unit="Å", energy_unit="kcal/mol", force_unit="kJ/mol/nm")
    np.testing.assert_allclose(read.forces, arrays()["F"], rtol=EXACT)


def test_a_unit_that_contradicts_the_file_is_refused(tmp_path):
    path = npz(tmp_path / "a.npz", r_unit="Ang", e_unit="kcal/mol")
    with pytest.raises(InputError, match=r"unit of energy as kcal/mol but ev is asked for"):
        read_frames(path, energy_unit="eV")
    assert len(read_frames(path, length_unit="angstrom")) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length_unit": "furlong"}, "'furlong' is not a known unit of length; use one of nm, angstrom, bohr"),
        ({"energy_unit": "cal"}, "'cal' is not a known unit of energy"),
        ({"length_unit": "nm", "energy_unit": "ev", "force_unit": "N"}, "'N' is not a unit of force"),
    ],
)
def test_an_unknown_unit_is_refused_with_the_known_ones(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        read_frames(npz(tmp_path / "a.npz"), **options)


def test_extended_xyz_is_in_ases_units(tmp_path):
    written = images()
    ase.io.write(tmp_path / "a.xyz", written, format="extxyz")
    read = read_frames(tmp_path / "a.xyz")
    # the file has eight decimals
    np.testing.assert_allclose(read.positions, [atoms.positions * ANGSTROM for atoms in written], atol=1e-8)
    np.testing.assert_allclose(read.energies, [atoms.calc.results["energy"] * EV for atoms in written], rtol=1e-7)
    forces = [atoms.calc.results["forces"] * EV / ANGSTROM for atoms in written]
    np.testing.assert_allclose(read.forces, forces, atol=1e-5)


def test_xyz_files_may_be_in_other_units_but_ases_own_formats_may_not(tmp_path):
    written = images()
    ase.io.write(tmp_path / "a.xyz", written, format="extxyz")
    read = read_frames(tmp_path / "a.xyz", energy_unit="hartree")
    np.testing.assert_allclose(read.energies, [atoms.calc.results["energy"] * HARTREE for atoms in written], rtol=1e-7)
    ase.io.write(tmp_path / "a.traj", written)
    assert len(read_frames(tmp_path / "a.traj")) == 3
    with pytest.raises(InputError, match="leave the unit options out"):
        read_frames(tmp_path / "a.traj", energy_unit="hartree")


def test_energies_alone_are_read(tmp_path):
    assert read_frames(npz(tmp_path / "a.npz", F=np.empty((0, 3, 3)), theory="PBE", smiles=WATER)).forces is None
    ase.io.write(tmp_path / "a.xyz", images(forces=False), format="extxyz")
    assert read_frames(tmp_path / "a.xyz").forces is None


def test_several_files_are_joined_in_their_order(tmp_path):
    first = npz(tmp_path / "a.npz", theory="PBE", smiles=WATER, source="one")
    second = npz(tmp_path / "b.npz", theory="PBE", smiles=WATER, source="two", E=np.arange(5.0))
    read = read_frames([first, second])
    assert len(read) == 10
    np.testing.assert_allclose(read.energies[5:], np.arange(5) * KCAL_MOL, rtol=EXACT)
    assert read.source == "one; two"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"theory": "MP2"}, r"b\.npz is at MP2 but .*a\.npz at PBE.*cannot be mixed"),
        ({"z": np.array([1, 8, 1])}, "other atoms, or another order of atoms"),
        ({"F": np.empty((0, 3, 3))}, r"b\.npz has no forces but the other file has"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, changes, message):
    given = {"theory": "PBE", "smiles": WATER}
    paths = [npz(tmp_path / "a.npz", **given), npz(tmp_path / "b.npz", **(given | changes))]
    with pytest.raises(InputError, match=message):
        read_frames(paths)


def test_files_of_isomers_are_refused_but_other_smiles_of_the_same_molecule_are_not(tmp_path):
    given = {"z": np.array([7, 6, 1]), "theory": "PBE"}
    cyanide = npz(tmp_path / "a.npz", smiles="[N:1]#[C:2][H:3]", **given)
    same = npz(tmp_path / "b.npz", smiles="[H:3][C:2]#[N:1]", **given)
    isocyanide = npz(tmp_path / "c.npz", smiles="[H:3][N+:1]#[C-:2]", **given)
    assert len(read_frames([cyanide, same])) == 10
    with pytest.raises(InputError, match="another molecule"):
        read_frames([cyanide, isocyanide])


def test_other_elements_than_the_molecules_are_refused(tmp_path):
    path = npz(tmp_path / "a.npz", theory="PBE", smiles=WATER)
    read_frames(path, molecule=Molecule.from_smiles("O"))
    with pytest.raises(InputError, match=r"atom 1 is S in the molecule S but O in .*a\.npz"):
        read_frames(path, molecule=Molecule.from_smiles("S"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"E": None, "F": None}, "of the keys z, R, E, F the file lacks E, F; it has R, smiles, theory, z"),
        ({"R": np.zeros((5, 4, 3))}, r"R has the shape \(5, 4, 3\); it must be \(frames, 3, 3\)"),
        ({"R": np.zeros((3, 3))}, "R has the shape"),
        ({"R": np.zeros((0, 3, 3)), "E": np.zeros(0), "F": np.zeros((0, 3, 3))}, "no frames"),
        ({"E": np.zeros(4)}, r"E has the shape \(4,\)"),
        ({"F": np.zeros((4, 3, 3))}, r"F has the shape \(4, 3, 3\); it must be \(5, 3, 3\)"),
        ({"E": np.array(list("abcde"))}, "E holds no numbers"),
        ({"z": np.array([8.5, 1, 1])}, "atomic numbers from 1 to 118"),
        ({"z": np.array([8, 0, 1])}, "atomic numbers from 1 to 118"),
        ({"type": "m"}, "is a trained model, not a data set"),
        ({"E": np.array([{}] * 5, dtype=object)}, "pickled Python objects"),
    ],
)
def test_arrays_that_make_no_data_set_are_refused(tmp_path, changes, message):
    path = npz(tmp_path / "a.npz", **({"theory": "PBE", "smiles": WATER} | changes))
    with pytest.raises(InputError, match=message) as raised:
        read_frames(path)
    assert "a.npz" in str(raised.value)


def test_a_truncated_or_damaged_npz_is_refused(tmp_path):
    content = npz(tmp_path / "a.npz", theory="PBE", smiles=WATER).read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="not a complete npz file"):
        read_frames(tmp_path / "cut.npz")
    spoilt = bytearray(content)
    spoilt[400:440] = bytes(40)
    (tmp_path / "spoilt.npz").write_bytes(spoilt)
    with pytest.raises(InputError, match="damaged"):
        read_frames(tmp_path / "spoilt.npz")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.npz", "", "file is empty"),
        ("a.npz", "hello", "not a complete npz file"),
        ("a.xyz", "hello\n", "frame 1 should begin with its number of atoms"),
        ("a.unknown", "hello\n", "ASE cannot read"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_frames(tmp_path / name)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_frames(tmp_path / "none.npz")
    with pytest.raises(InputError, match="is a folder"):
        read_frames(tmp_path)
    with pytest.raises(InputError, match="no data file is given"):
        read_frames([])


def test_xyz_frames_that_differ_are_refused_with_the_frame(tmp_path):
    different = images(3)
    different[1] = ase.Atoms("HOH", positions=different[1].positions, calculator=different[1].calc)
    ase.io.write(tmp_path / "order.xyz", different, format="extxyz")
    with pytest.raises(InputError, match="atom 1 is H in frame 2 but O in frame 1"):
        read_frames(tmp_path / "order.xyz")
    ase.io.write(tmp_path / "some.xyz", [*images(1), *images(1, forces=False)], format="extxyz")
    with pytest.raises(InputError, match="frame 2 has no forces but others have"):
        read_frames(tmp_path / "some.xyz")
    ase.io.write(tmp_path / "named.xyz", images(1, forces=False, energy="my_own"), format="extxyz")
    with pytest.raises(InputError, match=r"frame 1 has no 'energy'; of its numbers \(my_own\) name the one that it is"):
        read_frames(tmp_path / "named.xyz")


HEAD = "Properties=species:S:1:pos:R:3"


def xyz(path, head=HEAD, columns="", count="2", rows=("O 0 0 0", "H 0 0 0.96")):
    """One frame of OH with more columns."""
    path.write_text(f"{count}\n{head}\n" + "".join(f"{row} {columns}\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("head", "columns", "sign", "note"),
    [
        (f"{HEAD}:REF_forces:R:3 REF_energy=-2", "1 2 3", 1, "the forces are read from 'REF_forces'"),
        (f"{HEAD}:dft_force:R:3 dft_energy=-2", "1 2 3", 1, "the energies are read from 'dft_energy'"),
        (f"{HEAD}:force:R:3 energy=-2", "1 2 3", 1, "the forces are read from 'force'"),
        (f"{HEAD}:gradients:R:3 energy=-2", "1 2 3", -1, "the forces are minus the 'gradients'"),
        (f"{HEAD}:forces:R:3 free_energy=-2", "1 2 3", 1, "the energies are read from 'free_energy'"),
        (f"{HEAD}:forces:R:3:energies:R:1", "1 2 3 -1", 1, "the energy of a frame is the sum of its atoms' 'energies'"),
    ],
)
def test_names_of_mace_gap_and_ase_are_read_with_a_word(tmp_path, head, columns, sign, note):
    frames = read_frames(xyz(tmp_path / "a.xyz", head, columns))
    assert any(note in text for text in frames.notes)
    np.testing.assert_allclose(frames.energies, [-2 * EV])
    np.testing.assert_allclose(frames.forces[0, 1], sign * np.array([1, 2, 3]) * EV / ANGSTROM)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": f"{HEAD} energy=-2 REF_energy=-3"}, "has energy and REF_energy, which differ"),
        ({"head": f"{HEAD}:forces:R:3:gradient:R:3 energy=-2", "columns": "1 2 3 1 2 3"}, "which differ"),
        ({"head": "energy=-2", "columns": "1 2 3"}, "the columns 5 to 7 of frame 1 have no names"),
        ({"count": "999999999999"}, "frame 1 is to have 1e\\+12 atoms"),
        ({"count": "3"}, "frame 1 has 0 columns for atom 3, not 4; it is cut off"),
        ({"head": f"{HEAD}:forces:R:999999999999 energy=-2"}, "not name:type:columns"),
        ({"head": f"{HEAD} energy=-2", "rows": ("O 0 0 0", "D 0 0 0.96")}, "'D', which is no element; write H for D"),
        ({"head": f"{HEAD} config_type=md"}, "frame 1 has no 'energy'; write it as 'energy'"),
        ({"head": f"{HEAD} energy=abc"}, "'energy' of frame 1 is not a number"),
    ],
)
def test_what_an_xyz_file_cannot_mean_is_refused_before_it_is_read(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_frames(xyz(tmp_path / "a.xyz", **changes))


def test_columns_that_may_be_forces_are_named_where_there_are_none(tmp_path):
    frames = read_frames(xyz(tmp_path / "a.xyz", f"{HEAD}:my_f:R:3 energy=-2", "1 2 3"))
    assert frames.forces is None
    assert frames.notes == ("if my_f are forces, name them 'forces'.",)


@needs_data
def test_the_reference_data_are_read_with_their_molecules():
    for path in sorted(DATA.glob("*.npz")):
        with np.load(path) as raw:
            if raw["z"].ndim > 1:  # many molecules in one file
                continue
        read = read_frames(path)
        assert read.molecule().numbers.tolist() == read.numbers.tolist()
        with np.load(path) as raw:
            np.testing.assert_allclose(read.energies[:3], raw["E"][:3] * KCAL_MOL, rtol=EXACT)


@pytest.mark.parametrize(("name", "says"), [("energy", "not a number"), ("forces", "ASE cannot read it")])
def test_results_that_are_lists_of_different_lengths_are_refused(tmp_path: Path, name: str, says: str) -> None:
    atoms = ase.Atoms("H2", [(0, 0, 0), (0, 0, 0.74)])
    atoms.calc = SinglePointCalculator(atoms, energy=-31.0, forces=np.zeros((2, 3)))
    atoms.calc.results[name] = [[1.0], [2.0, 3.0]]
    ase.io.write(tmp_path / "ragged.json", atoms)
    with pytest.raises(InputError, match=says):
        read_frames(tmp_path / "ragged.json")
