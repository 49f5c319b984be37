"""Class II of ethanol fitted to few CCSD(T) frames: alone, after 500 PBE frames, and after xTB and these.

All by ``hybridff fit``: a model that was fitted to PBE frames (``ethanol_rmd17``), pre-trained on GFN2-xTB or not,
is what the fit to CCSD(T) frames (``ethanol_ccsdt``) begins with; ``+ kernel`` has a kernel on all atoms at each level.
RMSE on CCSD(T) frames that no fit saw. "without labels" is the PBE model as it is.

Usage: python scripts/table_chains.py [--train 10 25 50] [--seeds 3] [--first 500] [--correction all]
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import DATA, kcal, options_of, table

import hybridff as hf
from hybridff.frames.accuracy import Errors, evaluate

PBE, CCSDT = DATA / "ethanol_rmd17.npz", DATA / "ethanol_ccsdt.npz"
CHAINS = ("none", "pbe", "xtb, pbe")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--train", nargs="+", type=int, default=[10, 25, 50])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=500, help="PBE frames, a tenth of them for validation")
    parser.add_argument("--correction", action="append", default=[], help="all for kernels: see hybridff fit")
    options = parser.parse_args()
    kernels = " + kernel" if options.correction else ""
    with TemporaryDirectory() as folder:
        models = {chain: pbe_model(chain, Path(folder), options.first, options.correction) for chain in CHAINS[1:]}

        def rows() -> Iterator[list[str]]:
            unseen = hf.read_frames(CCSDT)
            yield [f"without labels{kernels}", *("" if c == "none" else without(models[c], unseen) for c in CHAINS)]
            for n in options.train:
                cells = []
                for chain in CHAINS:
                    start = "none" if chain == "none" else str(models[chain])
                    found = [refit(n, start, seed, options.correction) for seed in range(options.seeds)]
                    cells.append(mean(found))
                yield [f"{n} labels{kernels}", *cells]

        table(["energy / force RMSE [kcal/mol, kcal/mol/Å]", *(f"pre-trained: {chain}" for chain in CHAINS)], rows())


def pbe_model(chain: str, folder: Path, n: int, correction: Sequence[str]) -> Path:
    """The folder of a model of some PBE frames."""
    pretrain = "gfn2-xtb" if chain.startswith("xtb") else "none"
    options = {"train": n - n // 10, "validation": n // 10, "gate": "none", "pretrain": pretrain, "report": "brief"}
    run = hf.fit_molecule(PBE, hf.FitJob.of(**options, correction=list(correction)))
    run.write(folder / pretrain)
    return folder / pretrain


def refit(n: int, pretrain: str, seed: int, correction: Sequence[str]) -> Errors:
    """Errors of a fit to so many CCSD(T) frames."""
    options = {"train": n, "validation": 0, "seed": seed, "gate": "none", "pretrain": pretrain}
    kernels = list(correction) if pretrain != "none" or n >= 20 else []
    return hf.fit_molecule(CCSDT, hf.FitJob.of(**options, correction=kernels)).errors["test"]


def without(model: Path, frames: hf.Frames) -> str:
    """Errors of a model that saw no CCSD(T) frame."""
    return mean([evaluate(hf.read_model(model).force_field, frames)])


def mean(found: Sequence[Errors]) -> str:
    """Mean errors of energies and forces."""
    return "{:.2f} / {:.2f}".format(*np.mean([kcal(errors) for errors in found], 0))


if __name__ == "__main__":
    main()
