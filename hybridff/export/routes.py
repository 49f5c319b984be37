"""A force field as an ``openmm.System``, its XML, and a structure file."""

import io
import logging
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.export.compiled import compiled_force
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.openmm_native import OPENMMS_OWN
from hybridff.molecules.molecule import Molecule
from hybridff.output import new_file

_STRUCTURES = {".pdb": app.PDBFile.writeFile, ".cif": app.PDBxFile.writeFile}


Route = Literal["native", "compiled"]
"""How OpenMM gets a force field: as forces of its own, or as a compiled function that it calls in every step."""
RouteOption = Literal["auto", "native", "compiled"]
"""A route, or the choice between them left to ``chosen_route``."""
Platform: TypeAlias = str | openmm.Platform
"""An OpenMM platform or its name, in any case; it need not be present on this machine."""
_PLATFORMS = ("Reference", "CPU", "OpenCL", "CUDA", "HIP", "Metal")
"""Platforms that a System may be made for, beside those present."""
_LOG = logging.getLogger(__name__)


def to_openmm(
    force_field: ForceField, route: RouteOption = "auto", *, platform: Platform | None = None
) -> openmm.System:
    """The isolated molecule as a System without constraints and without cutoff.

    The route "native" uses OpenMM's native forces where it has the form, and custom forces elsewhere; "compiled" has
    one ``PythonForce``, far faster for rich forms on the platforms Reference and CPU, but bound to this process;
    "auto" is what ``chosen_route`` says for the ``platform``, and native where none is given.
    """
    route = chosen_route(force_field, route, platform)
    system = openmm.System()
    for number in force_field.molecule.numbers.tolist():
        system.addParticle(app.Element.getByAtomicNumber(number).mass)
    for force in force_field.openmm_forces() if route == "native" else [compiled_force(force_field)]:
        system.addForce(force)
    return system


def chosen_route(force_field: ForceField, route: RouteOption = "auto", platform: Platform | None = None) -> Route:
    """The route by which OpenMM gets a force field; "auto" is the faster one on a platform, and the log says which.

    Where no platform is given, that is "native": such a System can be written to a file and runs on every platform.
    Raises ``InputError`` for what is no route, or no platform of OpenMM's.
    """
    if route not in get_args(RouteOption):
        raise InputError(f"there is no route {route!r}; take {', '.join(get_args(RouteOption))}.")
    name = None if platform is None else _name(platform)
    if route != "auto":
        return route
    chosen = "native" if name is None else best_route(force_field, name)
    _LOG.info("%s: %s route for %s", force_field.molecule.name, chosen, name or "any platform")
    return chosen


def _name(platform: Platform) -> str:
    """The name of a platform as OpenMM writes it."""
    if isinstance(platform, openmm.Platform):
        return platform.getName()
    present = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    known = {name.lower(): name for name in (*_PLATFORMS, *present)}
    if platform.lower() not in known:
        raise InputError(f"OpenMM has no platform {platform!r}; there are {', '.join(known.values())}.")
    return known[platform.lower()]


def best_route(force_field: ForceField, platform: str) -> Route:
    """The faster route on a platform: compiled on Reference and CPU where anything needs custom forces."""
    slow = platform.lower() in ("reference", "cpu") and bool(custom_terms(force_field) or force_field.corrections)
    return "compiled" if slow else "native"


def custom_terms(force_field: ForceField) -> list[str]:
    """Names of features that OpenMM has no formula for, and "couplings" where it has, but not for their products."""
    names = {rows.feature.name for rows in force_field.table.features}
    several = bool(((force_field.table.products >= 0).sum(1) > 1).any())
    return sorted(names - OPENMMS_OWN) or (["couplings"] if several else [])


def write_system(system: openmm.System, path: str | Path) -> None:
    """Write a System as OpenMM's XML."""
    content = system_file(system, path)
    with new_file(path) as temporary:
        temporary.write_bytes(content)


def system_file(system: openmm.System, path: str | Path) -> bytes:
    """A System as OpenMM's XML, as ``write_system`` writes it to a path."""
    if any(type(force).__name__ == "PythonForce" for force in system.getForces()):
        raise InputError(
            f"cannot write {path}: a System of the compiled route holds code of this process; export the native route."
        )
    return openmm.XmlSerializer.serialize(system).encode()


def write_structure(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], path: str | Path) -> None:
    """Write a PDB or PDBx/mmCIF file; ``positions`` in nm."""
    content = structure_file(molecule, positions, path)
    with new_file(path) as temporary:
        temporary.write_bytes(content)


def structure_file(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], path: str | Path) -> bytes:
    """A PDB or PDBx/mmCIF file, by the name of ``path``; ``positions`` in nm."""
    suffix = Path(path).suffix.lower()
    if suffix not in _STRUCTURES:
        raise InputError(f"cannot write a structure as {path}: its name has to end in {' or '.join(_STRUCTURES)}.")
    file = io.StringIO()
    _STRUCTURES[suffix](molecule.to_openmm_topology(), positions * unit.nanometer, file, keepIds=True)
    return file.getvalue().encode()
