"""Models of class I for AMBER and GROMACS, by ParmEd."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app

from hybridff.errors import InputError, MissingProgramError
from hybridff.export import to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.openmm_forces import OPENMMS_OWN
from hybridff.output import check_new_file, new_file
from hybridff.units import ANGSTROM, KCAL_MOL

_FILES: Mapping[str, tuple[str, str]] = MappingProxyType({".prmtop": ("AMBER", ".rst7"), ".top": ("GROMACS", ".gro")})
"""Program and the file of coordinates, for each file of parameters."""
_TOLERANCE = 0.05 * KCAL_MOL
"""Of energies of displaced geometries: GROMACS's file has five digits of a bond length in nm."""
_DISPLACED, _GEOMETRIES = 0.1 * ANGSTROM, 5


def write_for_engine(
    force_field: ForceField, positions: Float[np.ndarray, "atoms 3"], path: str | Path, residue: str = "MOL"
) -> tuple[Path, Path]:
    """Write AMBER's ``.prmtop`` or GROMACS's ``.top``, and coordinates beside it; returns the two paths.

    What was written is read by OpenMM again, and its energies are compared with the model's. ``positions`` in nm.

    Raises ``InputError`` for what these programs have no form for: any term but harmonic bonds and angles, Fourier
    torsions, and pairs as GAFF scales them; ``MissingProgramError`` without ParmEd.
    """
    path = Path(path)
    if path.suffix not in _FILES:
        raise InputError(f"cannot write {path}: its name has to end in {' or '.join(_FILES)}.")
    program, suffix = _FILES[path.suffix]
    _refuse_other_terms(force_field, program)
    try:
        import parmed
    except ImportError as error:
        raise MissingProgramError(
            f"ParmEd is not installed; it writes files of {program}: pip install hybridff[engines]."
        ) from error
    topology = force_field.molecule.to_openmm_topology(residue)
    paths = path, path.with_suffix(suffix)
    for own in paths:
        check_new_file(own)
    structure = parmed.openmm.load_topology(topology, to_openmm(force_field), positions / ANGSTROM)
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / own.name for own in paths]
        for part in parts:
            structure.save(str(part))
        _check(force_field, positions, parts[0], program)
        for part, own in zip(parts, paths, strict=True):
            with new_file(own) as temporary:
                temporary.write_bytes(part.read_bytes())
    return paths


def _refuse_other_terms(force_field: ForceField, program: str) -> None:
    names = {rows.feature.name for rows in force_field.table.features}
    several = bool(((force_field.table.products >= 0).sum(1) > 1).any())
    unknown = sorted(names - OPENMMS_OWN)
    if force_field.corrections:
        raise InputError(f"{program} has no form for kernels; export the model for OpenMM, with --system.")
    if unknown or several:
        what = ", ".join(unknown) if unknown else "couplings"
        raise InputError(
            f"{program} has no form for terms of this model ({what}); fit --form harmonic --pairs none, or export the "
            "model for OpenMM, with --system."
        )


def _check(force_field: ForceField, positions: Float[np.ndarray, "atoms 3"], path: Path, program: str) -> None:
    """Raise where OpenMM gets other energies from a file than from the model."""
    read = app.AmberPrmtopFile(str(path)) if path.suffix == ".prmtop" else app.GromacsTopFile(str(path))
    random, contexts = np.random.default_rng(0), []
    for system in (to_openmm(force_field), read.createSystem()):
        platform = openmm.Platform.getPlatformByName("Reference")
        contexts.append(openmm.Context(system, openmm.VerletIntegrator(0.001), platform))
    for _ in range(_GEOMETRIES):
        moved = positions + random.normal(0, _DISPLACED, positions.shape)
        for context in contexts:
            context.setPositions(moved)
        one, other = (context.getState(getEnergy=True).getPotentialEnergy()._value for context in contexts)
        if not abs(one - other) < _TOLERANCE:
            raise InputError(
                f"{program} cannot express this model: its energies would be off by {abs(one - other) / KCAL_MOL:.2g} "
                "kcal/mol, since pairs inside the molecule were fitted; fit --form harmonic --pairs none, or export "
                "the model for OpenMM, with --system."
            )
