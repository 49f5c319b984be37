"""Lowest minima of a molecule and their populations: the reference, stock GAFF, refits, local terms, hybrids.

The reference minima are those of ``make_minima.py``. Every model is relaxed from each of them; a cell is its energy
above that of the reference's lowest [kcal/mol], in brackets where the model has no minimum there and ended in another.
Populations come from simulated tempering (E. Marinari, G. Parisi, Europhys. Lett. 19, 451 (1992); OpenMM's own class)
between 300 K and --hottest, several runs from different frames; a frame belongs to the minimum whose torsions about
bonds that turn are nearest, mirror images included. Errors are standard errors of the mean of the runs.

With --check, the reference method itself is sampled: it labels some frames of each minimum and temperature that the
models have visited, and every minimum's free energy is changed by -kT ln <exp(-(E_reference - E_model)/kT)> over its
frames (R. W. Zwanzig, J. Chem. Phys. 22, 1420 (1954)). Errors of that row are by the bootstrap, of runs and frames.

Models and the angles of finished runs are kept in a folder, so that what was stopped goes on.

Usage: python scripts/table_minima.py [--models table-minima] [--only class2 …] [--time 5] [--runs 4] [--table]
       python scripts/table_minima.py --models table-minima --only "class2 + kernel" --check 12
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import openmm
from jaxtyping import Float, Int
from pbe import BASIS, converged, theory
from pyscf import gto
from recipes import RECIPES, Recipe, folder_of, made, say

from hybridff import ForceField, read_model, to_openmm
from hybridff.analysis.minima import handed_alike
from hybridff.analysis.populations import basins_of, nearest, telling_rotors
from hybridff.analysis.sampling import SamplingOptions, mean_and_error, sample
from hybridff.analysis.torsions import angles_of
from hybridff.cache import cached_json
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.export.modelfile import FILE_NAME
from hybridff.export.routes import best_route
from hybridff.frames.accuracy import predict
from hybridff.molecules.molecule import Molecule
from hybridff.output import new_file
from hybridff.units import ANGSTROM, BOLTZMANN, HARTREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
TEMPERATURES = (300.0, 500.0)
"""Whose populations are printed [K]."""
KEPT = 200
"""Frames of each temperature that a run keeps."""
RESAMPLED = 500
"""Choices of runs and frames that tell the error of a reweighed population."""
NAMES = (
    "stock GAFF",
    "harmonic",
    "morse",
    "stock GAFF + n→π*",
    "harmonic + n→π*",
    "class2",
    "class2 + n→π*",
    "class2 + kernel",
)


@dataclass(frozen=True, eq=False)
class Minima:
    """Reference minima."""

    molecule: Molecule
    theory: str
    positions: Float[np.ndarray, "minima atoms 3"]
    """[nm]"""
    heights: Float[np.ndarray, " minima"]
    """[kcal/mol]"""
    rotors: Int[np.ndarray, "rotors 4"]
    """Torsions that tell them apart."""

    def nearest(self, found: Float[np.ndarray, "frames rotors"]) -> Int[np.ndarray, " frames"]:
        """The minimum that each frame belongs to, by its angles."""
        return nearest(found, basins_of(self.molecule, self.positions, [tuple(own) for own in self.rotors.tolist()]))


def read_minima(molecule: Molecule, path: Path, most: int) -> Minima:
    """The lowest of a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    chosen = content["minima"][:most]
    energies = np.array([minimum["energy"] for minimum in chosen])
    positions = np.array([handed_alike(molecule, np.array(own["positions"]) * ANGSTROM) for own in chosen])
    return Minima(molecule, content["theory"], positions, energies - energies[0], np.array(telling_rotors(molecule)))


