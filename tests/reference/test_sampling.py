import numpy as np
import pytest
from models import force_field

from hybridff.export.calculator import HybridFFCalculator
from hybridff.reference.sampling import (
    HotOptions,
    bonds_are_whole,
    hot_frames,
    mapped_molecule,
    starting_geometries,
)

SMILES = "[C:1]([H:4])([H:5])([H:6])[C:2]([H:7])([H:8])[O:3][H:9]"


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    model = force_field("ethanol")
    mol = mapped_molecule(SMILES)
    assert [atom.GetAtomicNum() for atom in mol.GetAtoms()] == model.molecule.numbers.tolist()
    return hot_frames(mol, HybridFFCalculator(model), HotOptions(frames=6, runs=2, spacing=5.0, temperature=600.0))


def test_atoms_come_in_the_order_of_their_maps() -> None:
    symbols = [atom.GetSymbol() for atom in mapped_molecule(SMILES).GetAtoms()]
    assert symbols == ["C", "C", "O", "H", "H", "H", "H", "H", "H"]


def test_starts_are_low_conformers_that_differ() -> None:
    one, other = starting_geometries(mapped_molecule(SMILES), 2, seed=2024)
    assert np.linalg.norm(one[0] - one[1]) == pytest.approx(0.152, abs=0.01)  # nm, C-C
    distances = [np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (one, other)]
    assert np.abs(distances[0] - distances[1]).max() > 0.05


def test_frames_of_all_runs_are_hot_whole_and_apart(frames: np.ndarray) -> None:
    assert frames.shape == (6, 9, 3)
    assert bonds_are_whole(mapped_molecule(SMILES), frames).all()
    lengths = np.linalg.norm(frames[:, 0] - frames[:, 1], axis=-1)
    assert np.ptp(lengths) > 0.002  # nm


def test_a_broken_bond_and_a_close_contact_are_seen(frames: np.ndarray) -> None:
    broken, close = frames[:2].copy()
    broken[8] = broken[2] + 0.2
    close[3] = close[8] + 0.05
    found = bonds_are_whole(mapped_molecule(SMILES), np.stack([frames[0], broken, close]))
    assert found.tolist() == [True, False, False]
