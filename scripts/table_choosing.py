"""Force errors by labels, chosen from a pool of frames by the posterior, by distance, or at random.

The frames of a set are split by a seed into pool and test. "same error" is the number of labels with which a choice
has the error that random ones have with all labels, by lines in the logarithms. Means over seeds.

Usage: python scripts/table_choosing.py [SET …] [--labels 10 20 30 40 50] [--seeds 3] [--pool 500]
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from common import options_of, read_set, table

from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.fitting.choosing import choose_at_random, choose_by_posterior, choose_farthest
from hybridff.fitting.fits import fit
from hybridff.fitting.left_out import left_out_errors
from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import evaluate
from hybridff.gaff.forcefield import ForceField
from hybridff.units import FORCE_KCAL, KCAL_MOL

WAYS = ("random", "posterior", "farthest")
NOISE, TARGETS = Noise(energy=0.5 * KCAL_MOL, force=1.0 * FORCE_KCAL), 100


def errors(data: BenchmarkSet, way: str, sizes: list[int], seed: int, n_pool: int) -> np.ndarray:
    """Force RMSE on the test and predicted for it, with so many labels [kcal/mol/Å]: (sizes, 2)."""
    order = np.random.default_rng(seed).permutation(len(data.frames))
    pool, test = data.frames.subset(order[:n_pool]), data.frames.subset(order[n_pool:])
    start = ForceField.build(data.molecule, data.start, form="class2", geometries=pool.positions)
    model, posterior, noise, rows, found = start, Posterior.of_priors(start), NOISE, np.zeros(0, dtype=int), []
    for size in sizes:
        left, wanted = np.setdiff1d(np.arange(n_pool), rows), size - len(rows)
        candidates, known = pool.positions[left], pool.positions[rows]
        if way == "posterior":
            targets = pool.positions[:: max(1, n_pool // TARGETS)]
            choice = choose_by_posterior(posterior, model, noise, candidates, targets, wanted, known)
        elif way == "farthest":
            choice = choose_farthest(candidates, wanted, known)
        else:
            choice = choose_at_random(len(left), wanted, seed)
        rows = np.sort(np.concatenate([rows, left[choice.rows]]))
        result = fit(start, pool.subset(rows))
        model, posterior, noise = result.force_field, result.posteriors[0], result.noise
        posterior = replace(posterior, scale=left_out_errors(posterior, model, pool.subset(rows), noise).scale)
        predicted = np.sqrt(np.mean(posterior.deviations(model, test.positions[:TARGETS])[1] ** 2))
        found.append([(evaluate(model, test).force_rmse or np.nan) / FORCE_KCAL, predicted / FORCE_KCAL])
    return np.array(found)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=["ethanol_rmd17", "aspirin_rmd17", "3bpa_mixedt"])
    parser.add_argument("--labels", nargs="+", type=int, default=[10, 20, 30, 40, 50])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pool", type=int, default=500)
    options = parser.parse_args()
    sizes, seeds = options.labels, range(options.seeds)

    def rows() -> Iterator[list[str]]:
        for name in options.sets:
            data, goal = read_set(name), np.nan
            pool = min(options.pool, 2 * len(data.frames) // 3)
            for way in WAYS:
                own = np.mean([errors(data, way, sizes, seed, pool) for seed in seeds], 0)
                goal = own[-1, 0] if way == "random" else goal
                same = np.exp(np.interp(-np.log(goal), -np.log(own[:, 0]), np.log(sizes), right=np.inf))
                yield [name, way, *(f"{actual:.2f} ({predicted:.2f})" for actual, predicted in own), f"{same:.0f}"]

    table(["set", "chosen", *(f"{size}: actual (predicted)" for size in sizes), "same error"], rows())


if __name__ == "__main__":
    main()
