"""Vibrational density of states of ethanol at several temperatures, and shifts of its bands (Sauceda et al., Fig. 6).

Dynamics at constant energy from several starts at each temperature; a band is the mean wave number of the velocity
along bonds to hydrogen, weighted by its density above 2000/cm. Spectra that are finished are kept in the folder of
models.

Usage: python scripts/plot_vdos.py [--set ethanol_rmd17] [--train 500] [--time 20] [--runs 8] [--models table-models]
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from common import PICTURES, kept_arrays, options_of, read_set, say, table, write

from hybridff import HybridFFCalculator
from hybridff.analysis.minima import search
from hybridff.analysis.modes import modes_of
from hybridff.analysis.trajectories import Run
from hybridff.analysis.vibrations import Spectrum, SpectrumComparison
from hybridff.comparison.recipes import RECIPES, StoredModels
from hybridff.comparison.spectra import band_cell, spectrum_arrays, spectrum_of
from hybridff.errors import DynamicsError
from hybridff.units import KCAL_MOL

NAMES = ("stock GAFF", "morse", "class2", "class2 + kernel", "sgdml")
MINIMA = 2
"""Whose highest harmonic frequency is printed: trans and gauche differ."""
KELVINS = (100.0, 200.0, 300.0, 400.0)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--set", default="ethanol_rmd17")
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--names", nargs="+", choices=list(RECIPES), default=NAMES)
    parser.add_argument("--time", type=float, default=20.0, help="of a run [ps]")
    parser.add_argument("--runs", type=int, default=8, help="at each temperature")
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models and spectra")
    parser.add_argument("--picture", type=Path, default=PICTURES / "vdos.png")
    options = parser.parse_args()
    shown: dict[str, dict[float, list[Spectrum]]] = {}
    print(f"{options.set}, {options.runs} runs of {options.time:g} ps; shift from {KELVINS[0]:g} K in brackets")
    table(("model", "temperature [K]", "O-H [cm⁻¹]", "C-H [cm⁻¹]"), rows(options, shown))
    write(options.picture, SpectrumComparison(shown).picture())


def rows(options: argparse.Namespace, shown: dict[str, dict[float, list[Spectrum]]]) -> Iterator[list[str]]:
    """Rows of all models, whose spectra are added to those that are shown."""
    kept = StoredModels(options.models, read_set(options.set), options.train, say=say)
    molecule = kept.data.molecule
    for name in options.names:
        calculator = HybridFFCalculator(kept.force_field(name))
        found: dict[float, list[Spectrum]] = {}
        for kelvin in KELVINS:
            for seed in range(options.runs):
                run = Run(temperature=kelvin, time=options.time, every=0.002, seed=seed, constant_energy=True)
                path = kept.file(name, f"vdos-{options.time:g}ps-{kelvin:g}K-{seed}.npz")
                try:
                    arrays = kept_arrays(path, partial(spectrum_arrays, calculator, molecule, run))
                    found.setdefault(kelvin, []).append(spectrum_of(arrays))
                except DynamicsError as error:
                    say(f"{name}, {kelvin:g} K: {error}")
        for kelvin, several in found.items():
            coldest = None if kelvin == min(found) else found[min(found)]
            yield [name, f"{kelvin:g}", *(band_cell(several, coldest, band) for band in ("O-H", "C-H"))]
        for minimum in search(molecule, calculator, wanted=15)[:MINIMA]:
            highest = modes_of(molecule.numbers, minimum.positions, calculator).frequencies[-1]
            yield [name, f"harmonic, minimum at {minimum.energy / KCAL_MOL:.2f} kcal/mol", f"{highest:.0f}", ""]
        shown[name] = found


if __name__ == "__main__":
    main()
