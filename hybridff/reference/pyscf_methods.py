"""Energies and forces of one closed-shell molecule by PySCF: Hartree-Fock, density functionals, MP2, CCSD, CCSD(T).

Density fitting of Coulomb and exchange for Hartree-Fock and density functionals; MP2 and coupled cluster are without,
since PySCF has no gradients of them with it, and correlate all electrons. Functionals of the density and its gradient
alone are solved on two grids, in less time and with the same numbers (``pyscf_level``). Needs the extra
``hybridff[reference]``.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyscf
from jaxtyping import Float
from pyscf import cc, dft, gto, mp, scf
from pyscf.cc import ccsd_t_lambda
from pyscf.grad import ccsd_t as ccsd_t_grad

from hybridff.errors import InputError, MissingProgramError
from hybridff.reference.level import Labeller, Species, with_version
from hybridff.reference.pyscf_level import AUXILIARY_BASIS, PySCFLevel, energy_forces
from hybridff.units import ANGSTROM, BOHR, HARTREE

CORRELATED = ("mp2", "ccsd", "ccsd(t)")
"""Methods beyond Hartree-Fock."""
DISPERSION: Mapping[str, str] = {"d3bj": "D3(BJ)", "d3zero": "D3(0)", "d4": "D4"}
"""Dispersion corrections, as they end the name of a method, and as they are written."""
_WITHOUT_VV10 = ("b97m", "wb97m", "wb97x")
"""Functionals whose dispersion corrections take the place of the nonlocal correlation of their ``-V`` form
(A. Najibi, L. Goerigk, J. Chem. Theory Comput. 14, 5725 (2018))."""
_EXCHANGE_BASIS = "def2-universal-jkfit"
"""Basis of the density fitting where there is exact exchange."""
_GRID = 3
"""PySCF's level of the integration grid."""
_CYCLES, _CAREFUL_CYCLES, _SHIFT = 100, 200, 0.3
"""Iterations at most, in a second attempt, and its shift of the empty orbitals [Hartree]."""
_SPELLINGS = {"def2-svp": "def2-SVP", "def2-tzvp": "def2-TZVP", "def2-tzvpp": "def2-TZVPP", "def2-qzvp": "def2-QZVP"}


