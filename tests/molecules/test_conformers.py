import numpy as np

from hybridff.molecules.conformers import embedded_conformers
from hybridff.molecules.molecule import Molecule


def test_conformers_differ_and_keep_the_order_of_atoms() -> None:
    butane = Molecule.from_smiles("CCCC")
    found = embedded_conformers(butane, 12)
    assert found.shape == (12, 14, 3)
    for i, j in butane.bonds.tolist():
        lengths = np.linalg.norm(found[:, i] - found[:, j], axis=-1)
        assert (abs(lengths - (0.153 if 1 not in butane.numbers[[i, j]] else 0.109)) < 0.003).all()  # nm
    ends = np.linalg.norm(found[:, 0] - found[:, 3], axis=-1)
    assert np.ptp(ends) > 0.05  # trans and gauche


def test_the_same_seed_gives_the_same_conformers() -> None:
    ethanol = Molecule.from_smiles("CCO")
    np.testing.assert_array_equal(embedded_conformers(ethanol, 3, 5), embedded_conformers(ethanol, 3, 5))
