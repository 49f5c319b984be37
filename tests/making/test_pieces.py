"""Which molecules are made from pieces."""

import pytest

from hybridff.making.job import MakeJob
from hybridff.making.pieces import wanted_pieces
from hybridff.molecules.molecule import Molecule

IMATINIB = "Cc1ccc(cc1Nc2nccc(n2)c3cccnc3)NC(=O)c4ccc(cc4)CN5CCN(CC5)C"


@pytest.mark.parametrize(
    ("smiles", "pieces", "n_pieces"),
    [
        ("C" * 14, "auto", 0),  # 44 atoms
        ("C" * 15, "auto", 1),
        ("C" * 15, "no", 0),
        ("C" * 14, "yes", 1),
        (IMATINIB, "auto", 0),  # a piece has 51 of its 68 atoms
        (IMATINIB, "yes", 2),
    ],
)
def test_large_molecules_are_made_from_pieces_where_that_saves_much(smiles: str, pieces: str, n_pieces: int) -> None:
    job = MakeJob.of(pieces=pieces, pretrain="none")
    assert len(wanted_pieces(Molecule.from_smiles(smiles), "gfn2-xtb", job)) == n_pieces
