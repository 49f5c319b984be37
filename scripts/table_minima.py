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
import math
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
import torch
from jaxtyping import Float, Int
from openmm import app, unit
from pbe import BASIS, converged, theory
from pyscf import gto

from hybridff import ForceField, SavedModel, evaluate, read_model, to_openmm, write_model
from hybridff.analysis.errors import predict
from hybridff.cache import cached_json
from hybridff.correct import correct_stable
from hybridff.corrections.choice import chosen_atoms
from hybridff.export import best_route
from hybridff.fit.conformers import find_rotors
from hybridff.gaff.forms import Form
from hybridff.geometry import torsion
from hybridff.modelfile import FILE_NAME
from hybridff.molecule import Molecule
from hybridff.output import new_file, new_folder
from hybridff.stable import GateOptions
from hybridff.trials import TrialSet, read_trial_set
from hybridff.units import ANGSTROM, BOLTZMANN, FORCE_KCAL, HARTREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
TEMPERATURES = (300.0, 500.0)
"""Whose populations are printed [K]."""
LADDER = 1.13
"""Ratio of neighbouring temperatures, about."""
STEP, FRICTION = 0.001, 2.0
"""[ps, 1/ps]"""
SAMPLE = 100
"""Steps between two frames, and between two attempts to change the temperature."""
WARM = 0.1
"""Share of a run that is not counted."""
KEPT = 200
"""Frames of each temperature that a run keeps."""
RESAMPLED = 500
"""Choices of runs and frames that tell the error of a reweighed population."""
VALIDATION = 50


@dataclass(frozen=True)
class Recipe:
    """How a model is made."""

    name: str
    form: Form | None
    """None for stock GAFF."""
    correction: str | None = None