@dataclass(frozen=True, kw_only=True)
class PySCFMethod:
    """A method with a basis; raises ``InputError`` where PySCF has no such functional."""

    method: str
    """``hf``, one of ``CORRELATED``, or a functional by PySCF's name, in small letters."""
    basis: str
    """Basis of the orbitals, in small letters."""
    dispersion: str = ""
    """One of ``DISPERSION``, or nothing."""

    def __post_init__(self) -> None:
        if self.dispersion and self.method in CORRELATED:
            raise InputError(f"{self.method} has no dispersion correction; leave -{self.dispersion} out.")
        if self.method == "hf" or self.method in CORRELATED:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dft.libxc.parse_xc(self._functional)
                kind, nonlocal_ = dft.libxc.xc_type(self._functional), dft.libxc.is_nlc(self._functional)
        except (KeyError, ValueError, NotImplementedError) as error:
            raise InputError(
                f"{self.method}/{self.basis}: {self.method} is neither hf, mp2, ccsd nor ccsd(t), and PySCF has no "
                f"such functional ({str(error).strip(chr(34))}); correct the name."
            ) from None
        if self.method.endswith("3c"):
            raise InputError(f"{self.method} is more than its functional, which PySCF alone has; take another method.")
        if kind == "HF":
            raise InputError(f"{self.method} is Hartree-Fock; write hf/{self.basis}.")
        if nonlocal_ and self._functional == self.method:
            raise InputError(
                f"{self.method} has nonlocal correlation (VV10), whose forces are very slow; take one with -d4, such "
                f"as wb97x-d4/{self.basis}."
            )

    @property
    def settings(self) -> str:
        """The level in words, but for the version of PySCF."""
        if self._two_grids is not None and self.dispersion in ("", "d3bj"):
            return replace(self._two_grids, dispersion=bool(self.dispersion)).settings
        words = [{"hf": "restricted Hartree-Fock"}.get(self.method, "restricted Kohn-Sham")]
        if self.method in CORRELATED:
            words = ["no density fitting, all electrons correlated"]
        else:
            words.append(f"density fitting with {self._auxiliary}")
        if self._is_functional:
            words.append(f"integration grid level {_GRID} with grid response in the forces")
        if self._functional != self.method and self._is_functional:
            words.append(f"{self._functional} without VV10")
        if self.dispersion:
            words.append("two-body D3" if self.dispersion.startswith("d3") else "D4 with three-body terms")
        correction = f"-{DISPERSION[self.dispersion]}" if self.dispersion else ""
        return f"{self.method.upper()}{correction}/{_SPELLINGS.get(self.basis, self.basis)} ({', '.join(words)})"

    @property
    def theory(self) -> str:
        """The level in words, with all that its energies depend on."""
        return with_version(self.settings, f"PySCF {pyscf.__version__}")

    def prepared(self, species: Species) -> Labeller:
        """What labels geometries of a species.

        Raises ``InputError`` where the basis or the dispersion correction has not all elements, and
        ``MissingProgramError`` without pyscf-dispersion.
        """
        far = np.arange(3.0 * len(species.numbers)).reshape(-1, 3)  # nm; only elements are looked at
        self._dispersion(self._molecule(species, far))

        def label(
            positions: Float[np.ndarray, "atoms 3"], /, *, careful: bool = False
        ) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
            if self._two_grids is not None and not careful:
                energy, forces = energy_forces(species.symbols, positions, self._two_grids, charge=species.charge)
            else:
                found, slope = self._solved(self._molecule(species, positions), careful=careful)
                energy, forces = found * HARTREE, -slope * (HARTREE / BOHR)
            added, slope = self._dispersion(self._molecule(species, positions))
            return energy + added * HARTREE, forces - slope * (HARTREE / BOHR)

        return label

    @property
    def _is_functional(self) -> bool:
        return self.method != "hf" and self.method not in CORRELATED

    @property
    def _functional(self) -> str:
        """The functional by PySCF's name, without dispersion."""
        return f"{self.method}_v" if self.dispersion and self.method in _WITHOUT_VV10 else self.method

    @property
    def _auxiliary(self) -> str:
        """Basis of the density fitting."""
        exact = not self._is_functional or dft.libxc.is_hybrid_xc(self._functional)
        return _EXCHANGE_BASIS if exact else AUXILIARY_BASIS

    @property
    def _two_grids(self) -> PySCFLevel | None:
        """The same without dispersion by faster equations, for those functionals that these know."""
        if not self._is_functional or dft.libxc.xc_type(self._functional) != "GGA":
            return None
        if dft.libxc.is_hybrid_xc(self._functional):
            return None
        basis = _SPELLINGS.get(self.basis, self.basis)
        return PySCFLevel(functional=self.method.upper(), basis=basis, dispersion=False)

    def _molecule(self, species: Species, positions: Float[np.ndarray, "atoms 3"]) -> gto.Mole:
        atoms = list(zip(species.symbols, (positions / ANGSTROM).tolist(), strict=True))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return gto.M(atom=atoms, basis=self.basis, charge=species.charge, verbose=0)
        except (KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.basis} is no basis of PySCF for {species.name} ({reason}); take another."
            ) from None

    def _dispersion(self, mol: gto.Mole) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [Hartree] of the dispersion correction and its slope [Hartree/Bohr].

        S. Grimme et al., J. Chem. Phys. 132, 154104 (2010), J. Comput. Chem. 32, 1456 (2011); E. Caldeweyher et al.,
        J. Chem. Phys. 150, 154122 (2019).
        """
        if not self.dispersion:
            return 0.0, np.zeros((mol.natm, 3))
        try:
            from pyscf.dispersion.dftd3 import DFTD3Dispersion
            from pyscf.dispersion.dftd4 import DFTD4Dispersion
        except ImportError:
            raise MissingProgramError(
                f"{DISPERSION[self.dispersion]} needs pyscf-dispersion: pip install hybridff[reference]."
            ) from None
        try:
            if self.dispersion == "d4":
                made = DFTD4Dispersion(mol, self.method)
            else:
                made = DFTD3Dispersion(mol, self.method, self.dispersion, atm=False)
        except RuntimeError as error:
            raise InputError(
                f"{DISPERSION[self.dispersion]} has no parameters for {self.method} ({error}); leave it out."
            ) from None
        found = made.get_dispersion(grad=True)
        return float(found["energy"]), found["gradient"]

    def _solved(self, mol: gto.Mole, *, careful: bool) -> tuple[float, np.ndarray]:
        """Energy [Hartree] without dispersion and its slope [Hartree/Bohr].

        Raises ``InputError`` where equations do not converge.
        """
        mean_field = self._mean_field(mol)
        mean_field.conv_tol, mean_field.conv_tol_grad, mean_field.max_cycle = 1e-10, 1e-6, _CYCLES
        if careful:
            mean_field.level_shift, mean_field.max_cycle = _SHIFT, _CAREFUL_CYCLES
        mean_field.kernel()
        if careful and not mean_field.converged:
            mean_field.level_shift = 0.0
            mean_field = mean_field.newton()
            mean_field.kernel(mean_field.mo_coeff, mean_field.mo_occ)
        if not mean_field.converged:
            raise InputError("the SCF equations did not converge")
        if self.method in CORRELATED:
            return _correlated(mean_field, self.method, careful=careful)
        gradient = mean_field.nuc_grad_method()
        if self._is_functional:
            gradient.grid_response = True
        return float(mean_field.e_tot), gradient.kernel()

    def _mean_field(self, mol: gto.Mole) -> Any:
        """Equations that are not solved yet."""
        if self.method in CORRELATED:
            return scf.RHF(mol)
        if self.method == "hf":
            return scf.RHF(mol).density_fit(auxbasis=_EXCHANGE_BASIS)
        found = dft.RKS(mol, xc=self._functional).density_fit(auxbasis=self._auxiliary)
        found.grids.level = _GRID
        if self._functional != self.method:
            found.nlc = False
        return found


def _correlated(mean_field: Any, method: str, *, careful: bool) -> tuple[float, np.ndarray]:
    """Energy [Hartree] and its slope [Hartree/Bohr] beyond Hartree-Fock."""
    if method == "mp2":
        second = mp.MP2(mean_field)
        second.kernel()
        return float(second.e_tot), second.nuc_grad_method().kernel()
    coupled = cc.CCSD(mean_field)
    coupled.conv_tol, coupled.conv_tol_normt, coupled.max_cycle = 1e-9, 1e-7, _CAREFUL_CYCLES
    if careful:
        coupled.iterative_damping = 0.7
    coupled.kernel()
    eris = coupled.ao2mo()
    if method == "ccsd":
        coupled.solve_lambda(eris=eris)
        if coupled.converged and coupled.converged_lambda:
            return float(coupled.e_tot), coupled.nuc_grad_method().kernel()
    else:
        t1, t2 = coupled.t1, coupled.t2
        solved, l1, l2 = ccsd_t_lambda.kernel(coupled, eris, t1, t2, max_cycle=_CAREFUL_CYCLES, verbose=0)
        if coupled.converged and solved:
            slope = ccsd_t_grad.Gradients(coupled).kernel(t1, t2, l1, l2, eris=eris)
            return float(coupled.e_tot + coupled.ccsd_t(eris=eris)), slope
    raise InputError("the coupled-cluster equations did not converge")
