"""Charges from RESP, AM1-BCC, ABCG2, a network and files, and their cache."""

import dataclasses

import numpy as np
import pytest

from hybridff.errors import InputError, MissingProgramError
from hybridff.gaff import charges, nagl, programs, resp
from hybridff.gaff.charges import am1bcc_charges, assign_charges, read_charges
from hybridff.molecules.molecule import Molecule

METHANOL = Molecule.from_smiles("CO").with_embedded_positions()
MOL2 = """@<TRIPOS>MOLECULE
methanol
6 5 1
SMALL
USER_CHARGES
@<TRIPOS>ATOM
1 C1 -0.368 -0.039 -0.023 c3 1 LIG 0.1167
2 O1 0.984 -0.398 -0.241 oh 1 LIG -0.5988
3 H1 -0.565 0.009 1.051 h1 1 LIG 0.0287
4 H2 -1.014 -0.795 -0.476 h1 1 LIG 0.0287
5 H3 -0.568 0.931 -0.484 h1 1 LIG 0.0287
6 H4 1.532 0.291 0.172 ho 1 LIG 0.3960
@<TRIPOS>BOND
1 1 2 1
"""
PUBLISHED_AM1BCC = np.array([0.1167, -0.5988, 0.0287, 0.0287, 0.0287, 0.3960])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path / "cache"))


