"""Prior widths of what reference data change in class II that GFN2-xTB has taught, from molecules of QM-7X.

The evidence of all molecules together, each with 9 or 10 frames (PBE0+MBD), gives one factor on the shipped width for
each family; noise is each molecule's own. Charges are those of Gasteiger, since RESP charges of so many molecules would
take an hour and class II hardly depends on them.

Usage: python scripts/learn_differences.py [--molecules 40] [--frames 400] [--rounds 12] [--seed 1]
"""

from common import options_of, table
from learnt_widths import Moves, learnt, mean, systems_of_qm7x

from hybridff.fitting.difference import FACTOR
from hybridff.gaff.class2_kinds import KINDS
from hybridff.units import KCAL_MOL


def cells(family: str, factor: float, moves: Moves) -> list[str]:
    """A row of the table."""
    width = (KINDS[family].prior_width or 0.0) / KCAL_MOL
    return [family, f"{width:.2g}", f"{factor:.2g}", str(moves.rows), f"{moves.determined:.0f}"]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--molecules", type=int, default=40)
    parser.add_argument("--frames", type=int, default=400, help="of the cheap level for each molecule")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    systems = list(systems_of_qm7x(options.molecules, options.frames, options.seed))
    found = learnt(systems, options.rounds, FACTOR)
    print(f"\nGeometric mean of the factors: {mean([factor for factor, _ in found.values()]):.2f}; in use: {FACTOR}.\n")
    header = ["family", "shipped width [kcal/mol]", "factor", "rows", "determined"]
    table(header, (cells(family, *own) for family, own in found.items()))


if __name__ == "__main__":
    main()
