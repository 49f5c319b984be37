import importlib.util
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.gaff.table import ParameterTable, canonical, gaff_file, gaff_table, gaff_versions

FRCMOD = """made for this test
MASS
cx 12.01  0.360

BOND
c3-oh  300.0  1.40  same as c3-os, penalty score= 1.5

ANGLE
c3-c3-oh  50.0  90.0  same as c3-c3-os

DIHE
hc-c3-c3-oh  2  3.0  180.0  -2.0
hc-c3-c3-oh  1  1.0    0.0   3.0  a remark

IMPROPER
c3-o -c -oh  1.1  180.0  2.0  Using the default value

NONBON
  cx  1.9080  0.1094  same as c3

"""

DAT = """a small force field
c3 12.01  0.878
oh 16.00  0.465

c3  oh
c3-c3  100.0  1.50
c3-oh  200.0  1.60

c3-c3-oh  40.0  109.5

X -c3-c3-X   9  1.4   0.0   3.0
hc-c3-c3-X   1  0.5   0.0   1.0
c3-c3-c3-oh  1  0.25  0.0  -2.0
c3-c3-c3-oh  1  0.50 180.0  1.0

X -X -c -o   10.5  180.  2.
X -o -c -o    1.1  180.  2.

  hw  ow  0.  0.


MOD4      RE
  c3  2.0  0.5 remark
  ho  0.0  0.0

END
"""

KCAL = 4.184


@pytest.fixture
def small() -> ParameterTable:
    return ParameterTable.parse(DAT, "small.dat")


def test_values_are_converted_to_openmms_units_and_conventions(small: ParameterTable) -> None:
    bond, angle, atom = small.bond(("oh", "c3")), small.angle(("oh", "c3", "c3")), small.lennard_jones["c3"]
    assert bond is not None and angle is not None
    # AMBER writes K (r - r0)² in kcal/mol/Å², OpenMM k/2 (r - r0)² in kJ/mol/nm².
    assert bond.k == pytest.approx(2 * 200.0 * KCAL * 100)
    assert bond.r0 == pytest.approx(0.160)
    assert angle.k == pytest.approx(2 * 40.0 * KCAL)
    assert math.degrees(angle.theta0) == pytest.approx(109.5)
    # AMBER's radius is half the distance of the minimum, 2^(1/6) sigma.
    assert atom.sigma * 2 ** (1 / 6) == pytest.approx(2 * 0.20)
    assert atom.epsilon == pytest.approx(0.5 * KCAL)


def test_torsions_are_divided_and_their_terms_collected(small: ParameterTable) -> None:
    generic, specific = small.torsion(("f", "c3", "c3", "f")), small.torsion(("oh", "c3", "c3", "c3"))
    assert generic is not None and specific is not None
    assert [(term.periodicity, term.k) for term in generic] == [(3, pytest.approx(1.4 / 9 * KCAL))]
    assert [term.periodicity for term in specific] == [2, 1]
    assert [term.phase for term in specific] == [0.0, pytest.approx(math.pi)]


def test_specific_torsions_come_before_wildcards_and_fewer_wildcards_before_more(small: ParameterTable) -> None:
    partial = small.torsion(("f", "c3", "c3", "hc"))
    assert partial is not None
    assert [term.periodicity for term in partial] == [1]
    assert small.torsion(("f", "c3", "oh", "ho")) is None


def test_impropers_with_fewer_wildcards_come_first(small: ParameterTable) -> None:
    ester, ketone = small.improper(("o", "c3", "o"), "c"), small.improper(("c3", "c3", "o"), "c")
    assert ester is not None and ketone is not None
    assert ester.term.k == pytest.approx(1.1 * KCAL)
    assert ketone.term.k == pytest.approx(10.5 * KCAL)
    assert small.improper(("c3", "c3", "hc"), "c") is None


def test_the_rows_of_an_frcmod_replace_those_of_the_table(small: ParameterTable) -> None:
    merged = small.merged(ParameterTable.parse(FRCMOD, "my.frcmod"))
    bond, kept, torsion = merged.bond(("c3", "oh")), merged.bond(("c3", "c3")), merged.torsion(("oh", "c3", "c3", "hc"))
    assert bond is not None and kept is not None and torsion is not None
    assert bond.r0 == pytest.approx(0.140)
    assert kept.r0 == pytest.approx(0.150)
    assert [(term.periodicity, term.k) for term in torsion] == [(2, pytest.approx(1.5 * KCAL)), (3, KCAL)]
    assert merged.lennard_jones.keys() == {"c3", "ho", "cx"}
    assert small.lennard_jones.keys() == {"c3", "ho"}


def test_remarks_of_an_frcmod_are_kept_by_row(small: ParameterTable) -> None:
    assert small.remarks == {}
    assert dict(ParameterTable.parse(FRCMOD, "my.frcmod").remarks) == {
        "bond c3-oh": "same as c3-os, penalty score= 1.5",
        "angle c3-c3-oh": "same as c3-c3-os",
        "torsion hc-c3-c3-oh": "a remark",
        "improper c3-o-c-oh": "Using the default value",
        "Lennard-Jones cx": "same as c3",
    }


