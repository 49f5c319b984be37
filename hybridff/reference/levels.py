"""Levels of theory by name: one name everywhere, as in ``pbe-d3bj/def2-svp``.

- ``METHOD/BASIS``, by PySCF: ``hf``, ``mp2``, ``ccsd``, ``ccsd(t)`` or a functional, where ``-d3bj``, ``-d3zero`` or
  ``-d4`` adds dispersion.
- ``gfn1-xtb``, ``gfn2-xtb``, and either in a solvent, as ``gfn2-xtb-alpb(water)``, by tblite.
- ``module:Class``, any calculator of ASE, with options.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from hybridff.analysis.programs import XTB_NAMES
from hybridff.errors import InputError, MissingProgramError
from hybridff.reference.ase_level import ASELevel
from hybridff.reference.level import Level
from hybridff.reference.xtb import XTBLevel

KNOWN = (
    "METHOD/BASIS of PySCF, such as pbe-d3bj/def2-svp, hf/6-31g* or ccsd(t)/cc-pvdz; gfn2-xtb or gfn1-xtb, with "
    "-alpb(water) for a solvent; or module:Class of a calculator of ASE"
)
"""Names of levels in words, for messages and help."""
_XTB = re.compile(rf"({'|'.join(XTB_NAMES)})(?:-alpb\(([\w-]+)\))?")
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PYSCF = re.compile(r"([^\s/:]+?)(?:-(d3bj|d3zero|d4))?/([^\s/:]+)")


def is_level_name(name: str) -> bool:
    """Whether a text has the form of a level's name; the level may still be unknown to its program."""
    return any(pattern.fullmatch(name if pattern is _CLASS else name.lower()) for pattern in (_XTB, _CLASS, _PYSCF))


def level_of(name: str, options: Mapping[str, Any] | None = None) -> Level:
    """The level of a name; ``options`` are those of a calculator of ASE.

    Raises ``InputError`` for a name that is none, and ``MissingProgramError`` without the program of the level.
    """
    if _CLASS.fullmatch(name):
        return ASELevel(name, dict(options or {}))
    if options:
        raise InputError(f"options of {name} are given, and only levels module:Class have any; leave them out.")
    if found := _XTB.fullmatch(name.lower()):
        return XTBLevel(found[1], found[2] or "")
    if (found := _PYSCF.fullmatch(name.lower())) and not re.search(r"-d[34]", found[1]):
        if find_spec("pyscf") is None:
            raise MissingProgramError(f"{name} needs PySCF: pip install hybridff[reference].")
        from hybridff.reference.pyscf_methods import PySCFMethod

        return PySCFMethod(method=found[1], dispersion=found[2] or "", basis=found[3])
    raise InputError(f"{name} is no level of theory: give {KNOWN}.")
