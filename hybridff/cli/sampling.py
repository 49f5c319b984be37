"""More of ``hybridff analyse``: what comes from dynamics by several methods, all in OpenMM."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.analysis.distances import all_pairs, compare_distances, parse_pair
from hybridff.analysis.extrapolation import OwnFrames, compare_own_errors
from hybridff.analysis.methods import STOCK, method, running
from hybridff.analysis.minima import search
from hybridff.analysis.populations import compare_free_energies, compare_populations, telling_rotors
from hybridff.analysis.sampling import SamplingOptions, sample_all
from hybridff.analysis.torsions import parse_torsion
from hybridff.analysis.vibrations import SpectrumOptions, compare_spectra
from hybridff.cli.analysing import (
    MethodOptions,
    Others,
    Picture,
    Table,
    analyse,
    check_outputs,
    frames_of,
    methods,
    options_of,
    put_out,
    read_minima,
)
from hybridff.cli.terminal import progress, say
from hybridff.errors import InputError
from hybridff.export.dynamics import parse_time
from hybridff.export.modelfile import read_model

Sampling = Annotated[SamplingOptions | None, Parameter(name="*")]


@analyse.command
def vdos(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    temperatures: Annotated[tuple[float, ...], Parameter(help="Temperatures of the dynamics [K].", negative="")] = (
        100.0,
        200.0,
        300.0,
        400.0,
    ),
    time: Annotated[str, Parameter(help="Length of each run at constant energy.")] = "20 ps",
    runs: Annotated[int, Parameter(help="Runs at each temperature, whose scatter gives the errors.")] = 4,
    seed: Annotated[int, Parameter(help="Seed of the first run; the others count on.")] = 0,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Vibrational density of states from dynamics at constant energy, and where the bands of bonds to hydrogen lie."""
    plan = SpectrumOptions(temperatures=temperatures, time=parse_time(time, "the time"), runs=runs, seed=seed)
    check_outputs(table, picture)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    with progress("spectra") as advance:
        found = compare_spectra(molecule, calculators, plan, say=say, progress=advance)
    put_out(found, table, picture)


@analyse.command(name="populations")
def basin_populations(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    torsion: Annotated[
        list[str] | None,
        Parameter(
            help="Numbers of its four atoms, such as 3,1,2,9: free energies along it. Twice for a map.", negative=""
        ),
    ] = None,
    reference: Annotated[
        Path | None, Parameter(help="Minima with energies, in any format that fit reads; MODEL's own if left out.")
    ] = None,
    bins: Annotated[int, Parameter(help="Bins of each torsion.")] = 36,
    sampling: Sampling = None,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Populations of minima, or free energies along one or two torsions, from dynamics, with standard errors.

    A frame belongs to the minimum whose torsions about bonds that turn are nearest, equal atoms exchanged, and of its
    mirror image where dynamics get there.
    """
    if torsion is not None and not 1 <= len(torsion) <= 2:
        raise InputError(f"free energies are along one or two torsions, not {len(torsion)}.")
    if torsion is not None and reference is not None:
        raise InputError("minima mean nothing for free energies along torsions; leave --reference or --torsion out.")
    if bins < 2:
        raise InputError(f"option bins has to be at least 2, not {bins}.")
    check_outputs(table, picture)
    sampling = sampling or SamplingOptions()
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    chosen = telling_rotors(molecule) if torsion is None else [parse_torsion(text, molecule) for text in torsion]
    if not chosen:
        raise InputError(f"{molecule.name} has no bond that turns one conformer into another; name a --torsion.")
    known = []
    if torsion is None:
        with progress("minima") as advance, running(str(model)):
            known = (
                search(molecule, calculators[str(model)], progress=advance)
                if reference is None
                else read_minima(reference, molecule)
            )
    with progress("dynamics") as advance:
        visited = sample_all(molecule, calculators, sampling, say=say, progress=advance)
    if torsion is None:
        put_out(compare_populations(molecule, visited, known, chosen), table, picture)
    else:
        put_out(compare_free_energies(molecule, visited, chosen, bins), table, picture)


@analyse.command(name="distances")
def distance_distributions(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    pair: Annotated[
        list[str] | None,
        Parameter(help="Numbers of two atoms, such as 1,9; all pairs together if left out.", negative=""),
    ] = None,
    reference: Annotated[
        Path | None, Parameter(help="Frames to compare with, in any format that fit reads, of the same temperature.")
    ] = None,
    sampling: Sampling = None,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Distribution of distances between atoms in dynamics: of one pair or several, or of all pairs of the molecule."""
    check_outputs(table, picture)
    sampling = sampling or SamplingOptions()
    if len(sampling.temperatures) != 1:
        raise InputError(f"distances are of one temperature, not of {len(sampling.temperatures)}.")
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    pairs = all_pairs(molecule) if pair is None else [parse_pair(text, molecule) for text in pair]
    visited = {} if reference is None else {str(reference): [frames_of(reference, molecule).positions]}
    with progress("dynamics") as advance:
        runs = sample_all(molecule, calculators, sampling, say=say, progress=advance)
    visited |= {name: list(own[sampling.temperatures[0]]) for name, own in runs.items()}
    put_out(compare_distances(visited, pairs), table, picture)


@analyse.command
def extrapolate(
    model: Path,
    others: Others = (),
    /,
    *,
    reference: Annotated[str, Parameter(help="Method that labels the frames: as for further methods.")],
    temperatures: Annotated[tuple[float, ...], Parameter(help="Temperatures of the dynamics [K].", negative="")] = (
        300.0,
        600.0,
        1200.0,
    ),
    frames: Annotated[int, Parameter(help="Frames at each temperature.")] = 20,
    spacing: Annotated[str, Parameter(help="Time between two frames.")] = "0.5 ps",
    seed: Annotated[int, Parameter(help="Seed of the dynamics.")] = 0,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Errors on frames of each method's own dynamics, labelled by a reference: does it know when it is wrong?

    As in D. P. Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), Fig. 5. Energies after subtraction of a constant
    that makes their mean right at the lowest temperature.
    """
    apart = parse_time(spacing, "the spacing")
    plan = OwnFrames(temperatures=temperatures, frames=frames, spacing=apart, seed=seed)
    check_outputs(table, picture)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    label = method(reference, molecule, force_field, options_of(options).get(reference))
    with progress("own frames") as advance:
        found = compare_own_errors(molecule, calculators, label, plan, say=say, progress=advance)
    put_out(found, table, picture)