def test_an_atom_without_lennard_jones_energy_keeps_a_positive_sigma(small: ParameterTable) -> None:
    assert small.lennard_jones["ho"].epsilon == 0.0
    assert small.lennard_jones["ho"].sigma > 0.0


@pytest.mark.parametrize("version", gaff_versions())
def test_every_version_is_read_whole(version: str) -> None:
    table = gaff_table(version)
    assert len(table.bonds) > 700 and len(table.angles) > 4000 and len(table.torsions) > 600
    assert len(table.impropers) > 30 and len(table.lennard_jones) > 60


def test_a_number_may_run_into_the_text_behind_it() -> None:
    # gaff-1.8.dat: "c1-sh-hs   48.14       95.99calculated_based_on_C#C-SH"
    angle = gaff_table("gaff-1.8").angle(("hs", "sh", "c1"))
    assert angle is not None
    assert math.degrees(angle.theta0) == pytest.approx(95.99)


@pytest.mark.parametrize("version", ["gaff-2.2.20", "gaff-1.81"])
def test_bonds_angles_torsions_and_lennard_jones_are_those_of_openmmforcefields_ffxml(version: str) -> None:
    table = gaff_table(version)
    root = ET.parse(ffxml(version)).getroot()
    bonds = {canonical((row.attrib["class1"], row.attrib["class2"])): row.attrib for row in root.iter("Bond")}
    angles = {canonical(classes(row, 3)): row.attrib for row in root.iter("Angle")}
    torsions = {canonical(classes(row, 4)): row.attrib for row in root.iter("Proper")}
    atoms = {row.attrib["class"]: row.attrib for row in root.findall("NonbondedForce/Atom")}
    for water in {"hw", "ow"} - table.lennard_jones.keys():  # added to the ffxml of GAFF 2.2.20 by hand
        del atoms[water]
    assert (bonds.keys(), angles.keys()) == (table.bonds.keys(), table.angles.keys())
    assert (torsions.keys(), atoms.keys()) == (table.torsions.keys(), table.lennard_jones.keys())
    compare([table.bonds[key].r0 for key in bonds], [row["length"] for row in bonds.values()])
    compare([table.bonds[key].k for key in bonds], [row["k"] for row in bonds.values()])
    compare([table.angles[key].theta0 for key in angles], [row["angle"] for row in angles.values()])
    compare([table.angles[key].k for key in angles], [row["k"] for row in angles.values()])
    compare([table.lennard_jones[key].epsilon for key in atoms], [row["epsilon"] for row in atoms.values()])
    with_lj = [key for key in atoms if float(atoms[key]["epsilon"]) > 0]
    compare([table.lennard_jones[key].sigma for key in with_lj], [atoms[key]["sigma"] for key in with_lj])
    for key, row in torsions.items():
        expected = {int(row[f"periodicity{n}"]): (float(row[f"phase{n}"]), float(row[f"k{n}"])) for n in terms(row)}
        assert {term.periodicity for term in table.torsions[key]} == expected.keys()
        for term in table.torsions[key]:
            assert (term.phase, term.k) == pytest.approx(expected[term.periodicity], rel=1e-12)


def ffxml(version: str) -> Path:
    package = importlib.util.find_spec("openmmforcefields")
    assert package is not None and package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0])
    return folder / "ffxml" / "amber" / "gaff" / "ffxml" / f"{version}.xml"


def classes(row: ET.Element, count: int) -> tuple[str, ...]:
    return tuple(row.attrib[f"class{n}"] or "X" for n in range(1, count + 1))


def terms(row: dict[str, str]) -> list[int]:
    return [n for n in range(1, 7) if f"k{n}" in row]


def compare(actual: list[float], expected: list[str]) -> None:
    """The ffxml was converted from the same tables in double precision."""
    np.testing.assert_allclose(actual, [float(value) for value in expected], rtol=1e-12)


def test_an_unreadable_row_is_named_with_file_and_line() -> None:
    with pytest.raises(InputError, match=r"my.frcmod, line 6: expected 2 atom types and 2 numbers: c3-oh  many  1.40"):
        ParameterTable.parse(FRCMOD.replace("300.0", "many"), "my.frcmod")


def test_a_torsion_without_periodicity_is_refused() -> None:
    with pytest.raises(InputError, match=r"my.frcmod, line 13: the divisor or periodicity of a torsion is zero"):
        ParameterTable.parse(FRCMOD.replace("0.0   3.0", "0.0   0.0"), "my.frcmod")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither an AMBER \.dat nor an frcmod file"):
        ParameterTable.parse("hello\nworld\n", "letter.txt")
    with pytest.raises(InputError, match=r"none\.dat: the parameter table cannot be read \(No such file"):
        ParameterTable.read(tmp_path / "none.dat")


def test_versions_are_listed_where_one_is_unknown() -> None:
    with pytest.raises(InputError, match=r"unknown GAFF version '2\.2\.20'; known are .*gaff-1\.81.*gaff-2\.2\.20"):
        gaff_file("2.2.20")
