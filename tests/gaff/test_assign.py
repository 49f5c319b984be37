import importlib.util
import io
from pathlib import Path

import numpy as np
import openmm
import pytest
from amber_reference import Reference, class_one_system, openmm_energies_forces, reference, references
from openmm import app

from hybridff.errors import InputError, MissingParameterError
from hybridff.gaff.assign import class_one, gaff_parameters, list_impropers, special_pairs
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.openmm_native import numbers
from hybridff.gaff.table import ParameterTable, gaff_table
from hybridff.molecules.graph import angle_atoms, torsion_atoms
from hybridff.molecules.molecule import Molecule

FAST = (
    "ethanol",
    "aspirin",
    "cyclopropane",
    "cyclobutane",
    "cubane",
    "aziridine",
    "toluene",
    "azulene",
    "acetic_anhydride",
    "dimethyl_sulfoxide",
    "methyl_azide",
    "butatriene",
    "methyl_phosphate_dianion",
    "histidine_zwitterion",
    "EMIM",
    "N-methylpyridinium",
)
"""Small rings, cumulenes, ions, and each of tleap's peculiarities."""


@pytest.fixture(autouse=True)
def session_cache(common_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(common_cache))


def parameters_of(smiles: str, version: str = "gaff-2.2.20") -> ClassOneParameters:
    molecule = Molecule.from_smiles(smiles)
    return gaff_parameters(molecule, np.zeros(len(molecule.numbers)), version)


@pytest.mark.parametrize(
    "entry",
    [pytest.param(entry, marks=() if entry.name in FAST else pytest.mark.slow) for entry in references()],
    ids=str,
)
def test_agrees_with_amber_term_by_term(entry: Reference) -> None:
    molecule = Molecule.from_smiles(entry.smiles, entry.name)
    parameters = gaff_parameters(molecule, entry.charges, entry.version)
    assert parameters.types == entry.types
    energies, forces = openmm_energies_forces(class_one_system(parameters), entry.positions)
    # prmtop files carry 9 digits: single terms agree to 1e-8, more than their near-zero sums can show.
    np.testing.assert_allclose(energies, entry.energies, rtol=1e-6, atol=0)
    assert np.linalg.norm(forces - entry.forces) <= 1e-7 * np.linalg.norm(entry.forces)


def test_the_reference_covers_200_molecules_in_both_versions_and_says_what_failed() -> None:
    assert len({entry.name for entry in references() if entry.version == "gaff-2.2.20"}) >= 200
    assert len({entry.name for entry in references() if entry.version == "gaff-1.81"}) >= 100
    with np.load(Path(__file__).with_name("prmtop_reference.npz"), allow_pickle=False) as archive:
        assert set(archive["failed_names"]) == {"tetramethylsilane", "phenylboronic_acid", "dimethyl_selenide"}
        assert all("no atom type" in reason for reason in archive["failed_reasons"])


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("ethanol", "gaff-2.2.20"),
        ("benzene", "gaff-2.2.20"),
        ("18-crown-6", "gaff-2.2.20"),
        ("dimethyl_sulfoxide", "gaff-2.2.20"),  # where tleap's own torsions had to be mended
        ("methyl_diphosphate", "gaff-2.2.20"),
        ("ethanol", "gaff-1.81"),
        ("alanine_dipeptide", "gaff-1.81"),
        ("fructofuranose", "gaff-1.81"),
        ("DABCO", "gaff-1.81"),
    ],
)
def test_agrees_with_the_ffxml_of_openmmforcefields(name: str, version: str) -> None:
    entry = reference(name, version)
    molecule = Molecule.from_smiles(entry.smiles)
    parameters = gaff_parameters(molecule, entry.charges, version)
    assert parameters.estimated == (), "the ffxml has no estimated parameters"
    system = ffxml_system(molecule, parameters, version)
    expected = openmm_energies_forces(system, entry.positions)
    actual = openmm_energies_forces(class_one_system(parameters), entry.positions)
    # Both are in double precision; the ffxml was made from the same tables with 16 digits.
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-9, atol=1e-6)


