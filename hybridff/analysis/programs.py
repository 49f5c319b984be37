"""What other programs call their methods, and calculators of ASE by their class; light to import."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator

from hybridff.errors import InputError, MissingProgramError

XTB_NAMES: Mapping[str, str] = {"gfn1-xtb": "GFN1-xTB", "gfn2-xtb": "GFN2-xTB"}
"""Methods that tblite computes, and its names for them."""


def calculator_of_class(name: str, options: Mapping[str, Any]) -> BaseCalculator:
    """The calculator ``module:Class``, of a package or a module in the current folder, made with options.

    Raises ``MissingProgramError`` where there is none, ``InputError`` where it cannot be made or is no calculator.
    """
    module, _, kind = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # a module of the user's own
    try:
        made = getattr(importlib.import_module(module), kind)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise MissingProgramError(f"there is no {name} ({error}); install what it belongs to.") from error
    finally:
        sys.path.pop(0)
    try:
        found = made(**options)
    except Exception as error:
        raise InputError(f"{name} cannot be made with the options {dict(options)}: {error}.") from error
    if not isinstance(found, BaseCalculator):
        raise InputError(f"{name} is no calculator of ASE.")
    return found
