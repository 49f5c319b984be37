"""Commands that take a force field into OpenMM and other programs: export, mix, simulate, verify."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import openmm
from cyclopts import Parameter
from openmm import unit

from hybridff.cli.common import Flat, Out, Overwrite
from hybridff.cli.terminal import progress, say
from hybridff.errors import DynamicsError, InputError
from hybridff.export.agreement import Agreement, openmm_energies_forces, verify_system
from hybridff.export.agreement import verify as verify_model
from hybridff.export.dynamics import SimulationOptions, SimulationResult, get_platform
from hybridff.export.dynamics import simulate as run_simulation
from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model
from hybridff.export.routes import (
    Route,
    RouteOption,
    best_route,
    chosen_route,
    structure_file,
    system_file,
    to_openmm,
    write_system,
)
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.openmm_files import read_structure, read_system
from hybridff.molecules.periodic import whole_molecules
from hybridff.output import check_new_file, check_new_folder, new_folder
from hybridff.report.documents import simulation_section
from hybridff.stability.gate import StabilityOptions, check_stability
from hybridff.systems.engines import files_for_engine, write_files
from hybridff.systems.matching import check_different, find_copies
from hybridff.systems.mixed import add_hybrid
from hybridff.units import KCAL_MOL

_ROUTES: Mapping[Route, str] = {
    "native": "forces of OpenMM's own",
    "compiled": "a function of this process that OpenMM calls in every step",
}


def export(
    model: Path,
    /,
    *,
    system: Annotated[Path | None, Parameter(help="File for the OpenMM System, as XML.")] = None,
    structure: Annotated[Path | None, Parameter(help="File for the structure, .pdb or .cif.")] = None,
    amber: Annotated[Path | None, Parameter(help="File for AMBER, .prmtop; coordinates go beside it.")] = None,
    gromacs: Annotated[Path | None, Parameter(help="File for GROMACS, .top; coordinates go beside it.")] = None,
    ffxml: Annotated[
        Path | None, Parameter(help="File for OpenMM's ForceField, .xml, which needs no hybridff.")
    ] = None,
) -> None:
    """Write a model as an ordinary OpenMM System, or for AMBER, GROMACS, OpenMM's ForceField what these can express."""
    force_field = read_model(model).force_field
    if system is None and amber is None and gromacs is None and ffxml is None:
        raise InputError("name a file to write: --system, --amber, --gromacs or --ffxml.")
    named = [path for path in (system, structure, amber, gromacs, ffxml) if path is not None]
    if len({path.absolute() for path in named}) < len(named):
        raise InputError("two files have the same name; give each a name of its own.")
    for option, path, suffix in (("amber", amber, ".prmtop"), ("gromacs", gromacs, ".top"), ("ffxml", ffxml, ".xml")):
        if path is not None and path.suffix != suffix:
            raise InputError(f"the name after --{option} has to end in {suffix}, and {path} does not.")
    if system is not None:
        check_new_file(system)
    engines: dict[Path, bytes] = {}
    for path in (amber, gromacs, ffxml):
        if path is not None:
            engines |= files_for_engine(force_field, _positions(force_field.molecule), path)
    if structure is not None:
        engines[structure] = structure_file(force_field.molecule, _positions(force_field.molecule), structure)
    if system is not None:
        engines[system] = system_file(to_openmm(force_field), system)
    written = write_files(engines)
    advice = "" if system is None else f"\n{_advice(system, force_field)}"
    say(f"Written: {', '.join(map(str, written))}.{advice}")


def mix(
    system: Path,
    structure: Path,
    models: list[Path],
    /,
    *,
    out: Annotated[Path, Parameter(help="File for the new System, as XML.")],
    interpolate: Annotated[
        str | None, Parameter(help="Name of a parameter that goes from the old energy, 0, to the models', 1.")
    ] = None,
) -> None:
    """Replace the energy inside molecules of an OpenMM System by that of fitted models.

    SYSTEM is the XML of any System, STRUCTURE its .pdb or .cif file with bonds, MODELS are folders. Every copy of the
    models' molecules is replaced; energies between molecules stay what they were.
    """
    check_new_file(out)
    for path in (system, structure):
        if path.exists() and out.exists() and out.samefile(path):
            raise InputError(f"{out} is also what is read; give another name to what is written.")
    read = read_structure(structure)
    old, positions = read_system(system), np.array(read.positions.value_in_unit(unit.nanometer))
    force_fields = [read_model(model).force_field for model in models]
    check_different(force_fields)
    box = read.topology.getPeriodicBoxVectors()
    box = None if box is None else box.value_in_unit(unit.nanometer)
    if box is not None:
        bonds = [(bond[0].index, bond[1].index) for bond in read.topology.bonds()]
        positions, given = whole_molecules(positions, bonds, np.array(box)), positions
        if positions is not given:
            say(f"Note: the periodic box cuts molecules of {structure}, which are made whole along their bonds.")
    new = old
    for force_field in force_fields:
        new = add_hybrid(new, read.topology, force_field, positions=positions, interpolate=interpolate)
    try:
        before, after = (float(openmm_energies_forces(own, positions[None], box=box)[0][0]) for own in (old, new))
    except openmm.OpenMMException as error:
        reason = str(error).rstrip(".")
        raise InputError(f"OpenMM has no energy for {structure} ({reason}); give it the box of the System.") from None
    for force_field in force_fields:
        copies = len(find_copies(force_field, read.topology, positions=positions))
        say(f"{force_field.molecule.name}: {copies} {'copy' if copies == 1 else 'copies'}.")
    say(f"Energy of the structure: {before / KCAL_MOL:.2f} kcal/mol before, {after / KCAL_MOL:.2f} now.")
    agree = _table(verify_system(new, positions, box))
    write_system(new, out)
    say(f"Written: {out}.")
    if not agree:
        raise SystemExit(1)


