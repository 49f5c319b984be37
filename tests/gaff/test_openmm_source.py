import itertools
import warnings

import numpy as np
import openmm
import pytest
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.openmm_source import class_one_from_openmm, class_one_from_prmtop
from hybridff.molecules.molecule import Molecule


def formamide() -> Molecule:
    return Molecule.from_smiles("NC=O", "formamide").with_embedded_positions(seed=1)


def class_one_system(molecule: Molecule, seed: int = 0) -> openmm.System:
    """A System with random class I parameters for every term of the molecule, one improper and scaled 1-4 pairs."""
    random = np.random.default_rng(seed)
    system = openmm.System()
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    torsions, nonbonded = openmm.PeriodicTorsionForce(), openmm.NonbondedForce()
    for symbol in molecule.symbols:
        system.addParticle(app.Element.getBySymbol(symbol).mass)
    charges = random.normal(size=len(molecule.numbers)).round(3)
    charges[-1] -= charges.sum()
    for charge, symbol in zip(charges, molecule.symbols, strict=True):
        nonbonded.addParticle(charge, 0.1 if symbol == "H" else 0.3, 0.2)
    for i, j in molecule.bonds.tolist():
        bonds.addBond(i, j, random.uniform(0.1, 0.15), 2e5)
    for centre, around in enumerate(molecule.neighbours):
        for i, j in itertools.combinations(around, 2):
            angles.addAngle(i, centre, j, random.uniform(1.8, 2.2), 400.0)
    for j, k in molecule.bonds.tolist():
        for i, m in itertools.product(molecule.neighbours[j], molecule.neighbours[k]):
            if i not in (k, m) and m != j:
                torsions.addTorsion(i, j, k, m, 2, np.pi, 10.0)
                torsions.addTorsion(i, j, k, m, 1, 0.0, 2.0)
    improper = next(atom for atom, around in enumerate(molecule.neighbours) if len(around) == 3)
    i, j, m = molecule.neighbours[improper]
    torsions.addTorsion(i, j, improper, m, 2, np.pi, 4.6)
    nonbonded.createExceptionsFromBonds(molecule.bonds.tolist(), 1 / 1.2, 0.5)
    for force in (bonds, angles, torsions, nonbonded, openmm.CMMotionRemover()):
        system.addForce(force)
    return system


def rebuilt(parameters: ClassOneParameters, masses: list[float]) -> openmm.System:
    system = openmm.System()
    for mass in masses:
        system.addParticle(mass)
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    torsions, nonbonded = openmm.PeriodicTorsionForce(), openmm.NonbondedForce()
    p = parameters
    for pair, r0, k in zip(p.bonds.atoms.tolist(), p.bonds.r0, p.bonds.k, strict=True):
        bonds.addBond(*pair, r0, k)
    for triple, theta0, k in zip(p.angles.atoms.tolist(), p.angles.theta0, p.angles.k, strict=True):
        angles.addAngle(*triple, theta0, k)
    t = p.torsions
    for four, n, phase, k in zip(t.atoms.tolist(), t.periodicity.tolist(), t.phase, t.k, strict=True):
        torsions.addTorsion(*four, n, phase, k)
    nb = p.nonbonded
    for row in zip(nb.charge, nb.sigma, nb.epsilon, strict=True):
        nonbonded.addParticle(*row)
    rows = zip(
        nb.exceptions.tolist(), nb.exception_charge_product, nb.exception_sigma, nb.exception_epsilon, strict=True
    )
    for (i, j), product, sigma, epsilon in rows:
        nonbonded.addException(i, j, product, sigma, epsilon)
    for force in (bonds, angles, torsions, nonbonded):
        system.addForce(force)
    return system