def main() -> None:
    options = _options()
    data = read_trial_set(DATA / f"{options.set}.npz")
    options.models.mkdir(parents=True, exist_ok=True)
    recipes = [RECIPES[name] for name in options.only or NAMES]
    for recipe in recipes:
        if options.table:
            continue
        model = made(recipe, data, options.train, options.models)
        for seed in range(options.runs):
            path = run_path(recipe, seed, options)
            if not path.is_file():
                begin = time.perf_counter()
                found: dict[str, Any] = tempering(model.force_field, data.frames.positions, seed, options)
                with new_file(path) as part, part.open("wb") as file:
                    np.savez(file, **found)
                say(f"{recipe.name}, run {seed + 1} of {options.runs}: {time.perf_counter() - begin:.0f} s")
    minima = read_minima(data.molecule, options.minima / f"minima-{options.set}.json", options.most)
    for recipe in recipes if options.check else ():
        for kelvin in TEMPERATURES:
            label(recipe, kelvin, minima, options)
    print_tables([recipe for recipe in recipes if (folder(recipe, options) / FILE_NAME).is_file()], minima, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="aspirin_rmd17")
    parser.add_argument("--minima", type=Path, default=Path("docs/data"), help="folder of minima-<set>.json")
    parser.add_argument("--most", type=int, default=3, help="minima that count")
    parser.add_argument("--models", type=Path, default=Path("table-minima"), help="folder of models and runs")
    parser.add_argument("--only", nargs="+", choices=NAMES)
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--time", type=float, default=5.0, help="of a run [ns]")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--hottest", type=float, default=800.0, help="of the ladder of temperatures [K]")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/minima.png"))
    parser.add_argument("--check", type=int, default=0, help="frames of each minimum that the reference labels")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is finished")
    return parser.parse_args()


def folder(recipe: Recipe, options: argparse.Namespace) -> Path:
    """Of a model."""
    return folder_of(recipe, options.set, options.train, options.models)


def run_path(recipe: Recipe, seed: int, options: argparse.Namespace) -> Path:
    """Of the angles that a run of a model has found."""
    return options.models / f"{folder(recipe, options).name}-{options.time:g}ns-{seed}.npz"


def tempering(
    force_field: ForceField, starts: Float[np.ndarray, "frames atoms 3"], seed: int, options: argparse.Namespace
) -> dict[str, np.ndarray]:
    """Angles at each temperature of interest, and some of the frames."""
    start = starts[np.random.default_rng(seed).integers(len(starts))]
    how = SamplingOptions(temperatures=TEMPERATURES, hottest=options.hottest, time=options.time)
    system = to_openmm(force_field, best_route(force_field, "Reference"))
    frames = sample(system, force_field.molecule, start, how, seed)
    rotors, found = telling_rotors(force_field.molecule), {}
    for kelvin, own in frames.items():
        found[f"{kelvin:g}"] = angles_of(own, rotors)
        found[f"{kelvin:g} frames"] = own[np.linspace(0, len(own) - 1, min(KEPT, len(own))).astype(int)]
    return found


def label(recipe: Recipe, kelvin: float, minima: Minima, options: argparse.Namespace) -> None:
    """Reference energies of some frames of each minimum."""
    path = labels_path(recipe, kelvin, options)
    if path.is_file():
        return
    frames = []
    for seed in range(options.runs):
        with np.load(run_path(recipe, seed, options), allow_pickle=False) as file:
            frames.append(file[f"{kelvin:g} frames"])
    visited = np.concatenate(frames)
    basins = minima.nearest(angles_of(visited, minima.rotors))
    random = np.random.default_rng(0)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(basins == i))[: options.check] for i in range(len(minima.heights))]
    )
    symbols = tuple(minima.molecule.symbols)
    energies = []
    for i, frame in enumerate(visited[chosen] / ANGSTROM):
        own = {"method": theory(dispersion=False), "symbols": symbols, "positions": frame.tolist()}
        energies.append(cached_json(own, partial(reference_energy, symbols, frame))["energy"])
        say(f"{recipe.name}, {kelvin:g} K: {i + 1} of {len(chosen)} reference energies")
    with new_file(path) as part, part.open("wb") as file:
        np.savez(file, positions=visited[chosen], basins=basins[chosen], energies=np.array(energies))


