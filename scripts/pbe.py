"""PBE/def2-SVP energies and forces of one closed-shell molecule with PySCF, on two integration grids.

The SCF equations are solved on the fine grid, but most iterations run on a coarse one: with ``V`` the Kohn-Sham
potential, they use ``V_coarse(D) + V_fine(D0) - V_coarse(D0)``, and ``D0`` is renewed until the orbital gradient *on
the fine grid* is below the tolerance. Energy and forces are those of the fine grid alone, so the coarse grid changes
the time and not the answer.
"""

import numpy as np
import pyscf
from ase.calculators.calculator import Calculator, all_changes
from jaxtyping import Float
from pyscf import dft, gto, lib
from pyscf.df.grad import rks as df_rks_grad
from pyscf.dispersion.dftd3 import DFTD3Dispersion
from pyscf.grad import rks as rks_grad

from hybridff import units

XC = "pbe"
BASIS = "def2-svp"
AUXILIARY_BASIS = "def2-universal-jfit"
FINE_GRID = 3
COARSE_GRID = 0
ORBITAL_GRADIENT = 2e-6
"""Largest norm of the orbital gradient [Hartree] that counts as converged."""

KCAL_MOL = units.HARTREE / units.KCAL_MOL
KCAL_MOL_ANGSTROM = KCAL_MOL / (units.BOHR / units.ANGSTROM)


def theory(dispersion: bool = True) -> str:
    return (
        f"PBE{'-D3(BJ)' if dispersion else ''}/def2-SVP (restricted Kohn-Sham, Coulomb density fitting with "
        f"{AUXILIARY_BASIS}, integration grid level {FINE_GRID} with grid response in the forces, orbital gradient "
        f"below {ORBITAL_GRADIENT:g} Hartree{', two-body D3(BJ)' if dispersion else ''}; PySCF {pyscf.__version__})"
    )


def energy_forces(
    symbols: tuple[str, ...], positions: Float[np.ndarray, "atoms 3"], dispersion: bool = True
) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kcal/mol] and forces [kcal/mol/Å] at positions [Å], with D3(BJ) or without."""
    mol = gto.M(atom=list(zip(symbols, positions.tolist(), strict=True)), basis=BASIS, verbose=0)
    mf = converged(mol)
    gradient = _Gradients(mf)
    gradient.grid_response = True
    energy, slope = mf.e_tot, gradient.kernel()
    if dispersion:
        d3 = DFTD3Dispersion(mol, XC, "d3bj", atm=False).get_dispersion(grad=True)
        energy, slope = energy + float(d3["energy"]), slope + d3["gradient"]
    return energy * KCAL_MOL, -slope * KCAL_MOL_ANGSTROM


def converged(mol: gto.Mole) -> dft.rks.RKS:
    """The Kohn-Sham solution on the fine grid."""
    fine, coarse = _kohn_sham(mol, FINE_GRID), _kohn_sham(mol, COARSE_GRID)
    fine.with_df = coarse.with_df.build()
    coarse._numint = _CachingNumInt()
    coarse.conv_tol, coarse.conv_tol_grad = 1e-5, 1e-3
    coarse.kernel()
    core = fine.get_hcore()
    for _ in range(10):
        density = coarse.make_rdm1()
        potential = fine.get_veff(mol, density)
        fock = core + potential
        gradient = np.linalg.norm(fine.get_grad(coarse.mo_coeff, coarse.mo_occ, fock))
        if gradient < ORBITAL_GRADIENT:
            fine.mo_coeff, fine.mo_occ = coarse.mo_coeff, coarse.mo_occ
            fine.mo_energy = np.einsum("pi,pq,qi->i", fine.mo_coeff, fock, fine.mo_coeff)
            fine.e_tot = fine.energy_tot(density, core, potential)
            fine.converged = True
            return fine
        coarse.shift = potential - coarse.bare_veff(mol, density)
        coarse.conv_tol, coarse.conv_tol_grad = 1e-9, max(0.3 * ORBITAL_GRADIENT, 0.01 * gradient)
        coarse.kernel(dm0=density)
    raise RuntimeError(f"no SCF convergence: the orbital gradient is still {gradient:.1e}")


class _ShiftedRKS(dft.rks.RKS):
    """Kohn-Sham with a constant matrix added to the potential."""

    shift: np.ndarray | float = 0.0
    _keys = {"shift"}  # noqa: RUF012 (PySCF reads the names of new attributes from here)

    def bare_veff(self, *args, **kwargs):
        return super().get_veff(*args, **kwargs)

    def get_veff(self, mol=None, dm=None, *args, **kwargs):
        dm = self.make_rdm1() if dm is None else dm
        veff = self.bare_veff(mol, dm, *args, **kwargs)
        linear = float(np.sum(self.shift * np.asarray(dm)))
        return lib.tag_array(veff + self.shift, ecoul=veff.ecoul, exc=veff.exc + linear, vj=veff.vj, vk=veff.vk)


class _CachingNumInt(dft.numint.NumInt):
    """Numerical integration that evaluates the orbitals on a small grid once."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    def eval_ao(self, mol, coords, deriv=0, shls_slice=None, non0tab=None, cutoff=None, out=None, verbose=None):
        key = (deriv, coords[0].tobytes(), len(coords))
        if key not in self.kept:
            self.kept[key] = dft.numint.eval_ao(mol, coords, deriv, shls_slice, non0tab, cutoff)
        return self.kept[key]


