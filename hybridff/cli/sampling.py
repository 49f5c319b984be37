"""More of ``hybridff analyse``: what comes from dynamics by several methods, all in OpenMM."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
from ase.calculators.calculator import BaseCalculator
from cyclopts import Parameter

from hybridff.analysis.distances import all_limits, distribution
from hybridff.analysis.extrapolation import OwnErrors, labelled, own_errors, own_frames
from hybridff.analysis.methods import STOCK, method, running
from hybridff.analysis.minima import search, start_of
from hybridff.analysis.populations import (
    Basin,
    angles_of,
    basins_of,
    free_energy,
    populations,
    telling_rotors,
)
from hybridff.analysis.sampling import SamplingOptions, sample
from hybridff.analysis.scan import parse_torsion
from hybridff.analysis.trajectories import STEP, Run, masses_of, system_of, trajectory
from hybridff.analysis.vibrations import Spectrum, mean_spectrum, spectrum
from hybridff.cli.analysing import (
    MethodOptions,
    Others,
    Picture,
    Table,
    analyse,
    check_outputs,
    given,
    methods,
    options_of,
    parse_pair,
    write_picture,
    write_table,
)
from hybridff.cli.terminal import progress, say
from hybridff.errors import DynamicsError, InputError
from hybridff.export.dynamics import parse_time
from hybridff.export.modelfile import read_model
from hybridff.frames.reading import read_frames
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.plots import analysis as plots_analysis

Sampling = Annotated[SamplingOptions | None, Parameter(name="*")]
Runs = dict[float, list[np.ndarray]]
"""Frames [nm] of independent runs at each temperature [K]."""


@analyse.command
def vdos(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    temperatures: Annotated[list[float], Parameter(help="[K]", negative="")] = [100.0, 200.0, 300.0, 400.0],  # noqa: B006
    time: Annotated[str, Parameter(help="Of each run at constant energy.")] = "20 ps",
    runs: Annotated[int, Parameter(help="Runs at each temperature, whose scatter gives the errors.")] = 4,
    seed: Annotated[int, Parameter(help="Of the first run.")] = 0,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Vibrational density of states from dynamics at constant energy, and where the bands of bonds to hydrogen lie."""
    if runs < 1 or seed < 0:
        raise InputError("option runs has to be at least 1, and option seed at least 0.")
    length = parse_time(time, "the time")
    plans = {
        (kelvin, run): Run(temperature=kelvin, time=length, every=4 * STEP, seed=seed + run, constant_energy=True)
        for kelvin in dict.fromkeys(temperatures)
        for run in range(runs)
    }
    check_outputs(table, picture)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    found: dict[str, dict[float, list[Spectrum]]] = {}
    with progress("spectra") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):
            share = _share(advance, number, len(calculators), name)
            with running(name), _leaving_out(name, found):
                system, start = system_of(calculator, molecule), start_of(calculator, molecule)
                for count, ((kelvin, _), plan) in enumerate(plans.items()):
                    moved = trajectory(
                        system,
                        start,
                        plan,
                        _part(share, count, len(plans)),
                    )
                    own = spectrum(moved, molecule, masses_of(system), plan.step)
                    found.setdefault(name, {}).setdefault(kelvin, []).append(own)
    if not found:
        raise InputError("no method came to an end.")
    for name, every in found.items():
        coldest = min(every)
        for kelvin, several in sorted(every.items()):
            cells = []
            for band in several[0].stretches:
                here, cold = ([own.band(band) for own in every[key]] for key in (kelvin, coldest))
                error = f" ± {np.std(here, ddof=1) / np.sqrt(len(here)):.1f}" if len(here) > 1 else ""
                shift = "" if kelvin == coldest else f" ({np.mean(here) - np.mean(cold):+.1f})"
                cells.append(f"{band} {np.mean(here):.1f}{error}{shift}")
            say(f"{name}, {kelvin:g} K: {', '.join(cells)} cm⁻¹")
    means = {name: {kelvin: mean_spectrum(own) for kelvin, own in every.items()} for name, every in found.items()}
    if table is not None:
        axis = next(iter(next(iter(means.values())).values())).wavenumbers
        columns = {
            f"{name}, {kelvin:g} K [cm]": own.density for name, every in means.items() for kelvin, own in every.items()
        }
        cells_of = ([f"{place:.2f}", *(f"{own[i]:.4e}" for own in columns.values())] for i, place in enumerate(axis))
        write_table(table, [["wave number [1/cm]", *columns], *cells_of])
    if picture is not None:
        write_picture(picture, plots_analysis.spectra(means))


