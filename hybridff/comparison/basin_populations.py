"""Populations of a molecule's minima by models, and what the reference method would make of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.analysis.populations import distinguishing_rotors
from hybridff.analysis.reweighting import Reweighted, reweighted
from hybridff.analysis.sampling import SamplingOptions, mean_and_error, sample
from hybridff.analysis.torsions import angles_of
from hybridff.export.modelfile import SavedModel
from hybridff.export.routes import best_route, to_openmm
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.progress import Say, quiet
from hybridff.reference.labels import labelled_energy
from hybridff.reference.minima import ReferenceMinima
from hybridff.reference.pyscf_level import PySCFLevel
from hybridff.units import KCAL_MOL

KEPT = 200
"""Number of frames of each temperature that a run keeps."""
Run = Mapping[str, np.ndarray]
"""Torsions [rad] at each temperature of a run and some frames [nm], under "300" and "300 frames", say."""


def tempering(
    force_field: ForceField, starts: Float[np.ndarray, "frames atoms 3"], seed: int, options: SamplingOptions
) -> dict[str, np.ndarray]:
    """One run of a model from one of the ``starts`` [nm]; raises ``DynamicsError`` as ``sample`` does."""
    start = starts[np.random.default_rng(seed).integers(len(starts))]
    system = to_openmm(force_field, best_route(force_field, "Reference"))
    rotors, found = distinguishing_rotors(force_field.molecule), dict[str, np.ndarray]()
    for kelvin, own in sample(system, force_field.molecule, start, options, seed).items():
        found[f"{kelvin:g}"] = angles_of(own, rotors)
        found[f"{kelvin:g} frames"] = own[np.linspace(0, len(own) - 1, min(KEPT, len(own))).astype(int)]
    return found


def run_shares(runs: Sequence[Run], kelvin: float, minima: ReferenceMinima) -> Float[np.ndarray, "runs minima"]:
    """Shares of the minima in each run at a temperature [K]."""
    return np.array([minima.shares(run[f"{kelvin:g}"]) for run in runs])


def mean_shares(
    runs: Sequence[Run], kelvin: float, minima: ReferenceMinima
) -> tuple[Float[np.ndarray, " minima"], Float[np.ndarray, " minima"]]:
    """Mean shares of the minima and their standard errors, runs weighed alike; no errors of one run alone."""
    means, errors = mean_and_error(list(run_shares(runs, kelvin, minima)))
    return means, np.nan_to_num(errors)


def labelled_frames(
    runs: Sequence[Run], kelvin: float, minima: ReferenceMinima, *, wanted: int, level: PySCFLevel, say: Say = quiet
) -> dict[str, np.ndarray]:
    """Reference energies [kJ/mol] of so many frames of each minimum that runs have kept at a temperature [K].

    Arrays ``positions`` [nm], ``basins`` and ``energies``.
    """
    visited = np.concatenate([run[f"{kelvin:g} frames"] for run in runs])
    basins = minima.nearest(angles_of(visited, minima.rotors))
    random = np.random.default_rng(0)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(basins == i))[:wanted] for i in range(len(minima.heights))]
    )
    energies = []
    for i, frame in enumerate(visited[chosen]):
        energies.append(labelled_energy(minima.molecule.symbols, frame, level))
        say(f"{kelvin:g} K: {i + 1} of {len(chosen)} reference energies")
    return {"positions": visited[chosen], "basins": basins[chosen], "energies": np.array(energies)}


def reference_populations(
    labels: Mapping[str, np.ndarray], runs: Sequence[Run], kelvin: float, minima: ReferenceMinima, model: ForceField
) -> Reweighted:
    """Populations that the reference method would have at a temperature [K], from labels of frames of a model."""
    off = labels["energies"] - predict(model, labels["positions"])[0]
    return reweighted(run_shares(runs, kelvin, minima), labels["basins"], off, kelvin)


def minima_cell(minima: ReferenceMinima, model: ForceField) -> str:
    """Energies of a model's minima [kcal/mol], in brackets where it has none there and ended in another."""
    found = [(energy / KCAL_MOL, place) for energy, place in minima.relaxed(model)]
    lowest = found[0][0]
    return " / ".join(
        f"{energy - lowest:.2f}" if place == i else f"({energy - lowest:.2f}: {place + 1})"
        for i, (energy, place) in enumerate(found)
    )


def share_cell(means: Float[np.ndarray, " minima"], errors: Float[np.ndarray, " minima"]) -> str:
    """Shares of the minima with their errors [%]."""
    return " / ".join(f"{100 * mean:.0f} ± {100 * error:.0f}" for mean, error in zip(means, errors, strict=True))


@dataclass(frozen=True, eq=False)
class SampledModel:
    """A model and what was sampled of it."""

    name: str
    """Name of its recipe."""
    saved: SavedModel
    """The model, with its errors in its provenance."""
    runs: Sequence[Run]
    """Finished runs."""
    labels: Mapping[float, Mapping[str, np.ndarray]]
    """Labelled frames by temperature [K]; none where the reference method was not asked."""


@dataclass(frozen=True, eq=False)
class PopulationTable:
    """Populations of the minima by all models."""

    rows: Sequence[Sequence[str]]
    """Cells: the model, its errors, energies of its minima, populations by temperature, and its runs."""
    shares: Mapping[str, Mapping[float, tuple[np.ndarray, np.ndarray]]]
    """Shares of the minima and their errors, by model and temperature [K]."""
    remarks: Sequence[str]
    """What is to be said of each model."""


def population_table(
    models: Sequence[SampledModel], minima: ReferenceMinima, kelvins: Sequence[float], length: str
) -> PopulationTable:
    """A row for the reference and for each model; ``length`` is that of a run, in words."""
    heights = " / ".join(f"{height / KCAL_MOL:.2f}" for height in minima.heights)
    rows = [["**reference**", "", heights, *("" for _ in kelvins), ""]]
    shares, remarks = dict[str, Mapping[float, tuple[np.ndarray, np.ndarray]]](), list[str]()
    for own in models:
        model, errors = own.saved.force_field, " / ".join(f"{error:.2f}" for error in own.saved.provenance["errors"])
        cells, lasted = [""] * len(kelvins), ""
        if own.runs:
            shares[own.name] = {kelvin: mean_shares(own.runs, kelvin, minima) for kelvin in kelvins}
            cells, lasted = [share_cell(*found) for found in shares[own.name].values()], f"{len(own.runs)} × {length}"
        rows.append([own.name, errors, minima_cell(minima, model), *cells, lasted])
        if own.labels:
            name = f"reference, by frames of {own.name}"
            found = {k: reference_populations(own.labels[k], own.runs, k, minima, model) for k in kelvins}
            shares[name] = {kelvin: (each.populations, each.errors) for kelvin, each in found.items()}
            rows.append([f"**{name}**", "", heights, *(share_cell(*each) for each in shares[name].values()), ""])
            spread = ", ".join(f"{each.spread / KCAL_MOL:.2f} kcal/mol at {k:g} K" for k, each in found.items())
            remarks.append(f"{own.name}: reference energies of frames less its own spread by {spread}")
        remarks += [f"{own.name}: {sentence}" for sentence in own.saved.provenance.get("kernels", ())]
    return PopulationTable(rows, shares, remarks)
