"""Class II fitted to few labels of rMD17's ten molecules, alone and pre-trained on GFN2-xTB, beside published models.

Published: mean absolute errors of MACE trained on 50 frames (I. Batatia, D. P. Kovács, G. N. C. Simm, C. Ortner,
G. Csányi, NeurIPS 35 (2022)); other samples of the same trajectories, at the same level.

Usage: python scripts/table_few_labels.py [SET …] [--train 50] [--seeds 3] [--pretrain none gfn2-xtb] [--gate none]
"""

from collections.abc import Iterator, Sequence
from time import perf_counter

import numpy as np
from common import options_of, read_set, table

import hybridff as hf
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.jobs.pretraining import Untaught, pretrained
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, EV, FORCE_KCAL

MACE = {
    "aspirin": (17.0, 43.9),
    "azobenzene": (5.4, 17.7),
    "benzene": (0.7, 2.7),
    "ethanol": (6.7, 32.6),
    "malonaldehyde": (10.0, 43.3),
    "naphthalene": (2.1, 9.2),
    "paracetamol": (9.7, 31.5),
    "salicylic": (6.5, 28.4),
    "toluene": (3.1, 12.1),
    "uracil": (4.4, 25.9),
}
"""Published errors of MACE: energy [meV] and force [meV/Å], MAE."""
MEV = EV / 1000


def fitted(data: BenchmarkSet, n_train: int, seed: int, pretrain: str, gate: GateOptions) -> tuple[Errors, bool, float]:
    """Errors on frames that nothing saw, whether the fit passed the gate, and seconds of pre-training and fit."""
    rows, begin = data.split(n_train, 0, len(data.frames), seed), perf_counter()
    train = data.frames.subset(rows.train)
    start = hf.ForceField.build(data.molecule, data.start, form="class2", geometries=train.positions)
    if pretrain != "none":
        (taught,) = pretrained([Untaught(data.molecule, data.start, train)], hf.FitJob.of(pretrain=pretrain, seed=seed))
        start = taught.force_field
    found = fit_stable([(start, train)], gate=gate)
    errors = evaluate(found.result.force_field, data.frames.subset(rows.test), found.result.energy_offset)
    return errors, found.passed, perf_counter() - begin


def cell(found: Sequence[tuple[Errors, bool, float]], gate: GateOptions) -> list[str]:
    """MAE of energies and forces, RMSE of forces, time, and how many passed the gate."""
    maes = [(e.energy_mae / MEV, (e.force_mae or np.nan) / (MEV / ANGSTROM)) for e, _, _ in found]
    energy, force = np.mean(maes, 0)
    rmse = float(np.mean([(e.force_rmse or np.nan) / FORCE_KCAL for e, _, _ in found]))
    passed = "" if gate.gate == "none" else f", {sum(ok for _, ok, _ in found)} of {len(found)} stable"
    return [f"{energy:.1f} / {force:.1f}", f"{rmse:.2f}", f"{np.mean([s for _, _, s in found]):.0f} s{passed}"]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=list(MACE))
    parser.add_argument("--train", nargs="+", type=int, default=[50])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pretrain", nargs="+", default=["none", "gfn2-xtb"])
    parser.add_argument("--gate", choices=("short", "full", "none"), default="none")
    options = parser.parse_args()
    header, gate = ["set", "labels"], GateOptions(gate=options.gate)
    for name in options.pretrain:
        header += [f"pretrain {name}: energy / force MAE [meV, meV/Å]", "force RMSE [kcal/mol/Å]", "time"]

    def rows() -> Iterator[list[str]]:
        for name in options.sets:
            data = read_set(f"{name}_rmd17")
            for n_train in options.train:
                cells = [name, str(n_train)]
                for pretrain in options.pretrain:
                    found = [fitted(data, n_train, seed, pretrain, gate) for seed in range(options.seeds)]
                    cells += cell(found, gate)
                energy, force = MACE.get(name, (np.nan, np.nan))
                yield [*cells, f"{energy} / {force}" if n_train == 50 else ""]

    table([*header, "MACE (published)"], rows())


if __name__ == "__main__":
    main()
