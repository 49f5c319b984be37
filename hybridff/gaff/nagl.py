"""Charges by OpenFF's graph network, which learnt AM1-BCC charges averaged over conformers (``openff-nagl``).

Source: https://docs.openforcefield.org/projects/nagl; the network is the newest of ``openff-nagl-models`` that is
released for production.
"""

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError, MissingProgramError
from hybridff.molecules.molecule import Molecule

VERSION = 1
"""Changes whenever the charges of one network may; part of the key under which they are kept."""

_PACKAGES = ("openff-nagl", "acellera-openff-nagl")


def nagl_charges(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, " atoms"]:
    """Charges [e] by the network, from bonds alone; ``positions`` [nm] are not looked at.

    Raises ``InputError`` for a molecule of a kind that the network has not learnt, ``MissingProgramError`` where
    openff-nagl is not installed.
    """
    network, _ = _network()
    try:
        found = network.compute_property(
            molecule.to_openff(), as_numpy=True, check_domains=True, error_if_unsupported=True
        )
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"no nagl charges for {molecule.name}: {str(error).strip().rstrip('.')}.") from error
    charges = np.asarray(found, dtype=np.float64).reshape(len(molecule.numbers))
    return charges + (molecule.charge - charges.sum()) / len(charges)


def identity() -> dict[str, dict[str, str]]:
    """The network by its name: the package that runs it (``from``) and its ``sha256``."""
    _, path = _network()
    versions = [f"{name} {metadata.version(name)}" for name in _PACKAGES if _is_installed(name)]
    return {
        path.name: {"from": versions[0] if versions else "", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    }


def _network() -> tuple[Any, Path]:
    """The network and its file."""
    try:
        from openff.nagl import GNNModel
        from openff.nagl_models import get_models_by_type
    except ImportError as error:
        raise MissingProgramError(
            f'charges by nagl need openff-nagl ({error}); install it with: pip install "hybridff[nagl]".'
        ) from error
    path = Path(get_models_by_type("am1bcc", production_only=True)[-1])
    return GNNModel.load(str(path), eval_mode=True), path


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