def written(tmp_path, text, name="charges.txt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_charges_are_read_from_lines_with_comments(tmp_path):
    path = written(tmp_path, "# methanol\n0.1166  # C\n-0.6497\n\n0.0372\n0.0372\n0.0372\n0.4215\n")
    assert np.allclose(read_charges(path, METHANOL), [0.1166, -0.6497, 0.0372, 0.0372, 0.0372, 0.4215], atol=1e-12)


def test_charges_are_read_from_mol2(tmp_path):
    assert np.allclose(read_charges(written(tmp_path, MOL2, "a.mol2"), METHANOL), PUBLISHED_AM1BCC, atol=1e-12)


def test_a_small_remainder_is_spread_over_all_atoms(tmp_path):
    path = written(tmp_path, "0.12\n-0.65\n0.04\n0.04\n0.04\n0.416\n")
    read = read_charges(path, METHANOL)
    assert abs(read.sum()) < 1e-15
    assert np.allclose(read, np.array([0.12, -0.65, 0.04, 0.04, 0.04, 0.416]) - 0.001, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1\n-0.1\n", "there are 2 charges for the 6 atoms of"),
        ("# none\n", "there are 0 charges for the 6 atoms"),
        ("0\n0\n0\n0\n0\nnan\n", r"the charge of atom 6 \(H\) is nan"),
        ("0\n0\n0\n0\n0\n0.02\n", r"add up to \+0.0200 e, but .* has a charge of \+0 e"),
        ("0.1\nO -0.1\n", "line 2: 'O -0.1' is not a charge"),
    ],
)
def test_bad_charges_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_charges(written(tmp_path, text), METHANOL)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@<TRIPOS>", "@TRIPOS", "not a MOL2 file"),
        (" 0.1167", "", "atom 1 has no charge"),
        (" oh ", " c3 ", "atom 2 has the type c3 but is O in"),
    ],
)
def test_bad_mol2_files_are_refused(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        read_charges(written(tmp_path, MOL2.replace(old, new), "a.mol2"), METHANOL)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "charges.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        assign_charges(METHANOL, path)


def test_a_method_that_is_neither_known_nor_a_file_is_refused():
    with pytest.raises(
        InputError,
        match="'am1-bcc' is no kind of charges: give resp, am1bcc, am1bcc-unrelaxed, abcg2, nagl or",
    ):
        assign_charges(METHANOL, "am1-bcc")


def test_calculated_charges_are_kept_for_the_same_molecule_and_geometry(monkeypatch):
    calls, methanol = [], dataclasses.replace(METHANOL, positions=METHANOL.positions.round(4))

    def counted(molecule, positions):
        calls.append(positions)
        return np.array([0.1, -0.6, 0.0, 0.0, 0.0, 0.5])

    monkeypatch.setattr(resp, "resp_charges", counted)
    first = assign_charges(methanol, "resp")
    renamed = dataclasses.replace(methanol, name="wood alcohol", positions=methanol.positions + 1e-7)
    assert np.array_equal(assign_charges(renamed, "resp"), first)
    assert len(calls) == 1
    moved = dataclasses.replace(methanol, positions=methanol.positions * 1.01)
    assign_charges(moved, "resp")
    assert len(calls) == 2
    monkeypatch.setattr(resp, "VERSION", resp.VERSION + 1)
    assign_charges(methanol, "resp")
    assert len(calls) == 3


def test_a_molecule_without_positions_gets_the_charges_of_its_embedded_geometry(monkeypatch):
    seen = []
    monkeypatch.setattr(resp, "resp_charges", lambda molecule, positions: seen.append(positions) or np.zeros(6))
    assign_charges(Molecule.from_smiles("CO"), "resp")
    assert np.abs(seen[0] - METHANOL.positions).max() < 1e-5  # positions are rounded to this


def has_sqm():
    try:
        am1bcc_charges(METHANOL, METHANOL.positions)
    except MissingProgramError:
        return False
    return True


needs_sqm = pytest.mark.skipif(not has_sqm(), reason="antechamber, sqm or their libraries are not installed")


@needs_sqm
def test_am1bcc_charges_of_methanol_are_the_published_ones():
    # AmberTools' AM1-BCC charges, as found in many published parameter files; four decimals.
    assert np.abs(assign_charges(METHANOL, "am1bcc") - PUBLISHED_AM1BCC).max() < 5e-4


@needs_sqm
@pytest.mark.parametrize("smiles", ["CC(=O)[O-]", "C[NH3+]", "c1cc(Cl)ccc1O"])
def test_am1bcc_charges_sum_up_and_are_equal_for_equivalent_atoms(smiles):
    molecule = Molecule.from_smiles(smiles)
    found = assign_charges(molecule, "am1bcc")
    assert abs(found.sum() - molecule.charge) < 1e-12  # rounding
    for name in set(molecule.equivalent_atoms().tolist()):
        assert np.ptp(found[molecule.equivalent_atoms() == name]) < 2e-6  # antechamber writes six decimals


@needs_sqm
@pytest.mark.slow
def test_am1bcc_charges_of_an_anion_belong_to_the_relaxed_geometry():
    """Where sqm chooses its own routines, as its timings say, it may leave the start after a step: -0.323 on carbon."""
    found = assign_charges(Molecule.from_smiles("CS(=O)(=O)[O-]"), "am1bcc")
    assert np.abs(found[:2] - [-0.3344, 1.4277]).max() < 2e-3  # rounding of Mulliken charges, on either build


@needs_sqm
def test_abcg2_differs_from_am1bcc_by_the_corrections_of_polar_bonds_alone():
    """c3-oh and oh-ho: the hydrogens of the methyl group have the same charge in both, as their bonds have."""
    try:
        found = assign_charges(METHANOL, "abcg2")
    except MissingProgramError as error:
        pytest.skip(str(error))
    shift = found - assign_charges(METHANOL, "am1bcc")
    assert np.abs(shift[2:5]).max() < 2e-6  # antechamber writes six decimals
    assert shift[0] > 0.01
    assert shift[5] > 0.01
    assert abs(shift[0] + shift[5] + shift[1]) < 2e-6


def test_an_antechamber_without_abcg2_is_named_with_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "antechamber"
    path.write_text("#!/bin/sh\necho 'Fatal Error! Unknown charge method (abcg2).'; exit 1\n", encoding="utf-8")
    path.chmod(0o755)
    old = programs.Program(path, {"PATH": "/bin"}, "acpype 2023.10.27")
    for module in (programs, charges):
        monkeypatch.setattr(module, "find_program", lambda name: old)
    with pytest.raises(MissingProgramError, match=r"\(acpype 2023.10.27\) has no abcg2 .*pip install ambertools-unoff"):
        assign_charges(METHANOL, "abcg2")


def test_nagl_needs_its_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openff.nagl", None)
    with pytest.raises(MissingProgramError, match=r'nagl need openff-nagl .*pip install "hybridff\[nagl\]"'):
        assign_charges(METHANOL, "nagl")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of pytorch-lightning, when it is imported
def test_nagl_charges_are_near_am1bcc_and_name_their_network():
    pytest.importorskip("openff.nagl", reason="pip install 'hybridff[nagl]'")
    found = assign_charges(Molecule.from_smiles("CC(=O)[O-]"), "nagl")
    assert abs(found.sum() + 1) < 1e-12  # rounding
    assert abs(found[2] - found[3]) < 1e-6  # the two oxygens, in single precision
    assert np.abs(assign_charges(METHANOL, "nagl") - PUBLISHED_AM1BCC).max() < 0.05
    ((name, about),) = nagl.identity().items()
    assert name.startswith("openff-gnn-am1bcc")
    assert len(about["sha256"]) == 64


@needs_sqm
def test_a_proton_that_am1_moves_is_noticed_and_unrelaxed_charges_are_those_of_the_molecule():
    """Beta-alanine's zwitterion: AM1 takes a proton from nitrogen to oxygen in the gas phase."""
    zwitterion = Molecule.from_smiles("[NH3+]CCC(=O)[O-]", "balanine").with_embedded_positions(seed=1)
    with pytest.raises(InputError, match=r"AM1 relaxes balanine to another molecule \(H\d+ has moved to O\d\)"):
        assign_charges(zwitterion, "am1bcc")
    found = assign_charges(zwitterion, "am1bcc-unrelaxed")
    ammonium = [0, 6, 7, 8]
    assert found[ammonium].sum() > 0.4
    assert abs(found.sum()) < 1e-9


@needs_sqm
def test_missing_libraries_of_sqm_are_named(tmp_path, monkeypatch):
    real = programs.find_program("antechamber")
    home = tmp_path / "amber"
    (home / "bin").mkdir(parents=True)
    wrapped = real.path.parent.name == "wrapped_progs"  # as in acpype; other wheels have scripts in bin
    amber = real.path.parents[2 if wrapped else 1]
    for folder in ("dat", "lib"):
        (home / folder).symlink_to(amber / folder)
    for name in ("antechamber", "atomtype", "bondtype", "am1bcc", "wrapped_progs"):
        program = amber / "bin" / name
        if program.exists():
            (home / "bin" / program.name).symlink_to(program)
    broken = home / "bin" / "sqm"
    broken.write_text(
        "#!/bin/sh\necho 'sqm: error while loading shared libraries: libgfortran.so.5: cannot open' >&2\nexit 127\n",
        encoding="utf-8",
    )
    broken.chmod(0o755)
    path = real.path if wrapped else home / "bin" / "antechamber"
    found = programs.Program(path, {**real.environment, "AMBERHOME": str(home)})
    monkeypatch.setattr(programs, "find_program", lambda name: found)
    with pytest.raises(MissingProgramError, match=r"libgfortran\.so\.5 is missing; .* libgfortran5, liblapack3"):
        charges.am1bcc_charges(METHANOL, METHANOL.positions)