@analyse.command(name="populations")
def basin_populations(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
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
    bins: Annotated[int, Parameter(help="Of a torsion.")] = 36,
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
                else given(reference, molecule)
            )
    found = _sampled(calculators, molecule, sampling)
    angles = {
        name: {kelvin: [angles_of(own, chosen) for own in several] for kelvin, several in every.items()}
        for name, every in found.items()
    }
    if torsion is None:
        basins = basins_of(molecule, np.array([own.positions for own in known]), chosen)
        _show_basins(angles, basins, [own.energy - known[0].energy for own in known], table, picture)
        return
    labels = ["-".join(molecule.label(atom) for atom in own) for own in chosen]
    several = {
        name if len(sampling.temperatures) == 1 else f"{name}, {kelvin:g} K": free_energy(own, kelvin, bins)
        for name, every in angles.items()
        for kelvin, own in every.items()
    }
    for name, profile in several.items():
        seen = np.isfinite(profile.values)
        typical = np.median(profile.errors[seen])
        error = f", median standard error {typical:.2f} kcal/mol" if np.isfinite(typical) else ""
        say(f"{name}: up to {profile.values[seen].max():.2f} kcal/mol, {seen.mean():.0%} of the bins visited{error}")
    if table is not None:
        first = next(iter(several.values()))
        header = [*(f"{label} [degrees]" for label in labels)]
        header += [title for name in several for title in (f"{name} [kcal/mol]", f"{name} standard error")]
        cells = [
            [f"{own[i]:g}" for own, i in zip(first.angles, place, strict=True)]
            + [f"{value[place]:.4f}" for own in several.values() for value in (own.values, own.errors)]
            for place in np.ndindex(*first.values.shape)
        ]
        write_table(table, [header, *cells])
    if picture is not None:
        write_picture(picture, plots_analysis.free_energies(several, labels))


