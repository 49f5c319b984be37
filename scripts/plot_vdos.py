"""Vibrational density of states of ethanol at several temperatures, and shifts of its bands (Sauceda et al., Fig. 6).

Dynamics at constant energy from several starts at each temperature; a band is the mean wave number of the velocity
along bonds to hydrogen, weighted by its density above 2000/cm. Spectra that are finished are kept in the folder of
models.

Usage: python scripts/plot_vdos.py [--set ethanol_rmd17] [--train 500] [--time 20] [--runs 8] [--models table-models]
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from recipes import RECIPES, folder_of, made, say

from hybridff import HybridFFCalculator
from hybridff.analysis.minima import search
from hybridff.analysis.modes import modes_of
from hybridff.analysis.trajectories import Run, masses_of, system_of, trajectory
from hybridff.analysis.vibrations import Spectrum, SpectrumComparison, spectrum
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.errors import DynamicsError
from hybridff.units import KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
NAMES = ("stock GAFF", "morse", "class2", "class2 + kernel", "sgdml")
MINIMA = 2
"""Whose highest harmonic frequency is printed: trans and gauche differ."""
TEMPERATURES = (100.0, 200.0, 300.0, 400.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="ethanol_rmd17")
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--names", nargs="+", choices=list(RECIPES), default=NAMES)
    parser.add_argument("--time", type=float, default=20.0, help="of a run [ps]")
    parser.add_argument("--runs", type=int, default=8, help="at each temperature")
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models and spectra")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/vdos.png"))
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    data = read_trial_set(DATA / f"{options.set}.npz")
    assert data.molecule.positions is not None
    shown: dict[str, dict[float, list[Spectrum]]] = {}
    print(f"{options.set}, {options.runs} runs of {options.time:g} ps; shift from {TEMPERATURES[0]:g} K in brackets")
    print("| model | temperature [K] | O-H [cm⁻¹] | C-H [cm⁻¹] |\n| --- | --- | --- | --- |")
    for name in options.names:
        model = made(RECIPES[name], data, options.train, options.models).force_field
        system = system_of(HybridFFCalculator(model), data.molecule)
        found: dict[float, list[Spectrum]] = {}
        for kelvin in TEMPERATURES:
            for seed in range(options.runs):
                folder = folder_of(RECIPES[name], data.name, options.train, options.models)
                path = folder.with_name(f"{folder.name}-vdos-{options.time:g}ps-{kelvin:g}K-{seed}.npz")
                if not path.is_file():
                    run = Run(temperature=kelvin, time=options.time, every=0.002, seed=seed, constant_energy=True)
                    try:
                        moved = trajectory(system, data.molecule.positions, run)
                    except DynamicsError as error:
                        say(f"{name}, {kelvin:g} K: {error}")
                        continue
                    own = spectrum(moved, data.molecule, masses_of(system), run.step)
                    arrays: dict[str, Any] = {"wavenumbers": own.wavenumbers, "density": own.density, **own.stretches}
                    np.savez(path, **arrays)
                with np.load(path) as file:
                    stretches = {key: file[key] for key in file.files if key not in ("wavenumbers", "density")}
                    found.setdefault(kelvin, []).append(Spectrum(file["wavenumbers"], file["density"], stretches))
        for kelvin, several in found.items():
            cells = [cell(several, found[min(found)], band, kelvin == min(found)) for band in ("O-H", "C-H")]
            print(f"| {name} | {kelvin:g} | {' | '.join(cells)} |", flush=True)
        for minimum in search(data.molecule, HybridFFCalculator(model), wanted=15)[:MINIMA]:
            highest = modes_of(data.molecule.numbers, minimum.positions, HybridFFCalculator(model))
            height = minimum.energy / KCAL_MOL
            print(f"| {name} | harmonic, minimum at {height:.2f} kcal/mol | {highest.frequencies[-1]:.0f} | |")
        shown[name] = found
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(SpectrumComparison(shown).picture())


def cell(several: list[Spectrum], coldest: list[Spectrum], band: str, alone: bool) -> str:
    """Mean, standard error, and the shift with its own."""
    here, start = (np.array([own.band(band) for own in every]) for every in (several, coldest))
    error, zero = (own.std(ddof=1) / np.sqrt(len(own)) for own in (here, start))
    shift = "" if alone else f" ({here.mean() - start.mean():+.0f} ± {np.hypot(error, zero):.0f})"
    return f"{here.mean():.0f} ± {error:.0f}{shift}"


if __name__ == "__main__":
    main()
