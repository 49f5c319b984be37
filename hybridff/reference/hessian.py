"""A minimum and its analytic Hessian by PySCF, at the level of theory of a set of frames."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyscf
import torch
from ase.optimize import BFGS
from jaxtyping import Float, Int
from pyscf import dft, gto

from hybridff.analysis.modes import HESSIAN_KCAL, normal_modes
from hybridff.corrections.covariance import internal_basis
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atoms_at
from hybridff.export.calculator import MoleculeCalculator
from hybridff.output import new_file
from hybridff.units import ANGSTROM, BOHR, EV, HARTREE, KCAL_MOL

SOFTEST = 0.1 * EV / ANGSTROM**2
"""Least curvature of a mode at the start of a relaxation [kJ/mol/nm²]."""
_STEPS = 200
"""Steps of a search for a minimum, at most."""


@dataclass(frozen=True)
class HessianLevel:
    """A level of theory of restricted Kohn-Sham with density fitting, of any functional that PySCF has."""

    functional: str
    """Functional, by PySCF's name."""
    basis: str
    """Basis of the orbitals."""
    grid: int
    """PySCF's level of the integration grid."""

    @property
    def theory(self) -> str:
        """The level in words."""
        return f"{self.functional}/{self.basis}, density fitting, grid level {self.grid}, PySCF {pyscf.__version__}"


class KohnSham(MoleculeCalculator):
    """Restricted Kohn-Sham energies and forces by PySCF, the latter without what turns the molecule as a whole.

    The grid of the integration makes the energy depend on how the molecule lies, by some 0.01 kcal/mol; a search would
    follow that and never end.
    """

    def __init__(self, level: HessianLevel) -> None:
        super().__init__()
        self._level = level
        self._density: np.ndarray | None = None

    def solved(self, positions: Float[np.ndarray, "atoms 3"]) -> dft.rks.RKS:
        """The solution at positions [nm] of the calculator's atoms, begun with the last one.

        Raises ``InputError`` where the equations do not converge.
        """
        atoms = list(zip(self.atoms.symbols, (positions / ANGSTROM).tolist(), strict=True))
        found = dft.RKS(gto.M(atom=atoms, basis=self._level.basis, verbose=0), xc=self._level.functional)
        found = found.density_fit()
        found.grids.level, found.conv_tol, found.conv_tol_grad = self._level.grid, 1e-10, 1e-6
        found.kernel(self._density)
        if not found.converged:
            raise InputError("the Kohn-Sham equations did not converge")
        self._density = found.make_rdm1()
        return found

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]."""
        found = self.solved(positions)
        slope = found.nuc_grad_method().set(grid_response=True).kernel()
        forces = (-slope * (HARTREE / BOHR)).ravel()
        inner = internal_basis(torch.as_tensor(positions[None]))[0].numpy()
        return found.e_tot * HARTREE, (inner @ (inner.T @ forces)).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class ReferenceMinimum:
    """A minimum of a level of theory."""

    numbers: Int[np.ndarray, " atoms"]
    """Atomic numbers."""
    positions: Float[np.ndarray, "atoms 3"]
    """Positions [nm]."""
    energy: float
    """Energy [kJ/mol]."""
    hessian: Float[np.ndarray, "n n"]
    """Second derivatives of the energy [kJ/mol/nm²]."""
    frequencies: Float[np.ndarray, " modes"]
    """Frequencies of the normal modes, ascending [1/cm]."""
    theory: str
    """The level in words."""

    def write(self, path: Path) -> None:
        """Write an npz file that ``hybridff analyse modes --reference`` reads, in Å and kcal/mol."""
        with new_file(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                z=self.numbers.astype(np.int8),
                R=self.positions / ANGSTROM,
                hessian=self.hessian / HESSIAN_KCAL,
                energy=self.energy / KCAL_MOL,
                theory=np.str_(self.theory),
            )


def positive(second: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """A Hessian [kJ/mol/nm²] without negative curvature and without very soft modes, which a search can begin with."""
    values, vectors = np.linalg.eigh(second)
    return vectors @ np.diag(np.maximum(np.abs(values), SOFTEST)) @ vectors.T


def find_minimum(
    numbers: Int[np.ndarray, " atoms"],
    begin: Float[np.ndarray, "atoms 3"],
    level: HessianLevel,
    *,
    curvature: Float[np.ndarray, "n n"],
    largest_force: float,
    visit: Callable[[Float[np.ndarray, "atoms 3"]], None],
) -> ReferenceMinimum:
    """The minimum next to some positions [nm] with its Hessian.

    The search begins with a ``curvature`` [kJ/mol/nm²] and ends below the ``largest_force`` [kJ/mol/nm]; ``visit`` is
    told the positions of each step [nm]. Raises ``InputError`` where it ends at no minimum.
    """
    calculator = KohnSham(level)
    atoms = atoms_at(numbers, begin, calculator)
    search = BFGS(atoms, maxstep=0.1)
    search.H0 = curvature / (EV / ANGSTROM**2)
    search.attach(lambda: visit(atoms.positions * ANGSTROM))
    search.run(fmax=largest_force / (EV / ANGSTROM), steps=_STEPS)
    positions = atoms.positions * ANGSTROM
    solution = calculator.solved(positions)
    second = solution.Hessian().kernel().transpose(0, 2, 1, 3).reshape(3 * len(atoms), -1)
    second = (second + second.T) / 2 * (HARTREE / BOHR**2)
    found = normal_modes(numbers, positions, second).frequencies
    if found.min() < 0:
        raise InputError(f"this is no minimum: the lowest frequency is {found.min():.0f}/cm; begin elsewhere.")
    return ReferenceMinimum(numbers, positions, solution.e_tot * HARTREE, second, found, level.theory)