def reference_energy(symbols: tuple[str, ...], positions: Float[np.ndarray, "atoms 3"]) -> dict[str, float]:
    """[kcal/mol], of positions [Å]."""
    mol = gto.M(atom=list(zip(symbols, positions.tolist(), strict=True)), basis=BASIS, verbose=0)
    return {"energy": float(converged(mol).e_tot) * HARTREE / KCAL_MOL}


def labels_path(recipe: Recipe, kelvin: float, options: argparse.Namespace) -> Path:
    """Of reference energies."""
    return options.models / f"{folder(recipe, options).name}-{kelvin:g}K-reference.npz"


def reweighed(
    recipe: Recipe, kelvin: float, runs: list[Path], minima: Minima, options: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray, float]:
    """Populations that the reference method would have and their errors, and what a model's energies are off by."""
    with np.load(labels_path(recipe, kelvin, options), allow_pickle=False) as file:
        positions, basins, energies = file["positions"], file["basins"], file["energies"]
    off = energies - predict(read_model(folder(recipe, options)).force_field, positions)[0] / KCAL_MOL
    thermal = BOLTZMANN * kelvin / KCAL_MOL
    shares = run_shares(runs, kelvin, minima)

    def populations(chosen: Int[np.ndarray, " runs"], frames: list[Int[np.ndarray, " frames"]]) -> np.ndarray:
        weights = [np.mean(np.exp(-(off[own] - off.mean()) / thermal)) if len(own) else 0.0 for own in frames]
        found = shares[chosen].mean(0) * weights
        return found / found.sum()

    own = [np.flatnonzero(basins == i) for i in range(len(minima.heights))]
    random = np.random.default_rng(0)
    sampled = [
        populations(
            random.integers(len(shares), size=len(shares)), [random.choice(o, len(o)) if len(o) else o for o in own]
        )
        for _ in range(RESAMPLED)
    ]
    left = np.concatenate([off[o] - np.mean(off) for o in own])
    return populations(np.arange(len(shares)), own), np.std(sampled, 0), float(np.sqrt(np.mean(left**2)))


def relaxed(force_field: ForceField, minima: Minima) -> Iterator[tuple[float, int]]:
    """Energy of the minimum that a model has near each of the reference's [kcal/mol], and which one that is."""
    system = to_openmm(force_field, best_route(force_field, "Reference"))
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    for positions in minima.positions:
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 0.1, 10000)
        state = context.getState(getEnergy=True, getPositions=True)
        place = int(minima.nearest(angles_of(state.getPositions(asNumpy=True)._value[None], minima.rotors))[0])
        yield state.getPotentialEnergy()._value / KCAL_MOL, place


