"""RESP charges: a restrained fit to the electrostatic potential of HF/6-31G*, in two stages.

Source: Bayly, Cieplak, Cornell, Kollman, J. Phys. Chem. 97, 10269 (1993), with the settings of AmberTools: charges
solve ``(A + restraint) q = B`` with ``A = Σ 1/(r_i r_j)``, ``B = Σ V/r_i`` over the points of four shells, in atomic
units, and the restraint ``a / sqrt(q² + b²)`` on the diagonal of ``A`` for every atom but hydrogen.

1. All atoms, ``a = 0.0005``. Symmetry-equivalent atoms are equal, except in methyl and methylene groups.
2. The carbons and hydrogens of methyl and methylene groups alone, ``a = 0.001``, now equivalent; all others stay.

The shells are those of Singh and Kollman, J. Comput. Chem. 5, 129 (1984): spheres of 1.4, 1.6, 1.8 and 2.0 times the
atoms' radii, of which the parts inside another atom's sphere are cut away. Here the cut is smooth, 0.4 Å wide, because
with a sharp one charges change by up to 0.04 e when the molecule is turned (by 0.003 e with this one). A point counts
as the area that it stands for [Å²], so that the restraints weigh as much as with the 1 point per Å² for which they were
made.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff import units
from hybridff.errors import InputError, MissingProgramError
from hybridff.molecules.molecule import Molecule

VERSION = 1
"""Changes whenever the charges may; part of the key under which they are kept."""

RADII = {1: 1.2, 6: 1.5, 7: 1.5, 8: 1.4, 9: 1.35, 15: 1.8, 16: 1.75, 17: 1.7, 35: 1.85, 53: 1.98}
"""Radii [Å] of Merz and Kollman as in Gaussian; those of Br and I are Bondi's."""

SHELLS = (1.4, 1.6, 1.8, 2.0)
DENSITY = 6.0
"""Points per Å² on a shell."""

CUT = 0.04
"""Width of the smooth cut where spheres meet [nm]."""

WEAK, STRONG, WIDTH = 0.0005, 0.001, 0.1
"""``a`` of the first and the second stage and ``b`` of both [e]."""

_BASIS = {"default": "6-31g*", "I": "def2-svp"}
_EFFECTIVE_CORES = {"I": "def2-svp"}
_FITTING_BASIS = "def2-universal-jkfit"
_CHUNK = 200


@dataclass(frozen=True, eq=False)
class Shells:
    """Points around a molecule [nm] and the area that each stands for [Å²]."""

    points: Float[np.ndarray, "points 3"]
    areas: Float[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class FitProblem:
    """Normal equations of a fit of charges to a potential, in atomic units, and what is known about the charges.

    ``classes`` numbers the unknowns: atoms of one class have one charge.
    """

    matrix: Float[np.ndarray, "atoms atoms"]
    vector: Float[np.ndarray, " atoms"]
    total: int
    classes: Int[np.ndarray, " atoms"]
    restrained: Bool[np.ndarray, " atoms"]


def resp_charges(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, " atoms"]:
    """Two-stage RESP charges [e] at one geometry [nm], which is taken as it is.

    The wave function is RHF/6-31G* (Cartesian d functions, density fitting; def2-SVP with its effective core for
    iodine). Raises ``InputError`` for an odd number of electrons, for elements without a radius and where the SCF does
    not converge, and ``MissingProgramError`` without PySCF.
    """
    check_resp(molecule)
    shells = place_shells(molecule.numbers, positions)
    potential = hartree_fock_potential(molecule, positions, shells.points)
    return two_stage_fit(molecule, positions, shells, potential)


def check_resp(molecule: Molecule) -> None:
    """Raise ``InputError`` where RESP charges are not defined for this molecule."""
    for atom, number in enumerate(molecule.numbers.tolist()):
        if number not in RADII:
            raise InputError(
                f"atom {atom + 1} of {molecule.name} is {molecule.symbols[atom]}, for which RESP has no radius; give "
                "the charges in a file."
            )
    electrons = int(molecule.numbers.sum()) - molecule.charge
    if electrons % 2:
        raise InputError(
            f"{molecule.name} has {electrons} electrons, an odd number; RESP charges are for closed shells only. "
            "Check its hydrogens and formal charges."
        )


def two_stage_fit(
    molecule: Molecule,
    positions: Float[np.ndarray, "atoms 3"],
    shells: Shells,
    potential: Float[np.ndarray, " points"],
) -> Float[np.ndarray, " atoms"]:
    """Both stages of RESP for a potential [Hartree/e] on shells around positions [nm]."""
    equivalent = molecule.equivalent_atoms()
    refit = in_methyl_or_methylene(molecule)
    free = np.where(refit, len(refit) + np.arange(len(refit)), equivalent)
    heavy = molecule.numbers > 1
    matrix, vector = normal_equations(positions, shells, potential)
    first = fit(FitProblem(matrix, vector, molecule.charge, free, heavy), WEAK, np.full(len(heavy), np.nan))
    if not refit.any():
        return first
    return fit(FitProblem(matrix, vector, molecule.charge, equivalent, heavy), STRONG, np.where(refit, np.nan, first))


def in_methyl_or_methylene(molecule: Molecule) -> Bool[np.ndarray, " atoms"]:
    """Carbons with four neighbours of which two or more are hydrogens, and these hydrogens."""
    member = np.zeros(len(molecule.numbers), dtype=bool)
    for atom, bonded in enumerate(molecule.neighbours):
        hydrogens = [other for other in bonded if molecule.numbers[other] == 1]
        if molecule.numbers[atom] == 6 and len(bonded) == 4 and len(hydrogens) >= 2:
            member[[atom, *hydrogens]] = True
    return member


def normal_equations(
    positions: Float[np.ndarray, "atoms 3"],
    shells: Shells,
    potential: Float[np.ndarray, " points"],
) -> tuple[Float[np.ndarray, "atoms atoms"], Float[np.ndarray, " atoms"]]:
    """``A`` and ``B`` of the fit [atomic units]; positions in nm, potential in Hartree/e."""
    distances = np.linalg.norm(shells.points[:, None] - positions, axis=-1) / units.BOHR
    inverse = 1 / distances
    weighted = inverse.T * shells.areas
    return weighted @ inverse, weighted @ potential


def fit(problem: FitProblem, strength: float, known: Float[np.ndarray, " atoms"]) -> Float[np.ndarray, " atoms"]:
    """Charges [e] that solve the restrained equations; ``known`` holds fixed charges, NaN where a charge is fitted."""
    fitted = np.isnan(known)
    names, columns = np.unique(problem.classes[fitted], return_inverse=True)
    spread = np.zeros((len(known), len(names)))
    spread[np.flatnonzero(fitted), columns] = 1.0
    fixed = np.where(fitted, 0.0, known)
    charges = fixed
    for _ in range(200):
        restraint = strength * problem.restrained / np.sqrt(charges**2 + WIDTH**2)
        matrix = problem.matrix + np.diag(restraint)
        right = np.append(spread.T @ (problem.vector - matrix @ fixed), problem.total - fixed.sum())
        constraint = spread.sum(axis=0)
        system = np.block([[spread.T @ matrix @ spread, constraint[:, None]], [constraint[None], np.zeros((1, 1))]])
        previous, charges = charges, fixed + spread @ np.linalg.solve(system, right)[:-1]
        if np.abs(charges - previous).max() < 1e-10:
            return charges
    raise InputError("the RESP fit does not converge; check the geometry for atoms that lie on top of each other.")


def place_shells(numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]) -> Shells:
    """All shells around positions [nm]; on each sphere the points follow a golden spiral."""
    radii = np.array([RADII[int(number)] for number in numbers]) * units.ANGSTROM
    shells = [shell(positions, scale * radii) for scale in SHELLS]
    return Shells(np.concatenate([s.points for s in shells]), np.concatenate([s.areas for s in shells]))


