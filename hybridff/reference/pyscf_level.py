"""Kohn-Sham energies and forces of one closed-shell molecule by PySCF, on two integration grids.

The SCF equations are solved on the fine grid, but most iterations run on a coarse one: with ``V`` the Kohn-Sham
potential, they use ``V_coarse(D) + V_fine(D0) - V_coarse(D0)``, and ``D0`` is renewed until the orbital gradient *on
the fine grid* is below the tolerance. Energy and forces are those of the fine grid alone, so the coarse grid changes
the time and not the answer. Needs the extra ``hybridff[reference]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyscf
from jaxtyping import Float
from pyscf import dft, gto, lib
from pyscf.df.grad import rks as df_rks_grad
from pyscf.grad import rks as rks_grad

from hybridff.errors import InputError, MissingProgramError
from hybridff.export.calculator import MoleculeCalculator
from hybridff.reference.level import with_version
from hybridff.units import ANGSTROM, BOHR, HARTREE

AUXILIARY_BASIS = "def2-universal-jfit"
"""Basis of the density fitting."""
COARSE_GRID = 0
"""PySCF's level of the grid that most iterations run on."""


@dataclass(frozen=True, kw_only=True)
class PySCFLevel:
    """A level of theory: a functional of density and gradient, restricted Kohn-Sham, Coulomb density fitting."""

    functional: str = "PBE"
    """Functional of the density and its gradient, by PySCF's name."""
    basis: str = "def2-SVP"
    """Basis of the orbitals."""
    grid: int = 3
    """PySCF's level of the fine integration grid."""
    orbital_gradient: float = 2e-6
    """Largest norm of the orbital gradient that counts as converged [Hartree]."""
    dispersion: bool = True
    """Whether two-body D3(BJ) is added."""

    def __post_init__(self) -> None:
        if dft.libxc.xc_type(self.functional) != "GGA" or dft.libxc.is_hybrid_xc(self.functional):
            raise InputError(f"the functional {self.functional} is no plain GGA, which these forces are made for.")

    @property
    def settings(self) -> str:
        """The level in words, but for the version of PySCF."""
        return (
            f"{self.functional}{'-D3(BJ)' if self.dispersion else ''}/{self.basis} (restricted Kohn-Sham, Coulomb "
            f"density fitting with {AUXILIARY_BASIS}, integration grid level {self.grid} with grid response in the "
            f"forces, orbital gradient below {self.orbital_gradient:g} Hartree"
            f"{', two-body D3(BJ)' if self.dispersion else ''})"
        )

    @property
    def theory(self) -> str:
        """The level in words, with all that its energies depend on."""
        return with_version(self.settings, f"PySCF {pyscf.__version__}")


def energy_forces(
    symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], level: PySCFLevel, *, charge: int = 0
) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm], for a total charge [e].

    Raises ``InputError`` where the equations do not converge, ``MissingProgramError`` without pyscf-dispersion.
    """
    mol = _molecule(symbols, positions, level, charge)
    mf = _converged(mol, level)
    gradient = _Gradients(mf)
    gradient.grid_response = True
    found, slope = mf.e_tot, gradient.kernel()
    if level.dispersion:
        correction, correction_slope = _dispersion(mol, level)
        found, slope = found + correction, slope + correction_slope
    return float(found) * HARTREE, -slope * (HARTREE / BOHR)


def energy(symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], level: PySCFLevel) -> float:
    """Energy alone [kJ/mol] at positions [nm]; raises as ``energy_forces`` does."""
    mol = _molecule(symbols, positions, level)
    found = float(_converged(mol, level).e_tot)
    return (found + _dispersion(mol, level)[0] if level.dispersion else found) * HARTREE


def separated_energy(
    symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], level: PySCFLevel, leaving: int
) -> float:
    """Unrestricted energy [kJ/mol], where an atom comes apart into a radical: it begins with electrons of one spin.

    For one electron on the atom ``leaving``, counted from 0, without dispersion; ``positions`` in nm. Raises
    ``InputError`` where the equations do not converge.
    """
    mol = _molecule(symbols, positions, level)
    found = dft.UKS(mol, xc=level.functional).density_fit(auxbasis=AUXILIARY_BASIS)
    found.grids.level, found.max_cycle, found.conv_tol = level.grid, 200, 1e-8
    density = np.array(found.get_init_guess())
    first, last = mol.aoslice_by_atom()[leaving, 2:]
    density[0, first:last, first:last] *= 2
    density[1, first:last, first:last] = 0
    found.level_shift = 0.1
    found.kernel(density)
    if not found.converged:
        found = found.newton()
        found.kernel()
    if not found.converged:
        raise InputError("the unrestricted Kohn-Sham equations did not converge")
    return float(found.e_tot) * HARTREE


class PBE(MoleculeCalculator):
    """PBE/def2-SVP as a calculator of ASE, for ``hybridff.reference.pyscf_level:PBE`` as a method of ``analyse``.

    Without D3(BJ) if it is not asked for.
    """

    def __init__(self, *, dispersion: bool = False) -> None:
        super().__init__()
        self._level = PySCFLevel(dispersion=dispersion)

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]."""
        return energy_forces(tuple(self.atoms.symbols), positions, self._level)


def _molecule(
    symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], level: PySCFLevel, charge: int = 0
) -> gto.Mole:
    atoms = list(zip(symbols, (positions / ANGSTROM).tolist(), strict=True))
    return gto.M(atom=atoms, basis=level.basis, charge=charge, verbose=0)


