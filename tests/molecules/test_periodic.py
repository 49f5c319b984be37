import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.periodic import is_torn, whole_frames, whole_molecules

CUBE = 0.9 * np.eye(3)
SLANTED = np.array([[0.9, 0.0, 0.0], [0.3, 0.9, 0.0], [-0.3, 0.25, 0.9]])


def ethanol() -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    molecule = Molecule.from_smiles("CCO").with_embedded_positions(seed=3)
    assert molecule.positions is not None
    return molecule.numbers, molecule.positions, [(int(i), int(j)) for i, j in molecule.bonds]


def wrapped(x: np.ndarray, box: np.ndarray, shift: float) -> np.ndarray:
    inverse = np.linalg.inv(box)
    return (((x + shift) @ inverse) % 1.0) @ box


def distances(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[..., :, None, :] - x[..., None, :, :], axis=-1)


@pytest.mark.parametrize("box", [CUBE, SLANTED])
def test_a_molecule_that_its_box_cuts_is_made_whole_wherever_the_cut_is(box: np.ndarray) -> None:
    numbers, x, _ = ethanol()
    frames = np.array([wrapped(x, box, shift) for shift in np.linspace(0, 0.9, 10)])
    found, cut = whole_frames(numbers, frames, np.repeat(box[None], 10, axis=0))
    assert 3 < len(cut) < 11
    assert np.abs(distances(found) - distances(x)).max() < 1e-9
    assert np.array_equal(found[:, 0], frames[:, 0])


def test_a_whole_molecule_stays_as_it_is_bit_by_bit_and_so_does_one_without_a_box() -> None:
    numbers, x, _ = ethanol()
    frames = np.array([x, wrapped(x, CUBE, 0.0)])
    found, cut = whole_frames(numbers, frames, np.array([CUBE, np.zeros((3, 3))]))
    assert cut == []
    assert np.array_equal(found, frames)


def test_a_box_that_is_periodic_in_one_direction_mends_that_one_alone() -> None:
    numbers, x, _ = ethanol()
    frame = wrapped(x - x.mean(axis=0), CUBE, 0.0)[None]
    assert whole_frames(numbers, frame, CUBE[None], (True, False, False))[1] == []
    assert whole_frames(numbers, frame, CUBE[None])[1] == [0]


def test_a_crystal_is_no_molecule() -> None:
    chain = np.array([[0.0, 0.0, 0.0], [0.146, 0.0, 0.0], [0.292, 0.0, 0.0], [0.438, 0.0, 0.0]])
    with pytest.raises(InputError, match="bonded to their own images in the periodic box, as in a crystal"):
        whole_frames(np.full(4, 6), chain[None], np.diag([0.585, 2.0, 2.0])[None])


def test_many_molecules_are_made_whole_along_given_bonds() -> None:
    _, x, bonds = ethanol()
    two = np.concatenate([wrapped(x, CUBE, 0.0), wrapped(x, CUBE, 0.45)])
    found = whole_molecules(two, [*bonds, *((i + 9, j + 9) for i, j in bonds)], CUBE)
    assert np.abs(distances(found.reshape(2, 9, 3)) - distances(x)).max() < 1e-9
    assert whole_molecules(found, bonds, CUBE) is found


def test_parts_that_nothing_joins_are_told_from_a_molecule() -> None:
    numbers, x, _ = ethanol()
    apart = x.copy()
    apart[4:] += 1.0
    assert not is_torn(numbers, x)
    assert is_torn(numbers, apart)
    assert not is_torn(numbers[:1], x[:1])