def shell(positions: Float[np.ndarray, "atoms 3"], radii: Float[np.ndarray, " atoms"]) -> Shells:
    """Points on the part of the spheres about some atoms that is outside all others, with their areas."""
    spheres = [center + radius * _golden_spiral(radius) for center, radius in zip(positions, radii, strict=True)]
    owner = np.repeat(np.arange(len(radii)), [len(sphere) for sphere in spheres])
    points = np.concatenate(spheres)
    outside = (np.linalg.norm(points[:, None] - positions, axis=-1) - radii) / CUT + 0.5
    outside[np.arange(len(points)), owner] = 1.0
    outside = np.clip(outside, 0.0, 1.0)
    areas = np.prod(outside**2 * (3 - 2 * outside), axis=1) / DENSITY
    return Shells(points[areas > 0], areas[areas > 0])


def _golden_spiral(radius: float) -> Float[np.ndarray, "n 3"]:
    """Unit vectors, evenly spread, as many as belong on a sphere of this radius [nm]."""
    count = round(4 * np.pi * (radius / units.ANGSTROM) ** 2 * DENSITY)
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    rho = np.sqrt(1 - z**2)
    return np.stack([rho * np.cos(angle), rho * np.sin(angle), z], axis=1)


def hartree_fock_potential(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], points: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    """Electrostatic potential [Hartree/e] of RHF/6-31G* at points [nm]."""
    try:
        from pyscf import gto, scf
    except ImportError as error:
        raise MissingProgramError(
            'RESP charges need PySCF; give charges in a file, or install it with: pip install "hybridff[qm]".'
        ) from error
    elements = set(molecule.symbols)
    mol = gto.M(
        atom=list(zip(molecule.symbols, (positions / units.BOHR).tolist(), strict=True)),
        unit="Bohr",
        basis={"default": _BASIS["default"], **{key: _BASIS[key] for key in elements & set(_BASIS)}},
        ecp={key: _EFFECTIVE_CORES[key] for key in elements & set(_EFFECTIVE_CORES)},
        charge=molecule.charge,
        cart=True,
        verbose=0,
    )
    mf = scf.RHF(mol).density_fit(_FITTING_BASIS)
    mf.conv_tol = 1e-9
    mf.kernel()
    if not mf.converged:
        mf = mf.newton()
        mf.kernel()
    if not mf.converged:
        raise InputError(
            f"the HF/6-31G* calculation of {molecule.name} (charge {molecule.charge:+d}) does not converge; check its "
            "geometry and charge, or give the charges in a file."
        )
    density = mf.make_rdm1()
    places = points / units.BOHR
    distances = np.linalg.norm(places[:, None] - mol.atom_coords(), axis=-1)
    nuclear = (mol.atom_charges() / distances).sum(axis=1)
    chunks = [places[start : start + _CHUNK] for start in range(0, len(places), _CHUNK)]
    electronic = [np.einsum("pij,ij->p", mol.intor("int1e_grids", grids=chunk), density) for chunk in chunks]
    return nuclear - np.concatenate(electronic)