def energies(system: openmm.System, geometries: np.ndarray) -> np.ndarray:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    found = []
    for positions in geometries:
        context.setPositions(positions)
        found.append(context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
    return np.array(found)


def masses(molecule: Molecule) -> list[float]:
    return [app.Element.getBySymbol(symbol).mass.value_in_unit(unit.dalton) for symbol in molecule.symbols]


def distorted(molecule: Molecule, count: int = 5) -> np.ndarray:
    assert molecule.positions is not None
    return molecule.positions + np.random.default_rng(3).normal(scale=0.01, size=(count, *molecule.positions.shape))


def prmtop_of(molecule: Molecule, system: openmm.System, path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parmed = pytest.importorskip("parmed", reason="ParmEd writes the prmtop of this test")
        structure = parmed.openmm.load_topology(
            molecule.to_openmm_topology(), system, molecule.positions * unit.nanometer
        )
        for torsion in structure.dihedrals:
            torsion.improper = torsion.atom3 not in torsion.atom2.bond_partners or (
                torsion.atom1 not in torsion.atom2.bond_partners
            )
        structure.save(str(path), overwrite=True)


def test_a_system_rebuilt_from_the_parameters_has_the_same_energies():
    molecule = formamide()
    system = class_one_system(molecule)
    parameters = class_one_from_openmm(system, molecule.to_openmm_topology())
    expected = energies(system, distorted(molecule))
    # the same numbers go into the same kernels
    np.testing.assert_allclose(
        energies(rebuilt(parameters, masses(molecule)), distorted(molecule)), expected, rtol=1e-12
    )
    assert np.ptp(expected) > 1.0


def test_a_system_read_from_a_prmtop_has_the_energies_that_openmm_gives_it(tmp_path):
    molecule = formamide()
    prmtop_of(molecule, class_one_system(molecule), tmp_path / "formamide.prmtop")
    parameters = class_one_from_prmtop(tmp_path / "formamide.prmtop")
    reference = app.AmberPrmtopFile(str(tmp_path / "formamide.prmtop")).createSystem(removeCMMotion=False)
    expected = energies(reference, distorted(molecule))
    np.testing.assert_allclose(
        energies(rebuilt(parameters, masses(molecule)), distorted(molecule)), expected, rtol=1e-12
    )
    assert len(parameters.types) == len(molecule.numbers)
    assert parameters.torsions.improper.sum() == 1
    assert "formamide.prmtop" in parameters.source


def test_impropers_are_told_from_propers_by_the_bonds():
    molecule = formamide()
    torsions = class_one_from_openmm(class_one_system(molecule), molecule.to_openmm_topology()).torsions
    (improper,) = torsions.atoms[torsions.improper].tolist()
    assert {improper[0], improper[1], improper[3]} == set(molecule.neighbours[improper[2]])
    assert len(torsions.improper) > 1


def test_equivalent_atoms_of_a_system_have_the_same_type():
    molecule = Molecule.from_smiles("CC", "ethane").with_embedded_positions()
    system = openmm.System()
    nonbonded, bonds = openmm.NonbondedForce(), openmm.HarmonicBondForce()
    for _ in molecule.numbers:
        system.addParticle(1.0)
        nonbonded.addParticle(0.0, 0.1, 0.0)
    for i, j in molecule.bonds.tolist():
        bonds.addBond(i, j, 0.1, 1000.0)
    system.addForce(nonbonded)
    system.addForce(bonds)
    types = class_one_from_openmm(system, molecule.to_openmm_topology()).types
    assert len(set(types)) == 2
    assert types[0] == types[1]


def constrained(system: openmm.System) -> None:
    system.addConstraint(0, 1, 0.14)


def with_implicit_solvent(system: openmm.System) -> None:
    force = openmm.GBSAOBCForce()
    for _ in range(system.getNumParticles()):
        force.addParticle(0.0, 0.1, 1.0)
    system.addForce(force)


def with_a_virtual_site(system: openmm.System) -> None:
    system.setVirtualSite(5, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))


def with_urey_bradley(system: openmm.System) -> None:
    force = openmm.HarmonicBondForce()
    force.addBond(0, 2, 0.2, 100.0)
    system.addForce(force)


def without_nonbonded(system: openmm.System) -> None:
    system.removeForce(3)


def without_bonds(system: openmm.System) -> None:
    system.removeForce(0)


def alchemical(system: openmm.System) -> None:
    system.getForce(3).addGlobalParameter("lambda", 1.0)
    system.getForce(3).addParticleParameterOffset("lambda", 0, 1.0, 0.0, 0.0)


def with_one_more_particle(system: openmm.System) -> None:
    system.addParticle(1.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (constrained, r"1 constraints \(the first on N1-C2\).*constraints=None"),
        (with_implicit_solvent, "has a GBSAOBCForce"),
        (with_a_virtual_site, "atom H6 of the System is a virtual site"),
        (with_urey_bradley, "harmonic bond N1-O3 that the topology has not"),
        (without_nonbonded, "0 NonbondedForce objects"),
        (without_bonds, "no harmonic bond for N1-C2"),
        (alchemical, "parameter offsets"),
        (with_one_more_particle, "7 particles but its topology 6 atoms"),
    ],
)
def test_what_class_one_cannot_express_is_refused_by_name(spoil, message):
    molecule = formamide()
    system = class_one_system(molecule)
    spoil(system)
    with pytest.raises(InputError, match=message):
        class_one_from_openmm(system, molecule.to_openmm_topology())


def test_a_topology_of_two_molecules_is_refused():
    molecule = formamide()
    topology = molecule.to_openmm_topology()
    topology.addAtom("AR", app.Element.getBySymbol("Ar"), topology.addResidue("AR", topology.addChain()))
    with pytest.raises(InputError, match="2 separate parts"):
        class_one_from_openmm(class_one_system(molecule), topology)


def test_a_prmtop_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        class_one_from_prmtop(tmp_path / "missing.prmtop")
    (tmp_path / "bad.prmtop").write_text("hello\n", encoding="utf-8")
    with pytest.raises(InputError, match="not an AMBER prmtop"):
        class_one_from_prmtop(tmp_path / "bad.prmtop")


def test_a_prmtop_gives_elements_bonds_and_total_charge(tmp_path):
    molecule = formamide()
    system = class_one_system(molecule)
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    charge, sigma, epsilon = nonbonded.getParticleParameters(0)
    nonbonded.setParticleParameters(0, charge + charge.__class__(1.0, charge.unit), sigma, epsilon)
    prmtop_of(molecule, system, tmp_path / "formamide.prmtop")
    read = Molecule.read(tmp_path / "formamide.prmtop")
    assert read.charge == 1
    assert read.name == "formamide"
    np.testing.assert_array_equal(read.numbers, molecule.numbers)
    assert {frozenset(b) for b in read.bonds.tolist()} == {frozenset(b) for b in molecule.bonds.tolist()}