class _Gradients(df_rks_grad.Gradients):
    """Kohn-Sham gradients whose exchange-correlation part is contracted with the density at once.

    PySCF's own way, through matrices of integrals of derivatives, gives the same numbers in twice the time.
    """

    def get_veff(self, mol, density):
        coulomb = self.get_j(mol, density)
        xc = xc_gradient(self.base, np.asarray(density))
        return lib.tag_array(coulomb, exc1_grid=xc, aux=coulomb.aux.sum(axis=(0, 1)))


def xc_gradient(mf: dft.rks.RKS, density: Float[np.ndarray, "ao ao"]) -> Float[np.ndarray, "atoms 3"]:
    """Derivative [Hartree/Bohr] of the exchange-correlation energy, whose grid moves with the atoms.

    Source: Johnson, Gill, Pople, J. Chem. Phys. 98, 5612 (1993).
    """
    mol, integrator = mf.mol, mf._numint
    gradient = np.zeros((mol.natm, 3))
    owner = np.repeat(np.arange(mol.natm), np.diff(mol.aoslice_by_atom()[:, 2:]).ravel())
    second = ((4, 5, 6), (5, 7, 8), (6, 8, 9))
    for atom, (points, weights, weight_gradients) in enumerate(rks_grad.grids_response_cc(mf.grids)):
        ao = dft.numint.eval_ao(mol, points, deriv=2, non0tab=dft.gen_grid.make_mask(mol, points))
        ao = ao.transpose(0, 2, 1)
        dressed = density @ ao[0]
        rho = np.einsum("cig,ig->cg", ao[:4], dressed)
        rho[1:] *= 2
        energy, potential = integrator.eval_xc_eff(XC, rho, 1, xctype="GGA")[:2]
        gradient += np.einsum("g,axg->ax", energy * rho[0], weight_gradients)
        weighted = weights * potential
        weighted[0] *= 0.5
        other = density @ np.einsum("cg,cig->ig", weighted, ao[:4])
        for x in range(3):
            mixed = weighted[0] * ao[1 + x]
            for c in range(3):
                mixed += weighted[1 + c] * ao[second[x][c]]
            per_orbital = np.einsum("ig,ig->i", ao[1 + x], other) + np.einsum("ig,ig->i", mixed, dressed)
            gradient[:, x] -= 2 * np.bincount(owner, per_orbital, mol.natm)
            gradient[atom, x] += 2 * per_orbital.sum()
    return gradient


def _kohn_sham(mol: gto.Mole, level: int) -> _ShiftedRKS:
    mf = _ShiftedRKS(mol, xc=XC).density_fit(auxbasis=AUXILIARY_BASIS)
    mf.grids.level = level
    mf.max_cycle = 100
    return mf


class PBE(Calculator):
    """The same in ASE's units, for ``pbe:PBE`` as a method of ``hybridff analyse``; without D3(BJ) if not asked for."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's name)

    def __init__(self, dispersion: bool = False) -> None:
        super().__init__()
        self._dispersion = dispersion

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Energy [eV] and forces [eV/Å]."""
        super().calculate(atoms, properties, system_changes)
        energy, forces = energy_forces(tuple(self.atoms.symbols), self.atoms.positions, self._dispersion)
        kcal = units.KCAL_MOL / units.EV
        self.results = {"energy": energy * kcal, "forces": forces * kcal}