def ffxml_system(molecule: Molecule, parameters: ClassOneParameters, version: str) -> openmm.System:
    """OpenMM's own assignment of GAFF from its XML file, with types and charges given in a residue template."""
    topology = molecule.to_openmm_topology()
    atoms = list(topology.atoms())
    rows = [
        f'<Atom name="{atom.name}" type="{kind}" charge="{charge!r}"/>'
        for atom, kind, charge in zip(atoms, parameters.types, parameters.nonbonded.charge.tolist(), strict=True)
    ]
    rows += [f'<Bond atomName1="{bond[0].name}" atomName2="{bond[1].name}"/>' for bond in topology.bonds()]
    residue = f'<ForceField><Residues><Residue name="MOL">{"".join(rows)}</Residue></Residues></ForceField>'
    package = importlib.util.find_spec("openmmforcefields")
    assert package is not None and package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "ffxml" / "amber" / "gaff" / "ffxml"
    field = app.ForceField(str(folder / f"{version}.xml"), io.StringIO(residue))
    system = field.createSystem(topology, nonbondedMethod=app.NoCutoff, removeCMMotion=False)
    kinds = [openmm.HarmonicBondForce, openmm.HarmonicAngleForce, openmm.PeriodicTorsionForce, openmm.NonbondedForce]
    for force in system.getForces():
        force.setForceGroup(kinds.index(type(force)))
    return system


def test_the_order_of_bonds_and_torsion_rows_is_that_of_the_molecule() -> None:
    molecule = Molecule.from_smiles("CCO")
    parameters = parameters_of("CCO")
    np.testing.assert_array_equal(parameters.bonds.atoms, molecule.bonds)
    assert not parameters.torsions.improper.any()
    assert parameters.source.startswith("gaff-2.2.20")


def test_types_follow_the_atoms_when_they_are_renumbered() -> None:
    molecule = Molecule.from_smiles("[H:1][O:3][C:2]([H:4])([H:5])[C:9]([H:6])([H:7])[H:8]")
    parameters = gaff_parameters(molecule, np.zeros(9))
    assert parameters.types == ("ho", "c3", "oh", "h1", "h1", "hc", "hc", "hc", "c3")


def test_the_centre_of_an_improper_stands_third_and_the_other_types_are_sorted() -> None:
    parameters = parameters_of("NC=O")
    impropers = parameters.torsions.atoms[parameters.torsions.improper]
    types = [[parameters.types[atom] for atom in row] for row in impropers.tolist()]
    assert types == [["c", "hn", "nt", "hn"], ["h5", "nt", "c", "o"]]


def test_the_first_improper_of_an_unsorted_row_keeps_the_order_of_the_row() -> None:
    parameters = parameters_of("Cc1ccc(C)cc1")
    impropers = parameters.torsions.atoms[parameters.torsions.improper].tolist()
    types = [[parameters.types[atom] for atom in row] for row in impropers]
    assert [row for row in types if "c3" in row] == [["ca", "ca", "ca", "c3"], ["c3", "ca", "ca", "ca"]]


@pytest.mark.parametrize(
    ("smiles", "angles", "torsions", "pairs14"),
    [
        ("C1CC1", 18, 24, 12),  # the ring's own atoms are all 1-2 pairs
        ("C1CCC1", 24, 36, 24),  # ring torsions exist, but their ends are bonded
        ("C1CCCC1", 30, 45, 40),  # the ends of ring torsions are 1-3 pairs
        ("C1CCCCC1", 36, 54, 51),  # the ends of two ring torsions are one pair
    ],
)
def test_rings_give_each_interaction_once(smiles: str, angles: int, torsions: int, pairs14: int) -> None:
    molecule = Molecule.from_smiles(smiles)
    near, far = special_pairs(molecule)
    assert len(angle_atoms(molecule)) == angles
    assert len(torsion_atoms(molecule)) == torsions
    assert len(far) == pairs14
    assert not set(near) & set(far)


def test_a_tetrahedral_atom_offers_four_impropers_and_a_planar_one() -> None:
    neighbours = Molecule.from_smiles("C").neighbours
    assert list_impropers(neighbours) == [(1, 2, 0, 3), (1, 2, 0, 4), (1, 3, 0, 4), (2, 3, 0, 4)]


