from dataclasses import replace

import pytest

from hybridff.molecules.ions import has_ions
from hybridff.molecules.molecule import Molecule


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [("C[NH3+]", True), ("[O-]C=O", True), ("[NH3+]CC(=O)[O-]", True), ("CCO", False), ("C[N+](=O)[O-]", False),
     ("CN=[N+]=[N-]", False), ("C[N+](C)(C)[O-]", False), ("[O-][N+](=O)CC[NH3+]", True)],
)  # fmt: skip
def test_ions_are_charges_that_no_neighbour_cancels(smiles: str, *, expected: bool) -> None:
    assert has_ions(Molecule.from_smiles(smiles)) is expected


def test_where_formal_charges_are_unknown_the_total_charge_counts() -> None:
    own = Molecule.from_smiles("C[NH3+]")
    assert has_ions(replace(own, formal_charges=0 * own.formal_charges, total_charge=1))
    assert not has_ions(replace(own, total_charge=0))
