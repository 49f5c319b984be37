"""3BPA trained on 300 K frames only, tested at 300, 600 and 1200 K, beside published potentials.

Published, all trained on the 500 frames at 300 K: linear ACE and sGDML, D. P. Kovács et al., J. Chem. Theory Comput.
17, 7696 (2021); MACE, I. Batatia et al., NeurIPS 35, 11423 (2022). Our test frames are those of ``3bpa_mixedt``, which
are not the published test frames, less those that also occur in ``3bpa_300k``.

With ``--correction`` there are kernels beside the form, solved together where it is linear; their noise is chosen on
``--validation`` of the training frames, which then do not train.

Usage: python scripts/table_3bpa.py [--train 500 110] [--forms class2] [--size full] [--seeds 3] [--gate full]
                                    [--correction all] [--validation 0] [--pretrain gfn2-xtb]
"""

from collections.abc import Iterator
from typing import get_args

from common import DATA, options_of, read_set, table

from hybridff import FitOptions
from hybridff.comparison.benchmark_sets import BenchmarkFit, read_unseen_by_temperature
from hybridff.comparison.temperature_transfer import fitted_rows
from hybridff.gaff.forms import Form
from hybridff.stability.gate import GateOptions

PUBLISHED = {
    "linear ACE": ("7.4 / 27 / 90", "26 / 64 / 167"),
    "sGDML": ("8.4 / 479 / 774", "41 / 438 / 709"),
    "MACE": ("3.0 / 9.7 / 29.8", "8.8 / 21.8 / 62.0"),
}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--train", nargs="+", type=int, default=[500, 110])
    parser.add_argument("--forms", nargs="+", choices=get_args(Form), default=["class2"])
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full", help="of class2")
    parser.add_argument("--seeds", type=int, default=3, help="choices of training frames, where there is a choice")
    parser.add_argument("--gate", choices=("short", "full", "none"), default="full")
    parser.add_argument("--correction", help="all, auto, or numbers: see hybridff fit")
    parser.add_argument("--validation", type=int, default=0, help="of the training frames, for kernels")
    parser.add_argument("--pretrain", default="none", help="what the form knows before: see hybridff fit")
    options = parser.parse_args()
    data, tests = read_set("3bpa_300k"), read_unseen_by_temperature(DATA / "3bpa_mixedt.npz", DATA / "3bpa_300k.npz")
    numbers = ", ".join(f"{len(frames)} at {temperature} K" for temperature, frames in tests.items())
    print(
        "RMSE of energy [meV] and force components [meV/Å] at 300 / 600 / 1200 K, trained at 300 K alone; test frames: "
        f"{numbers}. Energies with the offset of the training frames; mean ± half the range over the choices of "
        "training frames.\n"
    )
    verdicts: list[str] = []

    def rows() -> Iterator[list[str]]:
        for name, errors in PUBLISHED.items():
            yield [f"published {name}", "500", *errors, ""]
        for form in options.forms:
            for size in options.train:
                label = f"{form} {options.size}" if form == "class2" else form
                label += "" if options.pretrain == "none" else f", pre-trained on {options.pretrain}"
                label += f" + kernel on {options.correction}" if options.correction else ""
                how = BenchmarkFit(
                    form=form,
                    fit=FitOptions(size=options.size),
                    correction=options.correction,
                    gate=GateOptions(gate=options.gate),
                    validated_priors=False,
                    pretrain=options.pretrain,
                )
                found = fitted_rows(data, list(tests.values()), how, (size, options.validation), options.seeds)
                verdicts.extend(f"{label}, {size} frames, {verdict}" for verdict in found.verdicts)
                yield [f"**{label}**", str(size), found.energy, found.force, found.gate]

    table(["", "trained on", "energy", "force", "stability gate"], rows())
    print()
    for verdict in verdicts:
        print(f"- {verdict}")


if __name__ == "__main__":
    main()