@pytest.mark.parametrize("name", ["cubane", "bicyclobutane", "morphine", "18-crown-6", "aspirin"])
def test_exceptions_are_those_that_openmm_makes_from_the_bonds(name: str) -> None:
    entry = reference(name)
    molecule = Molecule.from_smiles(entry.smiles)
    nonbonded = gaff_parameters(molecule, entry.charges).nonbonded
    force = openmm.NonbondedForce()
    for atom in zip(nonbonded.charge, nonbonded.sigma, nonbonded.epsilon, strict=True):
        force.addParticle(*atom)
    force.createExceptionsFromBonds(molecule.bonds.tolist(), 1 / 1.2, 0.5)
    expected = {}
    for row in range(force.getNumExceptions()):
        i, j, product, sigma, epsilon = force.getExceptionParameters(row)
        expected[min(i, j), max(i, j)] = numbers((product, sigma, epsilon))
    pairs = [tuple(pair) for pair in nonbonded.exceptions.tolist()]
    assert sorted(pairs) == sorted(expected)
    actual = np.column_stack(
        [nonbonded.exception_charge_product, nonbonded.exception_sigma, nonbonded.exception_epsilon]
    )
    np.testing.assert_allclose(actual, [expected[pair] for pair in pairs], rtol=1e-12)  # rounding of double precision


def test_every_estimated_parameter_is_reported() -> None:
    estimated = parameters_of("CC(C)=NNC(=S)N").estimated
    assert "The torsion c2-n2-ns-cs is estimated by parmchk2: same as c2-n2-ns-c, penalty score 0.0." in estimated
    assert "The improper c3-c3-c2-n2 is estimated by parmchk2: using the default value." in estimated
    assert parameters_of("CCO").estimated == ()


def test_missing_parameters_name_the_types_and_the_atoms() -> None:
    molecule = Molecule.from_smiles("CO", "methanol")
    table = gaff_table("gaff-2.2.20")
    angles = {key: row for key, row in table.angles.items() if key != ("c3", "oh", "ho")}
    lacking = ParameterTable("my.dat", table.bonds, angles, lennard_jones=table.lennard_jones)
    sentence = r"my.dat has no angle parameters for the types c3-oh-ho \(atoms C1, O2, H6 of methanol\); add a row"
    with pytest.raises(MissingParameterError, match=sentence):
        class_one(molecule, ("c3", "oh", "h1", "h1", "h1", "ho"), lacking, np.zeros(6))


def test_what_parmchk2_cannot_estimate_is_missing() -> None:
    sentence = (
        r"gaff-2.2.20 \(with parmchk2's estimates\) has no angle parameters for the types o-cl-o \(atoms O1, Cl2, O3"
    )
    with pytest.raises(MissingParameterError, match=sentence):
        gaff_parameters(Molecule.from_smiles("[O-]Cl(=O)(=O)=O", "perchlorate"), np.zeros(5))


def test_a_single_ion_has_charge_and_lennard_jones_only() -> None:
    parameters = gaff_parameters(Molecule.from_smiles("[Cl-]"), np.array([-1.0]))
    assert parameters.types == ("cl",)
    assert [len(rows.k) for rows in (parameters.bonds, parameters.angles, parameters.torsions)] == [0, 0, 0]
    assert parameters.nonbonded.exceptions.shape == (0, 2)


@pytest.mark.parametrize("charges", [np.zeros(8), np.full(9, np.nan)], ids=["too few", "nan"])
def test_unusable_charges_are_refused(charges: np.ndarray) -> None:
    with pytest.raises(InputError, match="charges of ethanol must be 9 finite numbers"):
        gaff_parameters(Molecule.from_smiles("CCO", "ethanol"), charges)


def test_a_hydroxyl_hydrogen_without_lennard_jones_keeps_a_positive_sigma() -> None:
    nonbonded = parameters_of("CO", "gaff-1.81").nonbonded
    assert nonbonded.epsilon[-1] == 0.0
    assert nonbonded.sigma.min() > 0.0