def print_tables(recipes: list[Recipe], minima: Minima, options: argparse.Namespace) -> None:
    numbers = range(1, len(minima.heights) + 1)
    print(f"\n{options.set}, {options.train} training frames. Reference: {minima.theory}.\n")
    hot = " | ".join(f"{kelvin:g} K [%]" for kelvin in TEMPERATURES)
    print(f"| model | energy / force RMSE | energies of minima {', '.join(map(str, numbers))} | {hot} | runs |")
    print("| --- | --- | --- |" + " --- |" * len(TEMPERATURES) + " --- |")
    heights = " / ".join(f"{height:.2f}" for height in minima.heights)
    print(f"| **reference** | | {heights} |{' |' * len(TEMPERATURES)} |")
    shown: dict[str, dict[float, tuple[np.ndarray, np.ndarray]]] = {}
    remarks = []
    for recipe in recipes:
        saved = read_model(folder(recipe, options))
        found = list(relaxed(saved.force_field, minima))
        cells = [
            f"{energy - found[0][0]:.2f}" if place == i else f"({energy - found[0][0]:.2f}: {place + 1})"
            for i, (energy, place) in enumerate(found)
        ]
        own = [path for seed in range(options.runs) if (path := run_path(recipe, seed, options)).is_file()]
        shown[recipe.name] = {kelvin: populations(own, kelvin, minima) for kelvin in TEMPERATURES} if own else {}
        shares = [
            " / ".join(f"{100 * m:.0f} ± {100 * e:.0f}" for m, e in zip(*shown[recipe.name][kelvin], strict=True))
            if own
            else ""
            for kelvin in TEMPERATURES
        ]
        errors = " / ".join(f"{error:.2f}" for error in saved.provenance["errors"])
        lasted = f"{len(own)} × {options.time:g} ns" if own else ""
        print(f"| {recipe.name} | {errors} | {' / '.join(cells)} | {' | '.join(shares)} | {lasted} |")
        if all(labels_path(recipe, kelvin, options).is_file() for kelvin in TEMPERATURES):
            name = f"reference, by frames of {recipe.name}"
            checked = {kelvin: reweighed(recipe, kelvin, own, minima, options) for kelvin in TEMPERATURES}
            shown[name] = {kelvin: (shares, errors) for kelvin, (shares, errors, _) in checked.items()}
            cells = [
                " / ".join(f"{100 * m:.0f} ± {100 * e:.0f}" for m, e in zip(*shown[name][kelvin], strict=True))
                for kelvin in TEMPERATURES
            ]
            print(f"| **{name}** | | {heights} | {' | '.join(cells)} | |")
            spread = ", ".join(f"{rms:.2f} kcal/mol at {kelvin:g} K" for kelvin, (*_, rms) in checked.items())
            remarks.append(f"{recipe.name}: reference energies of frames less its own spread by {spread}")
        remarks += [f"{recipe.name}: {sentence}" for sentence in saved.provenance.get("kernels", ())]
    print("\n" + "\n".join(f"- {remark}" for remark in remarks))
    draw({name: found for name, found in shown.items() if found}, minima, options.picture)


def populations(runs: list[Path], kelvin: float, minima: Minima) -> tuple[np.ndarray, np.ndarray]:
    """Mean shares of the minima and their standard errors, runs weighed alike."""
    means, errors = mean_and_error(list(run_shares(runs, kelvin, minima)))
    return means, np.nan_to_num(errors)


def run_shares(runs: list[Path], kelvin: float, minima: Minima) -> Float[np.ndarray, "runs minima"]:
    """Of the minima in each run."""
    found = []
    for run in runs:
        with np.load(run, allow_pickle=False) as file:
            basins = minima.nearest(file[f"{kelvin:g}"])
        found.append(np.bincount(basins, minlength=len(minima.heights)) / max(1, len(basins)))
    return np.array(found)


def draw(models: dict[str, dict[float, tuple[np.ndarray, np.ndarray]]], minima: Minima, path: Path) -> None:
    """Bars of the populations, a panel for each temperature."""
    if not models:
        return
    figure, panels = plt.subplots(1, len(TEMPERATURES), figsize=(11, 3.8), sharey=True, layout="constrained")
    width = 0.8 / len(minima.heights)
    for axes, kelvin in zip(panels, TEMPERATURES, strict=True):
        for i, height in enumerate(minima.heights):
            means, errors = (np.array([model[kelvin][k][i] for model in models.values()]) * 100 for k in (0, 1))
            places = np.arange(len(models)) + (i - (len(minima.heights) - 1) / 2) * width
            axes.bar(
                places, means, width, yerr=errors, capsize=2, label=f"minimum {i + 1} (reference {height:.2f} kcal/mol)"
            )
        axes.set_xticks(range(len(models)), models, rotation=30, ha="right")
        axes.set_title(f"{kelvin:g} K")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("population [%]")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
