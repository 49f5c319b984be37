"""How many rows a parameter set of many unlike molecules has, by how much their labels tell of the atoms.

Usage: python scripts/table_set_rows.py [--molecules 20 40 60]
"""

import numpy as np
from common import DATA, options_of, table

import hybridff as hf
from hybridff.errors import HybridFFError
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.environments import LEVELS, levels_of
from hybridff.gaff.parameters import plain_label
from hybridff.gaff.rest_geometry import straightened
from hybridff.molecules.molecule import Molecule


def rows_of(molecule: Molecule) -> list[tuple[str, tuple[str, ...]]]:
    """Quantity and labels of every row that a fit would move; charges make no difference."""
    placed = molecule.with_embedded_positions()
    start = straightened(gaff_parameters(placed, np.zeros(len(placed.numbers))))
    parameters = hf.ForceField.build(placed, start, form="class2", share="environment").parameter_table
    chosen = np.flatnonzero(parameters.adjustable)
    return [(parameters.quantities[i], levels_of(plain_label(parameters.labels[i]))) for i in chosen]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--molecules", type=int, nargs="+", default=[20, 40, 60])
    options = parser.parse_args()
    with np.load(DATA / "qm7x_200x10.npz") as file:
        smiles = file["smiles"].tolist()
    seen: list[set[tuple[str, str]]] = [set() for _ in LEVELS]
    table(["molecules", *LEVELS], [])
    for number, text in enumerate(smiles[: max(options.molecules)], start=1):
        try:
            rows = rows_of(Molecule.from_smiles(text))
        except HybridFFError as error:
            print(f"Left out: {error}")
            continue
        for quantity, levels in rows:
            for own, label in zip(seen, levels, strict=False):
                own.add((quantity, label))
        if number in options.molecules:
            print(f"| {number} |" + "".join(f" {len(own)} |" for own in seen), flush=True)


if __name__ == "__main__":
    main()