def simulate(
    model: Path,
    /,
    *,
    temperature: Annotated[float, Parameter(help="Temperature in K.")],
    time: Annotated[str, Parameter(help='Length, such as "10 ps".')],
    out: Out,
    platform: Annotated[
        str, Parameter(help="OpenMM platform; Reference is fastest for one small molecule.")
    ] = "Reference",
    route: Annotated[
        RouteOption,
        Parameter(help="Forces of OpenMM's own, or a compiled function; auto takes the faster one."),
    ] = "auto",
    overwrite: Overwrite = False,
    options: Annotated[SimulationOptions | None, Flat] = None,
) -> None:
    """Minimise, then run dynamics of the isolated molecule.

    A run whose temperature, bonds or contacts cannot be is stopped; OUT then holds it up to the last sound frame.
    """
    check_new_folder(out, overwrite=overwrite, read=[model / FILE_NAME])
    saved = read_model(model)
    get_platform(platform)
    chosen = chosen_route(saved.force_field, route, platform)
    say(f"Route: {chosen}, {_ROUTES[chosen]}.")
    with new_folder(out, overwrite=overwrite) as folder:
        try:
            result = run(saved, folder, temperature, time, platform, options, chosen)
        except DynamicsError as error:
            if not (folder / "final.pdb").exists():
                raise
            result = None
            reason = str(error)
    if result is None:
        raise DynamicsError(f"{reason} {out} has the run up to the last sound frame.")
    for sentence in simulation_section(result, temperature, platform).sentences:
        say(sentence)
    say(f"Written to {out}.")


def verify(
    model: Path,
    /,
    *,
    dynamics: Annotated[
        bool, Parameter(help="Look for holes too: hot dynamics, quenches of it, and scans.", negative="")
    ] = False,
    options: Annotated[StabilityOptions | None, Flat] = None,
) -> None:
    """Compare torch with every OpenMM platform present, and forces with energy differences.

    Exits with code 1 if they differ, or if the force field is not stable.
    """
    if options is not None and not dynamics:
        raise InputError("options of the dynamics mean nothing without it; add --dynamics.")
    force_field = read_model(model).force_field
    agree = _table(verify_model(force_field))
    if dynamics:
        with progress("stability") as advance:
            report = check_stability(force_field, options, advance)
        for sentence in report.sentences():
            say(sentence)
        agree = agree and report.passed
    if not agree:
        raise SystemExit(1)


def run(
    saved: SavedModel,
    folder: Path,
    temperature: float,
    duration: str,
    platform: str,
    options: SimulationOptions | None,
    route: RouteOption = "auto",
) -> SimulationResult:
    """Dynamics of the isolated molecule, written into a folder."""
    force_field = saved.force_field
    if options is not None and options.stop_beyond is not None and not force_field.corrections:
        raise InputError(
            "option stop_beyond: a model without corrections does not know its training data; leave it out."
        )
    with progress("dynamics") as advance:
        return run_simulation(
            to_openmm(force_field, route, platform=platform),
            force_field.molecule.to_openmm_topology(),
            _positions(force_field.molecule),
            folder,
            temperature=temperature,
            duration=duration,
            platform=platform,
            options=options,
            progress=advance,
            distance=force_field.distance if force_field.corrections else None,
            molecule=force_field.molecule,
        )


def _advice(system: Path, force_field: ForceField) -> str:
    """On which platforms to run a System that was written."""
    if best_route(force_field, "CPU") == "native":
        return f"Run {system} on any platform; for a single small molecule, Reference is the fastest."
    return (
        f"Run {system} on a platform for GPUs (CUDA, HIP, OpenCL). The platforms CPU and Reference compute its custom "
        "forces some hundred times slower than GAFF's; for these, make the System in Python, by "
        'hybridff.to_openmm(model, platform="CPU"): it takes the compiled route, which no file can hold.'
    )


def _table(comparisons: Sequence[Agreement]) -> bool:
    """Print how far routes agree; whether they all do."""
    say(f"{'largest relative deviation':44s} {'energy':>9s} {'force':>9s} {'allowed':>9s}")
    for item in comparisons:
        energy = "–" if item.energy is None else f"{item.energy:.1e}"
        verdict = "agrees" if item.passed else "DIFFERS"
        say(f"{item.name:44s} {energy:>9s} {item.force:9.1e} {item.tolerance:9.1e}  {verdict}")
    return all(item.passed for item in comparisons)


def _positions(molecule: Molecule) -> np.ndarray:
    placed = molecule.placed()
    assert placed.positions is not None
    return placed.positions
