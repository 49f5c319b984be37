"""Frequencies of normal modes against the reference level's own, each model at its own minimum (Kovács et al., Fig. 4).

References are the files of ``make_hessian.py``. Modes are told by their overlap with the reference's. N-methylacetamide
comes twice: with all frames, and with those of the trans amide, which is what the reference's minimum is, up to 30
kcal/mol above the lowest.

Usage: python scripts/table_frequencies.py [--sets ethanol_rmd17 …] [--train 500] [--models table-models]
                                           [--picture docs/images/frequencies.png]
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from recipes import all_made, sgdml_fits

from hybridff import HybridFFCalculator
from hybridff.analysis.minima import rmsd
from hybridff.analysis.modes import matching, modes_of, normal_modes, read_reference
from hybridff.analysis.torsions import angles_of
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set
from hybridff.units import ANGSTROM, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
ISOMERS = {"nma_b3lyp-trans": ("nma_b3lyp", (3, 4, 7, 6), 30.0)}
"""Sets of the frames whose torsion is nearer than 60° to the reference minimum's: of which file, the torsion, and the
highest energy [kcal/mol]."""
SETS = ("ethanol_rmd17", "nma_b3lyp", *ISOMERS, "aspirin_rmd17")
POINTS = {"nma_b3lyp": 100, "nma_b3lyp-trans": 200, "aspirin_rmd17": 150}
"""Of kernels beside terms, so that a processor trains them in minutes."""
NAMES = ("stock GAFF", "harmonic", "morse", "class2", "class2 + kernel", "sgdml")
COLOURS = ("#b8b8b8", "#b8862b", "#7a9a3b", "#0b6e99", "#8d5aa5", "#666666")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models")
    parser.add_argument("--hessians", type=Path, default=Path("docs/data"), help="folder of hessian-<set>.npz")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/frequencies.png"))
    options = parser.parse_args()
    off: dict[str, dict[str, np.ndarray]] = {}
    known: dict[str, np.ndarray] = {}
    print("| set | model | energy / force RMSE | mean | largest, of the mode at | RMSD of the minimum [Å] |")
    print("| --- " * 6 + "|")
    for name in options.sets:
        file, torsion, highest = ISOMERS.get(name, (name, None, np.inf))
        data = read_trial_set(DATA / f"{file}.npz", highest=highest * KCAL_MOL)
        begin, second = read_reference(options.hessians / f"hessian-{file}.npz", data.molecule)
        if torsion is not None:
            data = isomer(data, name, torsion, begin)
        reference = normal_modes(data.molecule.numbers, begin, second)
        known[name] = reference.frequencies
        names = [own for own in options.names if own != "sgdml" or sgdml_fits(len(begin), options.train)]
        for model, saved in all_made(names, data, options.train, options.models, POINTS.get(name)).items():
            calculator = HybridFFCalculator(saved.force_field)
            own = modes_of(data.molecule.numbers, begin, calculator)
            wrong = own.frequencies[matching(reference, own)] - reference.frequencies
            off.setdefault(name, {})[model] = wrong
            worst = int(np.abs(wrong).argmax())
            errors = " / ".join(f"{error:.2f}" for error in saved.provenance["errors"])
            away = rmsd(data.molecule, own.positions, begin) / ANGSTROM
            print(
                f"| {name} | {model} | {errors} | {np.abs(wrong).mean():.1f} | {wrong[worst]:+.0f}, "
                f"{reference.frequencies[worst]:.0f} | {away:.3f} |",
                flush=True,
            )
    draw(known, off, options.picture)


def isomer(data: TrialSet, name: str, torsion: tuple[int, int, int, int], minimum: np.ndarray) -> TrialSet:
    """The frames whose torsion is like that of a minimum [nm]."""
    own, wanted = angles_of(data.frames.positions, [torsion]), angles_of(minimum[None], [torsion])
    kept = np.flatnonzero(np.cos(own - wanted)[:, 0] > 0.5)
    segments = None if data.segments is None else data.segments[kept]
    return replace(data, name=name, frames=data.frames.subset(kept), segments=segments)


def draw(known: dict[str, np.ndarray], off: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Errors of every mode, a panel for each set."""
    figure, panels = plt.subplots(len(off), 1, figsize=(7.6, 2.3 * len(off) + 0.6), squeeze=False, layout="constrained")
    for axes, (name, own) in zip(panels.ravel(), off.items(), strict=True):
        for (model, wrong), mark in zip(own.items(), "xsoD^v", strict=False):
            colour = COLOURS[NAMES.index(model)]
            label = f"{model}: {np.abs(wrong).mean():.1f} cm⁻¹"
            axes.plot(known[name], np.abs(wrong), mark, color=colour, markersize=4.5, label=label)
        axes.set(yscale="log", ylabel="error [cm⁻¹]", title=name, ylim=(0.1, None))
        axes.grid(color="0.9", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="mean")
    panels[-1, 0].set_xlabel("frequency of the reference [cm⁻¹]")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
