"""The one unit system, and every conversion factor.

Inside hybridff everything is in OpenMM's units: nm, kJ/mol, rad, e, Da, ps. The field's units (Å, kcal/mol, eV,
Hartree) exist only in the readers and reports that import this module. A factor is called ``<UNIT>`` and is the
size of that unit in internal units: ``length_in_angstrom * ANGSTROM`` is in nm, ``energy / KCAL_MOL`` in kcal/mol.

Sources: CODATA 2018 (Hartree, Bohr, elementary charge, Avogadro's number); the thermochemical calorie is exact.
"""

from types import MappingProxyType
from typing import Final

ANGSTROM: Final = 0.1
BOHR: Final = 0.0529177210903
KCAL_MOL: Final = 4.184
EV: Final = 96.48533212331
HARTREE: Final = 2625.4996394799
DEGREE: Final = 0.017453292519943295

FORCE_KCAL: Final = KCAL_MOL / ANGSTROM
"""1 kcal/mol/Å in kJ/mol/nm."""

BOLTZMANN: Final = 0.00831446261815324
"""Gas constant in kJ/mol/K."""

COULOMB: Final = 138.93545764438198
"""1/(4 pi eps0) in kJ nm/mol/e²: the value of OpenMM's kernels (``ONE_4PI_EPS0``), not CODATA's to the last digit."""

LENGTHS: Final = MappingProxyType({"nm": 1.0, "angstrom": ANGSTROM, "bohr": BOHR})
ENERGIES: Final = MappingProxyType({"kj/mol": 1.0, "kcal/mol": KCAL_MOL, "ev": EV, "hartree": HARTREE})
