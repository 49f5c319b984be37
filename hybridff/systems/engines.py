"""Models of class I for AMBER and GROMACS, by ParmEd, and as files that OpenMM's ForceField reads without hybridff."""

import io
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app

from hybridff.errors import InputError, MissingProgramError
from hybridff.export.context import new_context
from hybridff.export.routes import custom_terms, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.openmm_native import numbers
from hybridff.output import check_new_file, new_files
from hybridff.systems.ffxml import standalone
from hybridff.units import ANGSTROM, KCAL_MOL

_FILES: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {".prmtop": ("AMBER", ".rst7"), ".top": ("GROMACS", ".gro"), ".xml": ("a file of OpenMM's ForceField", None)}
)
"""Program and the file of coordinates, for each file of parameters."""
_TOLERANCE = 0.05 * KCAL_MOL
"""Tolerance of energies of displaced geometries [kJ/mol]: GROMACS's file has five digits of a bond length in nm."""
_EXACT = 1e-6
"""Tolerance for OpenMM's own files, which have all digits [kJ/mol]."""
_DISPLACED, _GEOMETRIES = 0.1 * ANGSTROM, 5


def write_for_engine(
    force_field: ForceField, positions: Float[np.ndarray, "atoms 3"], path: str | Path, residue: str = "MOL"
) -> tuple[Path, ...]:
    """Write AMBER's ``.prmtop`` or GROMACS's ``.top``, and coordinates beside it, or OpenMM's ``.xml``; returns paths.

    ``positions`` in nm. Raises what ``files_for_engine`` does.
    """
    return write_files(files_for_engine(force_field, positions, path, residue))


def write_files(files: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write contents by their paths, all or none; returns the paths."""
    with new_files(list(files)) as temporaries:
        for temporary, content in zip(temporaries, files.values(), strict=True):
            temporary.write_bytes(content)
    return tuple(files)


def files_for_engine(
    force_field: ForceField, positions: Float[np.ndarray, "atoms 3"], path: str | Path, residue: str = "MOL"
) -> dict[Path, bytes]:
    """What ``write_for_engine`` writes: parameters and coordinates.

    They are read by OpenMM, and the energies compared with the model's.

    Raises ``InputError`` for what there is no form for: any term but harmonic bonds and angles (OpenMM's files may have
    others), Fourier torsions, and pairs as GAFF scales them; ``MissingProgramError`` without ParmEd.
    """
    path = Path(path)
    if path.suffix not in _FILES:
        raise InputError(f"cannot write {path}: its name has to end in {' or '.join(_FILES)}.")
    program, suffix = _FILES[path.suffix]
    if suffix is None:
        check_new_file(path)
        name = re.sub(r"\W+", "-", f"hybridff-{force_field.molecule.name}")
        text = standalone(force_field, name)
        _check(force_field, positions, _read_xml(text, force_field), program, _EXACT)
        return {path: text.encode()}
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
        read = app.AmberPrmtopFile(str(parts[0])) if path.suffix == ".prmtop" else app.GromacsTopFile(str(parts[0]))
        _check(force_field, positions, read.createSystem(), program)
        return {own: part.read_bytes() for own, part in zip(paths, parts, strict=True)}


def _refuse_other_terms(force_field: ForceField, program: str) -> None:
    if force_field.corrections:
        raise InputError(f"{program} has no form for kernels; export the model for OpenMM, with --system.")
    if custom := custom_terms(force_field):
        raise InputError(
            f"{program} has no form for terms of this model ({', '.join(custom)}); fit --form harmonic --pairs none, "
            "or export the model for OpenMM, with --system."
        )


def _read_xml(text: str, force_field: ForceField) -> openmm.System:
    """The molecule as OpenMM makes it."""
    return app.ForceField(io.StringIO(text)).createSystem(force_field.molecule.to_openmm_topology())


def _check(
    force_field: ForceField,
    positions: Float[np.ndarray, "atoms 3"],
    read: openmm.System,
    program: str,
    tolerance: float = _TOLERANCE,
) -> None:
    """Raise where OpenMM gets other energies from a file than from the model."""
    random, contexts = np.random.default_rng(0), []
    for system in (to_openmm(force_field), read):
        contexts.append(new_context(system, openmm.VerletIntegrator(0.001)))
    for _ in range(_GEOMETRIES):
        moved = positions + random.normal(0, _DISPLACED, positions.shape)
        for context in contexts:
            context.setPositions(moved)
        one, other = numbers(context.getState(getEnergy=True).getPotentialEnergy() for context in contexts)
        if not abs(one - other) < tolerance:
            raise InputError(
                f"{program} cannot express this model: its energies would be off by {abs(one - other) / KCAL_MOL:.2g} "
                "kcal/mol, mostly since pairs inside the molecule were fitted; fit --form harmonic --pairs none, or "
                "export the model for OpenMM, with --system."
            )