@analyse.command
def distances(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
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
    n = len(molecule.numbers)
    pairs = (
        [(i, j) for i in range(n) for j in range(i)] if pair is None else [parse_pair(text, molecule) for text in pair]
    )
    several: dict[str, list[np.ndarray]] = {}
    if reference is not None:
        frames = read_frames(reference)
        check_same_elements(molecule, frames.numbers, str(reference))
        several[str(reference)] = [frames.positions]
    several |= {
        name: every[sampling.temperatures[0]] for name, every in _sampled(calculators, molecule, sampling).items()
    }
    limits = all_limits([frames for runs in several.values() for frames in runs], pairs)
    found = {name: distribution(runs, pairs, limits) for name, runs in several.items()}
    first = next(iter(found))
    for name, own in found.items():
        common = "" if name == first else f", common area with {first} {own.overlap(found[first]):.3f}"
        say(f"{name}: mean {own.mean:.3f} Å{common}")
    if table is not None:
        header = ["distance [Å]", *(title for name in found for title in (f"{name} [1/Å]", f"{name} standard error"))]
        cells = (
            [f"{place:.3f}", *(f"{value[i]:.5f}" for own in found.values() for value in (own.density, own.error))]
            for i, place in enumerate(found[first].distances)
        )
        write_table(table, [header, *cells])
    if picture is not None:
        write_picture(picture, plots_analysis.densities(found))


@analyse.command
def extrapolate(
    model: Path,
    others: Others = [],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    reference: Annotated[str, Parameter(help="Method that labels the frames: as for further methods.")],
    temperatures: Annotated[list[float], Parameter(help="[K]", negative="")] = [300.0, 600.0, 1200.0],  # noqa: B006
    frames: Annotated[int, Parameter(help="At each temperature.")] = 20,
    spacing: Annotated[str, Parameter(help="Time between two frames.")] = "0.5 ps",
    seed: Annotated[int, Parameter(help="Of the dynamics.")] = 0,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Errors on frames of each method's own dynamics, labelled by a reference: does it know when it is wrong?

    As in D. P. Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), Fig. 5. Energies after subtraction of a constant
    that makes their mean right at the lowest temperature.
    """
    if frames < 2 or seed < 0:
        raise InputError("option frames has to be at least 2, and option seed at least 0.")
    apart = parse_time(spacing, "the spacing")
    for kelvin in temperatures:
        Run(temperature=kelvin, time=frames * apart, every=apart)
    check_outputs(table, picture)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    judge = method(reference, molecule, force_field, options_of(options).get(reference))
    found: dict[str, list[OwnErrors]] = {}
    kelvins = sorted(set(temperatures))
    with progress("own frames") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):
            share = _share(advance, number, len(calculators), name)
            labels = {}
            for count, kelvin in enumerate(kelvins):
                with running(name), _leaving_out(f"{name} at {kelvin:g} K", {}):
                    start = start_of(calculator, molecule)
                    visited = own_frames(system_of(calculator, molecule), start, kelvin, frames, apart, seed)
                    labels[kelvin] = labelled(
                        visited,
                        molecule,
                        calculator,
                        judge,
                        _part(share, count, len(kelvins)),
                    )
            if labels:
                found[name] = own_errors(labels)
    if not found:
        raise InputError("no method came to an end.")
    rows = [
        [name, f"{row.temperature:g}", str(row.n_frames), f"{row.energy_rmse:.3f}", f"{row.force_rmse:.3f}"]
        for name, own in found.items()
        for row in own
    ]
    for name, at, n, energy, force in rows:
        say(f"{name}, {n} own frames at {at} K: energy RMSE {energy} kcal/mol, force RMSE {force} kcal/mol/Å")
    if table is not None:
        header = ["method", "temperature [K]", "frames", "energy RMSE [kcal/mol]", "force RMSE [kcal/mol/Å]"]
        write_table(table, [header, *rows])
    if picture is not None:
        write_picture(picture, plots_analysis.own_frames(found))


def _show_basins(
    angles: dict[str, dict[float, list[np.ndarray]]],
    basins: list[Basin],
    heights: list[float],
    table: Path | None,
    picture: Path | None,
) -> None:
    """Populations of minima, as text, table and picture."""
    found = {
        name: {kelvin: populations(own, basins) for kelvin, own in every.items()} for name, every in angles.items()
    }
    say(f"minima at {' / '.join(f'{height:.2f}' for height in heights)} kcal/mol")
    for name, every in found.items():
        for kelvin, (shares, errors) in sorted(every.items()):
            cells = [
                f"{100 * share:.1f}" + (f" ± {100 * error:.1f}" if np.isfinite(error) else "")
                for share, error in zip(shares, errors, strict=True)
            ]
            say(f"{name}, {kelvin:g} K: {' / '.join(cells)} %")
    if table is not None:
        rows = [
            [
                name,
                f"{kelvin:g}",
                number + 1,
                f"{heights[number]:.3f}",
                f"{shares[number]:.4f}",
                f"{errors[number]:.4f}",
            ]
            for name, every in found.items()
            for kelvin, (shares, errors) in sorted(every.items())
            for number in range(len(basins))
        ]
        header = ["method", "temperature [K]", "minimum", "energy [kcal/mol]", "population", "standard error"]
        write_table(table, [header, *rows])
    if picture is not None:
        labels = [f"minimum {i + 1} ({height:.2f} kcal/mol)" for i, height in enumerate(heights)]
        write_picture(picture, plots_analysis.basins(found, labels))


def _sampled(calculators: dict[str, BaseCalculator], molecule: Molecule, options: SamplingOptions) -> dict[str, Runs]:
    """Runs of every method; those that blow up are left out with a note."""
    found: dict[str, Runs] = {}
    with progress("dynamics") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):
            share = _share(advance, number, len(calculators), name)
            with running(name), _leaving_out(name, found):
                system, start = system_of(calculator, molecule), start_of(calculator, molecule)
                for run in range(options.runs):
                    part = _part(share, run, options.runs)
                    for kelvin, frames in sample(system, molecule, start, options, run, part).items():
                        found.setdefault(name, {}).setdefault(kelvin, []).append(frames)
                if any(not len(own) for several in found[name].values() for own in several):
                    del found[name]
                    say(f"Note: a run of {name} was never at one of the temperatures; lengthen --time. It is left out.")
    if not found:
        raise InputError("no method came to an end.")
    return found


@contextmanager
def _leaving_out(name: str, found: dict) -> Iterator[None]:
    """Go on without a method whose dynamics blow up, and say so."""
    try:
        yield
    except DynamicsError as error:
        found.pop(name, None)
        say(f"Note: {name} is left out: {error}")


def _share(advance: Callable[..., None], number: int, of: int, name: str) -> Callable[[float], None]:
    """Tells a bar how far one of several methods is."""
    return lambda done: advance((number + done) / of, name)


def _part(share: Callable[[float], None], number: int, of: int) -> Callable[[float], None]:
    """Tells how far one of several pieces of work is."""
    return lambda done: share((number + done) / of)
