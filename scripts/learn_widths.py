"""Prior widths of the class II families from molecules that no table of few labels uses, beside the shipped ones.

One width for each family is the geometric mean of those that the evidence of each molecule prefers, weighed by how many
rows its data determine; noise is each molecule's own. Molecules: three of published data (alanine dipeptide,
ωB97X/6-31G(d); butane and hexane, B3LYP/cc-pVDZ), and others whose frames are of dynamics with stock GAFF at 500 K,
labelled by GFN2-xTB.

Usage: python scripts/learn_widths.py [--frames 150] [--rounds 10] [--seed 1] [--sets …] [--smiles …]
"""

from collections.abc import Sequence
from dataclasses import replace

from common import options_of, read_set, table
from learnt_widths import Moves, learnt, mean, system_around, system_of_level

from hybridff.fitting.linear_problem import LinearSystem
from hybridff.gaff.class2_kinds import KINDS
from hybridff.units import KCAL_MOL

SETS = ("alanine_dipeptide_wb97x", "hexane_b3lyp", "butane_b3lyp")
SMILES = (
    *("CCCO", "CC(C)=O", "CCC(=O)O", "COC(C)=O", "CCOC", "C=CC=C", "CCC=O", "C1CCCC1"),
    *("c1ccncc1", "Oc1ccccc1", "COc1ccccc1", "c1ccoc1", "c1ccsc1", "c1c[nH]cn1", "Nc1ncccn1", "Clc1ccccc1"),
    *("CCN", "CCC#N", "CCC(N)=O", "CSC", "CS(C)(=O)=O", "CCF", "CCS", "C[NH+](C)C"),
)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--smiles", nargs="*", default=SMILES)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    systems = [*of_sets(options.sets, options.frames, options.seed)]
    systems += [system_of_level(smiles, options.frames, options.seed) for smiles in options.smiles]
    found = learnt(systems, options.rounds, 1.0, by_molecule=True)
    print(f"\nGeometric mean of the factors: {mean([factor for factor, _ in found.values()]):.2f}.\n")
    header = ["family", "shipped [kcal/mol]", "learnt [kcal/mol]", "rows", "determined"]
    table(header, (cells(family, *own) for family, own in found.items()))


def of_sets(names: Sequence[str], n_frames: int, seed: int) -> list[LinearSystem]:
    """The equations of some frames of published sets."""
    found = []
    for name in names:
        data = read_set(name)
        frames = data.frames.subset(data.split(n_frames, 0, 0, seed).train)
        placed = replace(data.molecule, positions=frames.positions[frames.energies.argmin()])
        found.append(system_around(placed, frames, 0))
    return found


def cells(family: str, factor: float, moves: Moves) -> list[str]:
    """A row of the table."""
    width = (KINDS[family].prior_width or 0.0) / KCAL_MOL
    return [family, f"{width:.2g}", f"{factor * width:.2g}", str(moves.rows), f"{moves.determined:.0f}"]


if __name__ == "__main__":
    main()
