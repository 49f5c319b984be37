"""Sections that have to be computed after a fit: scans, frequencies, free energies, speed, learning curve.

Each may fail or take too long; then a sentence stands in its place, and the fit is none the worse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.analysis.minima import SAME_SHAPE, Minimum, distinct_minima, guesses, relaxed_minimum, rmsd
from hybridff.analysis.modes import Modes, matching, modes_of
from hybridff.analysis.populations import basins_of, distinguishing_rotors, free_energy, populations
from hybridff.analysis.sampling import SamplingOptions, sample
from hybridff.analysis.scan import Scan, relaxed_scan
from hybridff.analysis.torsions import angles_of
from hybridff.document.blocks import Block, Section, Table
from hybridff.errors import DynamicsError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.export.context import minimise, new_context
from hybridff.export.routes import best_route, to_openmm
from hybridff.export.timing import step_time
from hybridff.gaff.forcefield import ForceField
from hybridff.jobs.correcting import CorrectedMolecule
from hybridff.molecules.graph import chain_name
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import Rotor, equal_rotors
from hybridff.progress import Progress
from hybridff.report import pictures
from hybridff.report.before_after import BeforeAfter
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

_EVERY = 15.0
"""From one angle of a scan to the next [degrees]."""
_PATIENCE = 8.0
"""Time for all scans, and for all minima, after which no other is begun [s]."""
_SAMPLING = 10.0
"""Time for all sampling of the two force fields, about [s]."""
_RUNS = 4
_LENGTHS = (500.0, 250.0, 100.0, 50.0, 25.0)
"""Lengths of a run, of which the longest is taken that there is time for [ps]."""
_TEMPERATURE, _HOTTEST = 300.0, 500.0
"""Temperature of free energies, and the hottest of the tempering that samples them [K]."""
_SAMPLING_STEP, _SPEED_STEP = 1.0, 0.5
"""Time steps of the sampling, and of the dynamics whose speed is measured [fs]."""
_MOST_ROTORS = 8
_BINS = 24
_GUESSES, _MOST_MINIMA = 30, 12
"""Conformers that are searched for, and how many of the lowest are relaxed."""


@dataclass(frozen=True)
class Speed:
    """Speed of a force field in dynamics of the isolated molecule."""

    microseconds: float
    """Time of a step [µs]."""

    @property
    def ns_per_day(self) -> float:
        """Length of dynamics that a day gives with steps of 0.5 fs [ns/day]."""
        return _SPEED_STEP * 1e-6 / (self.microseconds * 1e-6) * 86400


def speeds(pair: BeforeAfter) -> dict[str, Speed]:
    """Time of a step of Langevin dynamics on the Reference platform, by the faster route."""
    return {name: Speed(_step_time(model, pair)) for name, model in pair.models.items()}


def speed_section(found: Mapping[str, Speed]) -> Section:
    """Steps of both force fields."""
    before, after = found
    ratio = found[after].microseconds / found[before].microseconds
    rows = tuple((name, f"{one.microseconds:.1f}", f"{one.ns_per_day:.0f}") for name, one in found.items())
    sentence = (
        f"From {before} to {after}, a step takes {ratio:.2g} times as long: one isolated molecule, OpenMM's Reference "
        f"platform, Langevin dynamics with steps of {_SPEED_STEP:g} fs, the faster route of each, on this machine just "
        "after the fit. In solution, most of the time goes into the solvent."
    )
    header = ("force field", "µs per step", "ns per day")
    return Section("Speed", (sentence,), Table(header, rows), page_only=True)


def scan_section(pair: BeforeAfter, training: Float[np.ndarray, "frames atoms 3"], progress: Progress) -> Section:
    """Relaxed scans of every rotor, with the angles that training frames have."""
    rotors, begin = pair.rotors()[:_MOST_ROTORS], perf_counter()
    if not rotors:
        return Section("Torsion scans", ("The molecule has no bond that turns freely.",), page_only=True)
    found: list[Block] = []
    total, angles = len(rotors) * len(pair.models), np.arange(-180.0, 180.0, _EVERY) * DEGREE
    calculators = {name: HybridFFCalculator(model) for name, model in pair.models.items()}
    for number, rotor in enumerate(rotors):
        if perf_counter() - begin > _PATIENCE:
            break
        scans: dict[str, Scan] = {}
        for place, (name, calculator) in enumerate(calculators.items()):
            share = partial(_share, progress, number * len(pair.models) + place, total)
            scans[name] = relaxed_scan(
                pair.molecule, calculator, [rotor], [angles], begin=_positions(pair), progress=share
            )
        label = chain_name(pair.molecule, rotor)
        found.append(pictures.scan(scans, label, _seen(pair.molecule, rotor, training)))
    sentences = [
        f"Energy along each torsion, all else relaxed, a point every {_EVERY:g}°, each curve above its own lowest "
        "point. The strip at the bottom shows the angles of training frames, darker where there are more; away from "
        "it no frame tells the fit what to do.",
    ]
    left = len(pair.rotors()) - len(found)
    if left:
        names = ", ".join(chain_name(pair.molecule, rotor) for rotor in pair.rotors()[len(found) :])
        sentences.append(f"Left out, to save time: {names}. The command hybridff analyse scan makes these.")
    return Section("Torsion scans", tuple(sentences), more=tuple(found), page_only=True)


def frequency_section(pair: BeforeAfter, progress: Progress) -> Section:
    """Normal modes of both force fields at their own minima."""
    found: dict[str, Modes] = {}
    for number, (name, model) in enumerate(pair.models.items()):
        found[name] = modes_of(pair.molecule.numbers, _positions(pair), HybridFFCalculator(model))
        progress((number + 1) / len(pair.models))
    before, after = found
    columns = {after: found[after].frequencies}
    columns = {before: found[before].frequencies[matching(found[after], found[before])], **columns}
    moved = columns[after] - columns[before]
    sentences = [
        "Harmonic frequencies, each force field at its own minimum; which mode is which is told by their overlap. From "
        f"{before} to {after} they move by {np.abs(moved).mean():.0f} cm⁻¹ on average, at most by "
        f"{moved[np.abs(moved).argmax()]:+.0f} cm⁻¹.",
    ]
    for name, own in found.items():
        if own.frequencies.min() < 0:
            sentences.append(f"{name} ends at no minimum: {-own.frequencies.min():.0f}i cm⁻¹.")
    away = rmsd(pair.molecule, found[before].positions, found[after].positions)
    if away > SAME_SHAPE:
        sentences.append(
            f"The two relax to different conformers, {away / ANGSTROM:.2f} Å from each other, with other modes."
        )
    rows = tuple((str(i + 1), *(f"{own[i]:.0f}" for own in columns.values())) for i in range(len(moved)))
    table = Table(("mode", *columns), rows, f"All {len(rows)} frequencies [cm⁻¹]", folded=True)
    return Section(
        "Frequencies", tuple(sentences), pictures=(pictures.spectrum(columns),), more=(table,), page_only=True
    )


def free_energy_section(
    pair: BeforeAfter, training: Float[np.ndarray, "frames atoms 3"], speed: Mapping[str, Speed], progress: Progress
) -> Section:
    """Free energies along the torsions that tell conformers apart, from simulated tempering."""
    title, molecule = "Free energies at 300 K", pair.molecule
    rotors = distinguishing_rotors(molecule)[:_MOST_ROTORS] or pair.rotors()[:1]
    if not rotors:
        return Section(title, ("The molecule has no bond that turns freely.",), page_only=True)
    picosecond = 1000 / _SAMPLING_STEP * 1e-6 * _RUNS * sum(one.microseconds for one in speed.values())
    time = next((length for length in _LENGTHS if length * picosecond < _SAMPLING), None)
    if time is None:
        return Section(
            title,
            (
                f"Left out: {_RUNS} runs of {_LENGTHS[-1]:g} ps of both force fields would take "
                f"{_LENGTHS[-1] * picosecond:.0f} s. The command hybridff analyse populations makes them.",
            ),
            page_only=True,
        )
    options = SamplingOptions(
        temperatures=(_TEMPERATURE,), hottest=_HOTTEST, runs=_RUNS, time=time / 1000, step=_SAMPLING_STEP
    )
    angles, found = {}, {}
    for number, (name, model) in enumerate(pair.models.items()):
        share = partial(_share, progress, number, len(pair.models))
        angles[name] = _sampled(model, pair, rotors, options, share)
        found[name] = [
            free_energy([own[:, i : i + 1] for own in angles[name]], _TEMPERATURE, _BINS) for i in range(len(rotors))
        ]
    drawn = tuple(
        pictures.profile(
            {name: own[i] for name, own in found.items()}, chain_name(molecule, rotor), _seen(molecule, rotor, training)
        )
        for i, rotor in enumerate(rotors)
    )
    sentences = (
        f"Of one isolated molecule, from {_RUNS} runs of {time:g} ps of simulated tempering up to {_HOTTEST:g} K; "
        "bands are standard errors from the scatter of the runs, and gaps are angles that no run came to. Where bands "
        "are broad or barriers high, take longer runs: hybridff analyse populations.",
    )
    shares = (_populations(pair, angles, rotors),) if rotors == distinguishing_rotors(molecule) else ()
    return Section(title, sentences, pictures=drawn, more=shares, page_only=True)


def distance_section(corrected: CorrectedMolecule, pair: BeforeAfter) -> Section:
    """How far frames that were not trained on are from those that were, as the kernels see them."""
    values = {f"{pair.part} frames": corrected.model.force_field.distance(pair.frames.positions)}
    (found,) = values.values()
    sentence = (
        f"Distance 1 is about that of training frames from each other. Of the {len(found)} {pair.part} frames, "
        f"{100 * np.mean(found > 1):.1f} % are further away, the furthest at {found.max():.2g}; kernels "
        "know little there."
    )
    drawn = pictures.histogram(values, "distance from the training data", 1.0)
    return Section("Distance from the training data", (sentence,), pictures=(drawn,), page_only=True)


def _populations(pair: BeforeAfter, angles: Mapping[str, Sequence[np.ndarray]], rotors: Sequence[Rotor]) -> Block:
    """Populations of the minima of the fitted force field in the dynamics of both; a sentence where it has none."""
    molecule, (*_, after) = pair.molecule, pair.models
    try:
        known = _minima(molecule, pair.models[after])
    except Exception as error:  # noqa: BLE001 (the free energies are there, whatever becomes of this)
        return f"There are no populations of minima: {error}"
    if not known:
        return f"There are no populations of minima: no relaxation by {after} ended."
    places = np.array([minimum.positions for minimum in known])
    found, basins = angles_of(places, rotors), basins_of(molecule, places, rotors)
    shares = {name: populations(runs, basins) for name, runs in angles.items()}
    rows = tuple(
        (
            ", ".join(f"{angle:.0f}" for angle in found[i] / DEGREE),
            f"{(minimum.energy - known[0].energy) / KCAL_MOL:.2f}",
            *(_percent(mean[i], error[i]) for mean, error in shares.values()),
        )
        for i, minimum in enumerate(known)
    )
    names = ", ".join(chain_name(molecule, rotor) for rotor in rotors)
    caption = (
        f"Minima of {after}, of at most {_MOST_MINIMA} conformers, and how much of the time the molecule spends "
        "nearest to each, equal atoms exchanged, and to its mirror image where dynamics get there. Torsions: "
        f"{names}."
    )
    return Table(("torsions [°]", "energy [kcal/mol]", *(f"{name} [%]" for name in shares)), rows, caption)


def _minima(molecule: Molecule, model: ForceField) -> list[Minimum]:
    """The different ones next to the lowest conformers of a search, as many as there is time for."""
    calculator, begin, ended = HybridFFCalculator(model), perf_counter(), []
    for guess in guesses(molecule, _GUESSES)[:_MOST_MINIMA]:
        if perf_counter() - begin < _PATIENCE:
            ended.append(relaxed_minimum(molecule, calculator, guess.positions))
    return distinct_minima(molecule, [minimum for minimum in ended if minimum is not None])


def _percent(share: float, error: float) -> str:
    return f"{100 * share:.0f}" + (f" ± {100 * error:.0f}" if np.isfinite(error) else "")


def _sampled(
    model: ForceField, pair: BeforeAfter, rotors: Sequence[Rotor], options: SamplingOptions, progress: Progress
) -> list[Float[np.ndarray, "frames torsions"]]:
    """Torsions of the frames of each run [rad]."""
    runs, system = [], to_openmm(model, best_route(model, "Reference"))
    for run in range(options.runs):
        frames = sample(
            system,
            pair.molecule,
            _positions(pair),
            options,
            run,
            partial(_share, progress, run, options.runs),
        )[_TEMPERATURE]
        runs.append(angles_of(frames, rotors))
    return [own for own in runs if len(own)]


def _share(progress: Progress, number: int, total: int, part: float) -> None:
    """Say how far the whole is, from how far one of so many parts is."""
    progress((number + part) / total)


def _step_time(model: ForceField, pair: BeforeAfter) -> float:
    """Time of a step of dynamics from the minimum [µs]; raises ``DynamicsError`` where these blow up."""
    system = to_openmm(model, best_route(model, "Reference"))
    context = new_context(system, openmm.VerletIntegrator(_SPEED_STEP / 1000))
    context.setPositions(_positions(pair))
    seconds = step_time(system, minimise(context)[0], _SPEED_STEP / 1000)
    if seconds is None:
        raise DynamicsError("dynamics blew up: the energy is no longer finite.")
    return seconds * 1e6


def _seen(molecule: Molecule, rotor: Rotor, frames: Float[np.ndarray, "frames atoms 3"]) -> Float[np.ndarray, " _"]:
    """Angles [degrees] of a torsion, and of those that symmetry makes equal to it, in frames."""
    return np.concatenate([angles_of(frames, [own])[:, 0] for own in equal_rotors(molecule, rotor)]) / DEGREE


def _positions(pair: BeforeAfter) -> Float[np.ndarray, "atoms 3"]:
    positions = pair.molecule.positions
    assert positions is not None
    return positions