def _dispersion(mol: gto.Mole, level: PySCFLevel) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [Hartree] and its slope [Hartree/Bohr] of two-body D3(BJ) (S. Grimme et al., 2011)."""
    try:
        from pyscf.dispersion.dftd3 import DFTD3Dispersion
    except ImportError as error:
        raise MissingProgramError("D3(BJ) needs pyscf-dispersion: pip install hybridff[reference].") from error
    found = DFTD3Dispersion(mol, level.functional.lower(), "d3bj", atm=False).get_dispersion(grad=True)
    return float(found["energy"]), found["gradient"]


def _converged(mol: gto.Mole, level: PySCFLevel) -> dft.rks.RKS:
    """The Kohn-Sham solution on the fine grid."""
    fine, coarse = _kohn_sham(mol, level, level.grid), _kohn_sham(mol, level, COARSE_GRID)
    fine.with_df = coarse.with_df.build()
    coarse.set(_numint=_CachingNumInt())
    coarse.conv_tol, coarse.conv_tol_grad = 1e-5, 1e-3
    coarse.kernel()
    core = fine.get_hcore()
    for _ in range(10):
        density = coarse.make_rdm1()
        potential = fine.get_veff(mol, density)
        fock = core + potential
        gradient = np.linalg.norm(fine.get_grad(coarse.mo_coeff, coarse.mo_occ, fock))
        if gradient < level.orbital_gradient:
            fine.mo_coeff, fine.mo_occ = coarse.mo_coeff, coarse.mo_occ
            fine.mo_energy = np.einsum("pi,pq,qi->i", fine.mo_coeff, fock, fine.mo_coeff)
            fine.e_tot = fine.energy_tot(density, core, potential)
            fine.converged = True
            return fine
        coarse.shift = potential - coarse.bare_veff(mol, density)
        coarse.conv_tol, coarse.conv_tol_grad = 1e-9, max(0.3 * level.orbital_gradient, 0.01 * gradient)
        coarse.kernel(dm0=density)
    raise InputError(f"no SCF convergence: the orbital gradient is still {gradient:.1e}")


class _ShiftedRKS(dft.rks.RKS):
    """Kohn-Sham with a constant matrix added to the potential."""

    shift: np.ndarray | float = 0.0
    _keys = {"shift"}  # noqa: RUF012 (PySCF reads the names of new attributes from here)

    def bare_veff(self, *args: Any, **kwargs: Any) -> Any:
        """The potential without what is added."""
        return super().get_veff(*args, **kwargs)

    def get_veff(self, mol: Any = None, dm: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The potential, as PySCF asks for it."""
        dm = self.make_rdm1() if dm is None else dm
        veff = self.bare_veff(mol, dm, *args, **kwargs)
        linear = float(np.sum(self.shift * np.asarray(dm)))
        return lib.tag_array(veff + self.shift, ecoul=veff.ecoul, exc=veff.exc + linear, vj=veff.vj, vk=veff.vk)


class _CachingNumInt(dft.numint.NumInt):
    """Numerical integration that evaluates the orbitals on a small grid once."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple, np.ndarray] = {}

    def eval_ao(
        self, mol: Any, coords: np.ndarray, deriv: int = 0, shls_slice: Any = None, non0tab: Any = None, **options: Any
    ) -> np.ndarray:
        """Orbitals at points, as PySCF asks for them."""
        key = (deriv, coords[0].tobytes(), len(coords))
        if key not in self.kept:
            self.kept[key] = dft.numint.eval_ao(mol, coords, deriv, shls_slice, non0tab, options.get("cutoff"))
        return self.kept[key]


class _Gradients(df_rks_grad.Gradients):
    """Kohn-Sham gradients whose exchange-correlation part is contracted with the density at once.

    PySCF's own way, through matrices of integrals of derivatives, gives the same numbers in twice the time.
    """

    def get_veff(self, mol: Any, density: np.ndarray) -> Any:
        """Derivatives of the potential, as PySCF asks for them."""
        coulomb = self.get_j(mol, density)
        xc = _xc_gradient(self.base, np.asarray(density))
        return lib.tag_array(coulomb, exc1_grid=xc, aux=coulomb.aux.sum(axis=(0, 1)))


def _xc_gradient(mf: dft.rks.RKS, density: Float[np.ndarray, "ao ao"]) -> Float[np.ndarray, "atoms 3"]:
    """Derivative [Hartree/Bohr] of the exchange-correlation energy, whose grid moves with the atoms.

    Source: B. G. Johnson, P. M. W. Gill, J. A. Pople, J. Chem. Phys. 98, 5612 (1993).
    """
    mol, integrator = mf.mol, dft.numint.NumInt()
    gradient = np.zeros((mol.natm, 3))
    owner = np.repeat(np.arange(mol.natm), np.diff(mol.aoslice_by_atom()[:, 2:]).ravel())
    second = ((4, 5, 6), (5, 7, 8), (6, 8, 9))
    for atom, (points, weights, weight_gradients) in enumerate(rks_grad.grids_response_cc(mf.grids)):
        ao = dft.numint.eval_ao(mol, points, deriv=2, non0tab=dft.gen_grid.make_mask(mol, points))
        ao = ao.transpose(0, 2, 1)
        dressed = density @ ao[0]
        rho = np.einsum("cig,ig->cg", ao[:4], dressed)
        rho[1:] *= 2
        energy, potential = integrator.eval_xc_eff(mf.xc, rho, 1, xctype="GGA")[:2]
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


def _kohn_sham(mol: gto.Mole, level: PySCFLevel, grid: int) -> _ShiftedRKS:
    """Equations that are not solved yet, with PySCF's level of the grid."""
    mf = _ShiftedRKS(mol, xc=level.functional).density_fit(auxbasis=AUXILIARY_BASIS)
    mf.grids.level = grid
    mf.max_cycle = 100
    return mf
