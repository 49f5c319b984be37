"""Class II fitted to few labels of rMD17's ten molecules, alone and pre-trained on GFN2-xTB, beside published models.

Published: mean absolute errors of MACE trained on 50 frames (I. Batatia, D. P. Kovács, G. N. C. Simm, C. Ortner,
G. Csányi, NeurIPS 35 (2022)); other samples of the same trajectories, at the same level.

"gfn2-xtb+kernel" is GFN2-xTB with a kernel on all atoms, trained on its frames, and another on the labels.

Usage: python scripts/table_few_labels.py [SET …] [--train 50] [--seeds 3] [--pretrain none gfn2-xtb gfn2-xtb+kernel]
                                          [--gate none]
"""

from collections.abc import Iterator

import numpy as np
from common import options_of, read_set, table
from few_labels import MACE, cell, fitted

from hybridff.stability.gate import GateOptions


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
                    level, kernels = pretrain.removesuffix("+kernel"), pretrain.endswith("+kernel")
                    found = [fitted(data, n_train, i, level, gate, kernels=kernels) for i in range(options.seeds)]
                    cells += cell(found, gate)
                energy, force = MACE.get(name, (np.nan, np.nan))
                yield [*cells, f"{energy} / {force}" if n_train == 50 else ""]

    table([*header, "MACE (published)"], rows())


if __name__ == "__main__":
    main()