RECIPES = (
    Recipe("stock GAFF", None),
    Recipe("harmonic", "harmonic"),
    Recipe("morse", "morse"),
    Recipe("stock GAFF + n→π*", None, "n-pi-star"),
    Recipe("harmonic + n→π*", "harmonic", "n-pi-star"),
    Recipe("class2", "class2"),
    Recipe("class2 + n→π*", "class2", "n-pi-star"),
    Recipe("class2 + kernel", "class2", "all"),
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
        own = angles(self.positions, self.rotors)
        off = [np.abs(np.exp(1j * found)[:, None] - np.exp(1j * sign * own)) ** 2 for sign in (1, -1)]
        return np.minimum(off[0].sum(-1), off[1].sum(-1)).argmin(1)


def angles(
    frames: Float[np.ndarray, "frames atoms 3"], rotors: Int[np.ndarray, "rotors 4"]
) -> Float[np.ndarray, "frames rotors"]:
    """Torsions [rad]."""
    return torsion(torch.as_tensor(frames[:, rotors])).numpy()


def telling_rotors(molecule: Molecule) -> Int[np.ndarray, "rotors 4"]:
    """Torsions about the bonds that turn one conformer into another: not those of methyl groups."""
    neighbours, kinds = molecule.neighbours, molecule.equivalent_atoms()

    def tells(rotor: tuple[int, int, int, int]) -> bool:
        ends = ((rotor[1], rotor[2]), (rotor[2], rotor[1]))
        return all(len({kinds[n] for n in neighbours[a] if n != b}) > 1 or len(neighbours[a]) == 2 for a, b in ends)

    return np.array([rotor for rotor in find_rotors(molecule) if tells(rotor)])


def read_minima(molecule: Molecule, path: Path, most: int) -> Minima:
    """The lowest of a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    chosen = content["minima"][:most]
    energies = np.array([minimum["energy"] for minimum in chosen])
    positions = np.array([minimum["positions"] for minimum in chosen]) * ANGSTROM
    return Minima(molecule, content["theory"], positions, energies - energies[0], telling_rotors(molecule))


def main() -> None:
    options = _options()
    data = read_trial_set(DATA / f"{options.set}.npz")
    options.models.mkdir(parents=True, exist_ok=True)
    recipes = [recipe for recipe in RECIPES if options.only is None or recipe.name in options.only]
    for recipe in recipes:
        if options.table:
            continue
        model = made(recipe, data, options)
        for seed in range(options.runs):
            path = run_path(recipe, seed, options)
            if not path.is_file():
                begin = time.perf_counter()
                found: dict[str, Any] = tempering(model.force_field, data.frames.positions, seed, options)
                with new_file(path) as part, part.open("wb") as file:
                    np.savez(file, **found)
                _say(f"{recipe.name}, run {seed + 1} of {options.runs}: {time.perf_counter() - begin:.0f} s")
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
    parser.add_argument("--only", nargs="+", choices=[recipe.name for recipe in RECIPES])
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
    name = recipe.name.replace(" + ", "-").replace(" ", "-").replace("n→π*", "n-pi-star")
    return options.models / f"{options.set}-{options.train}-{name}"


def run_path(recipe: Recipe, seed: int, options: argparse.Namespace) -> Path:
    """Of the angles that a run of a model has found."""
    return options.models / f"{folder(recipe, options).name}-{options.time:g}ns-{seed}.npz"


def made(recipe: Recipe, data: TrialSet, options: argparse.Namespace) -> SavedModel:
    """A model of an earlier run, or a new one."""
    path = folder(recipe, options)
    if (path / FILE_NAME).is_file():
        return read_model(path)
    _say(f"{recipe.name}: fit")
    split = data.split(options.train, VALIDATION, 1000, seed=0)
    train, validation, test = (data.frames.subset(rows) for rows in split)
    force_field, posterior = data.stock, None
    about: dict[str, Any] = {}
    gate = GateOptions(gate="short")
    if recipe.form is not None:
        result = data.fit(recipe.form, split.train, split.validation, gate=gate).result
        force_field, posterior = result.force_field, result.posteriors[0] if result.posteriors else None
    if recipe.correction is not None:
        atoms = chosen_atoms(recipe.correction, data.molecule, train.positions)
        corrected = correct_stable(force_field, train, validation, atoms, gate, posterior=posterior, say=_say)
        force_field, about = corrected.force_field, {"kernels": list(corrected.sentences())}
    errors = evaluate(force_field, test, evaluate(force_field, train).energy_offset)
    assert errors.force_rmse is not None
    about["errors"] = [errors.energy_rmse / KCAL_MOL, errors.force_rmse / FORCE_KCAL]
    with new_folder(path) as part:
        write_model(SavedModel(force_field, None, about), part)
    return read_model(path)


def tempering(
    force_field: ForceField, starts: Float[np.ndarray, "frames atoms 3"], seed: int, options: argparse.Namespace
) -> dict[str, Float[np.ndarray, "frames rotors"]]:
    """Angles at each temperature of interest."""
    n_between = max(1, round(math.log(TEMPERATURES[1] / TEMPERATURES[0]) / math.log(LADDER)))
    n_above = max(1, round(math.log(options.hottest / TEMPERATURES[1]) / math.log(LADDER)))
    ladder = [
        *np.geomspace(*TEMPERATURES, n_between + 1),
        *np.geomspace(TEMPERATURES[1], options.hottest, n_above + 1)[1:],
    ]
    route = best_route(force_field, "Reference")
    integrator = openmm.LangevinMiddleIntegrator(ladder[-1], FRICTION, STEP)
    integrator.setRandomNumberSeed(seed + 1)
    platform = openmm.Platform.getPlatformByName("Reference")
    topology = force_field.molecule.to_openmm_topology()
    simulation = app.Simulation(topology, to_openmm(force_field, route), integrator, platform)
    simulation.context.setPositions(starts[np.random.default_rng(seed).integers(len(starts))])
    simulation.minimizeEnergy(maxIterations=500)
    simulation.context.setVelocitiesToTemperature(ladder[-1], seed + 1)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        kelvins = [kelvin * unit.kelvin for kelvin in ladder]
        tempered = app.SimulatedTempering(
            simulation, kelvins, tempChangeInterval=SAMPLE, reportInterval=10**9, reportFile=nowhere
        )
        tempered_steps = round(options.time * 1000 / STEP)
        frames: dict[float, list[np.ndarray]] = {kelvin: [] for kelvin in TEMPERATURES}
        for done in range(0, tempered_steps, SAMPLE):
            tempered.step(SAMPLE)
            if done < WARM * tempered_steps:
                continue
            now = ladder[tempered.currentTemperature]
            if now in frames:
                state = simulation.context.getState(getPositions=True)
                frames[now].append(state.getPositions(asNumpy=True)._value)
    rotors = telling_rotors(force_field.molecule)
    whole = {kelvin: np.array(own).reshape(-1, len(starts[0]), 3) for kelvin, own in frames.items()}
    found = {f"{kelvin:g}": angles(own, rotors) for kelvin, own in whole.items()}
    for kelvin, own in whole.items():
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
    basins = minima.nearest(angles(visited, minima.rotors))
    random = np.random.default_rng(0)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(basins == i))[: options.check] for i in range(len(minima.heights))]
    )
    symbols = tuple(minima.molecule.symbols)
    energies = []
    for i, frame in enumerate(visited[chosen] / ANGSTROM):
        own = {"method": theory(dispersion=False), "symbols": symbols, "positions": frame.tolist()}
        energies.append(cached_json(own, partial(reference_energy, symbols, frame))["energy"])
        _say(f"{recipe.name}, {kelvin:g} K: {i + 1} of {len(chosen)} reference energies")
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
    context = openmm.Context(system, openmm.VerletIntegrator(STEP), platform)
    for positions in minima.positions:
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 0.1, 10000)
        state = context.getState(getEnergy=True, getPositions=True)
        place = int(minima.nearest(angles(state.getPositions(asNumpy=True)._value[None], minima.rotors))[0])
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
    shares = run_shares(runs, kelvin, minima)
    return shares.mean(0), shares.std(0, ddof=1) / math.sqrt(len(shares)) if len(shares) > 1 else 0 * shares[0]


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


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
