"""RESP: the points, the restrained fit, and charges from HF/6-31G*."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from hybridff import units
from hybridff.errors import InputError
from hybridff.gaff import resp
from hybridff.molecules.molecule import Molecule

ACETIC_ACID = Molecule.from_smiles("[C:1]([H:2])([H:3])([H:4])[C:5]([O:6][H:7])=[O:8]")
ACETIC_ACID_ANGSTROM = np.array(
    [
        [1.45051389, -0.06628932, 0.0],
        [1.75521613, -0.62865986, -0.87500146],
        [1.75521613, -0.62865986, 0.87500146],
        [1.92173244, 0.90485897, 0.0],
        [-0.04233122, 0.09849378, 0.0],
        [-0.67064817, -1.07620915, 0.0],
        [-1.60837259, -0.91016601, 0.0],
        [-0.62675864, 1.13160510, 0.0],
    ]
)
E_NM = 48.0320471
"""One e nm in Debye."""


def embedded(smiles):
    return Molecule.from_smiles(smiles).with_embedded_positions()


def potential_of(charges, positions, points):
    distances = np.linalg.norm(points[:, None] - positions, axis=-1) / units.BOHR
    return (charges / distances).sum(axis=1)


def noisy_problem(molecule, seed=0):
    """Charges, shells and the potential of the charges with noise: a fit with a residual, as from a wave function."""
    rng = np.random.default_rng(seed)
    shells = resp.place_shells(molecule.numbers, molecule.positions)
    charges = rng.normal(0, 0.4, len(molecule.numbers))
    charges += (molecule.charge - charges.sum()) / len(charges)
    potential = potential_of(charges, molecule.positions, shells.points)
    return charges, shells, potential + rng.normal(0, 0.002, len(potential))


def problem_of(molecule, shells, potential, classes):
    matrix, vector = resp.normal_equations(molecule.positions, shells, potential)
    return resp.FitProblem(matrix, vector, molecule.charge, classes, molecule.numbers > 1)


def all_free(molecule):
    return np.full(len(molecule.numbers), np.nan)


def test_points_lie_on_their_spheres_and_count_less_where_spheres_meet():
    molecule = embedded("CC(=O)N")
    shells = resp.place_shells(molecule.numbers, molecule.positions)
    radii = np.array([resp.RADII[n] for n in molecule.numbers]) * units.ANGSTROM
    distances = np.linalg.norm(shells.points[:, None] - molecule.positions, axis=-1)
    scales = distances[:, :, None] / radii[:, None] - np.array(resp.SHELLS)
    assert np.abs(scales).min(axis=(1, 2)).max() < 1e-12  # rounding
    assert shells.areas.min() > 0
    assert shells.areas.max() <= 1 / resp.DENSITY
    outermost = (distances / radii).min(axis=1) > resp.SHELLS[-1] - 1e-9
    clear = np.sort(distances - 2.0 * radii, axis=1)[:, 1] > resp.CUT / 2
    assert np.allclose(shells.areas[outermost & clear], 1 / resp.DENSITY, rtol=1e-12)


def test_the_points_of_a_lone_atom_cover_its_spheres_evenly():
    shells = resp.place_shells(np.array([8]), np.zeros((1, 3)))
    area = sum(4 * np.pi * (scale * 1.4) ** 2 for scale in resp.SHELLS)
    assert shells.areas.sum() == pytest.approx(area, abs=2 / resp.DENSITY)  # half a point for each shell
    assert np.abs(shells.points.mean(axis=0)).max() < 1e-3 * 0.14


def test_points_of_two_overlapping_spheres_cover_the_area_outside_both():
    distance, radius = 0.15, 1.4 * 0.14
    shells = resp.shell(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]]), np.full(2, radius))
    exact = 2 * 2 * np.pi * radius * (radius + distance / 2) * 100
    assert shells.areas.sum() == pytest.approx(exact, rel=0.01)  # the smooth cut is symmetric in first order only


def test_without_restraint_the_fit_returns_the_charges_that_made_the_potential():
    molecule = embedded("CC(=O)[O-]")
    charges, shells, _ = noisy_problem(molecule)
    problem = problem_of(molecule, shells, potential_of(charges, molecule.positions, shells.points), np.arange(7))
    found = resp.fit(problem, 0.0, all_free(molecule))
    assert np.abs(found - charges).max() < 1e-9  # conditioning of the equations, some 1e4, times 1e-16 and reserve


def test_without_restraint_the_fit_is_constrained_least_squares():
    molecule = embedded("NCCO")
    _, shells, potential = noisy_problem(molecule)
    count = len(molecule.numbers)
    found = resp.fit(problem_of(molecule, shells, potential, np.arange(count)), 0.0, all_free(molecule))
    inverse = units.BOHR / np.linalg.norm(shells.points[:, None] - molecule.positions, axis=-1)
    weight = np.sqrt(shells.areas)
    others = np.linalg.lstsq(weight[:, None] * (inverse[:, :-1] - inverse[:, -1:]), weight * potential, rcond=None)[0]
    assert np.abs(found - np.append(others, -others.sum())).max() < 1e-9


def test_the_restrained_fit_is_the_minimum_of_the_penalised_sum_of_squares():
    molecule = embedded("CO")
    _, shells, potential = noisy_problem(molecule)
    heavy = molecule.numbers > 1
    inverse = units.BOHR / np.linalg.norm(shells.points[:, None] - molecule.positions, axis=-1)
    strength = 0.05  # strong, so that the restraint shows

    def objective(others):
        charges = np.append(others, -others.sum())
        misfit = shells.areas @ (potential - inverse @ charges) ** 2
        return misfit + 2 * strength * np.sqrt(charges[heavy] ** 2 + resp.WIDTH**2).sum()

    expected = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    found = resp.fit(problem_of(molecule, shells, potential, np.arange(6)), strength, all_free(molecule))
    assert np.abs(found[:-1] - expected).max() < 1e-5  # of the numerical gradients
    unrestrained = resp.fit(problem_of(molecule, shells, potential, np.arange(6)), 0.0, all_free(molecule))
    assert np.abs(found - unrestrained).max() > 0.01


@pytest.mark.parametrize(
    ("smiles", "count"),
    [("CCO", 7), ("C=C", 0), ("c1ccccc1", 0), ("CC(C)C", 12), ("C[NH3+]", 4), ("C", 5), ("C1CC1", 9), ("C#N", 0)],
)
def test_only_methyl_and_methylene_groups_are_refitted(smiles, count):
    assert resp.in_methyl_or_methylene(Molecule.from_smiles(smiles)).sum() == count


@pytest.mark.parametrize("smiles", ["CCO", "CC(=O)[O-]", "C[NH3+]", "[NH3+]CC(=O)[O-]", "CC(C)(C)c1ccccc1", "ClCCCl"])
def test_equivalent_atoms_are_equal_and_the_sum_is_exact(smiles):
    molecule = embedded(smiles)
    _, shells, potential = noisy_problem(molecule)
    charges = resp.two_stage_fit(molecule, molecule.positions, shells, potential)
    classes = molecule.equivalent_atoms()
    for name in set(classes.tolist()):
        assert np.ptp(charges[classes == name]) == 0.0
    assert abs(charges.sum() - molecule.charge) < 1e-12  # rounding


def test_the_second_stage_leaves_polar_atoms_as_they_are():
    molecule = embedded("CCO")
    _, shells, potential = noisy_problem(molecule)
    charges = resp.two_stage_fit(molecule, molecule.positions, shells, potential)
    first = resp.fit(problem_of(molecule, shells, potential, np.arange(9)), resp.WEAK, all_free(molecule))
    polar = ~resp.in_methyl_or_methylene(molecule)
    assert polar.sum() == 2
    assert np.abs(charges[polar] - first[polar]).max() < 1e-9  # the first stage is iterated to 1e-10
    assert np.abs(charges[~polar] - first[~polar]).max() > 1e-3


def test_acetic_acid_agrees_with_published_charges():
    pytest.importorskip("pyscf")
    charges = resp.resp_charges(ACETIC_ACID, ACETIC_ACID_ANGSTROM * units.ANGSTROM)
    # R.E.D. III.5 with GAMESS, as quoted in the tests of github.com/cdsgroup/resp. Its surface has 1 point per Å² and
    # a sharp cut, with which charges change by 0.01 to 0.04 when the molecule is turned.
    published = [-0.290893, 0.098314, 0.098314, 0.098314, 0.803999, -0.661279, 0.453270, -0.600039]
    assert np.abs(charges - published).max() < 0.02


def test_charges_hardly_depend_on_how_the_molecule_is_turned():
    pytest.importorskip("pyscf")
    molecule = embedded("CO")
    turned = molecule.positions @ Rotation.from_euler("xyz", [0.4, 1.1, 2.0]).as_matrix().T
    difference = resp.resp_charges(molecule, molecule.positions) - resp.resp_charges(molecule, turned)
    assert np.abs(difference).max() < 0.005  # what the points leave; RESP charges are quoted to 0.01


def test_the_fitted_charges_reproduce_the_dipole_of_the_wave_function():
    gto, scf = pytest.importorskip("pyscf.gto"), pytest.importorskip("pyscf.scf")
    molecule = embedded("CC=O")
    shells = resp.place_shells(molecule.numbers, molecule.positions)
    potential = resp.hartree_fock_potential(molecule, molecule.positions, shells.points)
    free = resp.fit(problem_of(molecule, shells, potential, np.arange(7)), 0.0, all_free(molecule))
    atoms = list(zip(molecule.symbols, (molecule.positions / units.ANGSTROM).tolist(), strict=True))
    mf = scf.RHF(gto.M(atom=atoms, basis="6-31g*", cart=True, verbose=0)).run()
    exact = mf.dip_moment(unit="Debye", verbose=0)
    fitted = free @ molecule.positions * E_NM
    assert np.linalg.norm(fitted - exact) < 0.02 * np.linalg.norm(exact)  # point charges have no atomic dipoles
    two_stage = resp.two_stage_fit(molecule, molecule.positions, shells, potential)
    restrained = two_stage @ molecule.positions * E_NM
    assert np.linalg.norm(restrained - exact) < 0.1 * np.linalg.norm(exact)  # equal hydrogens cost some of it


def test_odd_numbers_of_electrons_are_refused():
    radical = dataclasses.replace(Molecule.from_smiles("CO"), total_charge=1)
    with pytest.raises(InputError, match="17 electrons, an odd number; RESP charges are for closed shells only"):
        resp.resp_charges(radical, np.zeros((6, 3)))


def test_elements_without_a_radius_are_refused():
    with pytest.raises(InputError, match=r"atom 1 of .* is Si, for which RESP has no radius"):
        resp.resp_charges(Molecule.from_smiles("[SiH4]"), np.zeros((5, 3)))


def test_atoms_on_top_of_each_other_are_refused():
    molecule = embedded("CO")
    _, shells, potential = noisy_problem(molecule)
    problem = problem_of(molecule, shells, np.full_like(potential, np.nan), np.arange(6))
    with pytest.raises(InputError, match="does not converge"):
        resp.fit(problem, resp.WEAK, all_free(molecule))
