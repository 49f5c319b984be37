from dataclasses import replace

import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.frames.checks import usable_frames
from hybridff.frames.dataset import Frames
from hybridff.frames.renumbering import renumberings
from hybridff.molecules.molecule import Molecule

ACAC = "[C:1](/[C:2](=[C:3](\\[O:4][H:12])[C:5]([H:9])([H:10])[H:11])[H:8])(=[O:6])[C:7]([H:13])([H:14])[H:15]"
"""Acetylacetone's enol."""
MIRRORED = np.array([2, 1, 0, 5, 6, 3, 4, 7, 12, 13, 14, 11, 8, 9, 10])
"""Its two halves exchanged, its own inverse: H12 is on the other oxygen then."""
MESO = "[C@:1]([F:3])([Cl:4])([H:5])[C@:2]([F:6])([Cl:7])[H:8]"
CHIRAL = "[C@:1]([F:3])([Cl:4])([H:5])[C@@:2]([F:6])([Cl:7])[H:8]"
CARBONS = np.array([1, 0, 2, 3, 4, 5, 6, 7])


def near(smiles: str, n_frames: int = 8) -> tuple[Molecule, Frames]:
    """A molecule and geometries near a minimum of it, with forces that are just numbers."""
    molecule = Molecule.from_smiles(smiles, "example").with_embedded_positions(seed=1)
    assert molecule.positions is not None
    random = np.random.default_rng(0)
    x = molecule.positions + random.normal(0, 0.002, (n_frames, *molecule.positions.shape))
    return molecule, Frames(molecule.numbers, x, np.arange(1.0, n_frames + 1), random.normal(0, 100, x.shape))


def with_rows(frames: Frames, rows: list[int], positions: np.ndarray) -> Frames:
    """The frames with other positions in some rows."""
    changed = frames.positions.copy()
    changed[rows] = positions
    return replace(frames, positions=changed)


def hands(positions: np.ndarray, *centres: tuple[int, ...]) -> np.ndarray:
    """Signs of the volumes that a centre (first) and three neighbours span."""
    x = positions[:, np.array(centres)]
    return np.sign(np.linalg.det(x[:, :, 1:] - x[:, :, :1]))


def test_frames_with_the_proton_on_the_other_oxygen_become_the_molecule() -> None:
    molecule, right = near(ACAC)
    assert right.forces is not None
    moved = [1, 4, 5]
    given, forces = with_rows(right, moved, right.positions[moved][:, MIRRORED]), right.forces.copy()
    forces[moved] = right.forces[moved][:, MIRRORED]
    used, report = usable_frames(replace(given, forces=forces), molecule, accept_problem=True)
    assert [one.frame for one in report.renumbered] == moved
    assert (len(used), report.n_used, report.bond_changes) == (8, 8, ())
    np.testing.assert_array_equal(used.positions, right.positions)
    np.testing.assert_array_equal(used.forces, right.forces)
    np.testing.assert_array_equal(used.energies, right.energies)
    text = "3 frames (2, 5, 6) are this molecule after renumbering equal atoms and used so (in frame 2, atom 1 was 3, "
    assert text in " ".join(report.messages())


def test_hydrogens_of_a_methyl_group_keep_their_sense_of_rotation() -> None:
    molecule, right = near(ACAC)
    order = MIRRORED.copy()
    order[[8, 9]] = order[[9, 8]]
    given = with_rows(right, [2, 3], right.positions[[2, 3]][:, order])
    used, report = usable_frames(given, molecule, accept_problem=True)
    assert [one.frame for one in report.renumbered] == [2, 3]
    found = hands(used.positions, (4, 8, 9, 10), (6, 12, 13, 14))
    np.testing.assert_array_equal(found, np.tile(hands(right.positions[:1], (4, 8, 9, 10), (6, 12, 13, 14)), (8, 1)))


def test_of_two_renumberings_that_which_keeps_stereocentres_is_taken() -> None:
    molecule, right = near(MESO)
    image = -right.positions[[5]]  # its left half is as the right one was
    given = with_rows(right, [5], image[:, CARBONS])
    ((frame, order),) = [(one.frame, one.order) for one in renumberings(given, molecule, [5], np.arange(5))]
    assert (frame, order) == (5, (0, 1, 5, 6, 7, 2, 3, 4))  # though exchanging two carbons moves fewer atoms


def test_a_mirror_image_of_a_chiral_molecule_is_left_out() -> None:
    molecule, right = near(CHIRAL)
    given = with_rows(right, [5, 6], np.stack([right.positions[5], -right.positions[6]])[:, CARBONS])
    used, report = usable_frames(given, molecule, accept_problem=True)
    assert [one.frame for one in report.renumbered] == [5]
    assert [one.frame for one in report.bond_changes] == [6]
    np.testing.assert_array_equal(used.positions[5], right.positions[5])
    assert len(used) == 7


@pytest.mark.parametrize(("geometry", "used"), [("F/C=C/F", True), (r"F/C=C\F", False)])
def test_a_double_bond_stays_cis_or_trans(geometry: str, used: bool) -> None:  # noqa: FBT001
    molecule, right = near("F/C=C/F")
    other, _ = near(geometry)
    assert other.positions is not None
    given = with_rows(right, [3], other.positions[[0, 2, 1, 3, 4, 5]])
    assert bool(renumberings(given, molecule, [3], np.arange(3))) is used


def test_frames_stay_as_they_are_where_changed_bonds_are_wanted() -> None:
    molecule, right = near(ACAC)
    given = with_rows(right, [1], right.positions[[1]][:, MIRRORED])
    used, report = usable_frames(given, molecule, keep_bond_changes=True, accept_problem=True)
    assert report.renumbered == ()
    np.testing.assert_array_equal(used.positions, given.positions)


def test_another_tautomer_is_left_out() -> None:
    molecule, right = near(ACAC)
    keto = right.positions[1].copy()
    keto[11] = keto[1] + 1.09 * (keto[7] - keto[1])[[1, 2, 0]]  # the proton on the carbon between
    used, report = usable_frames(with_rows(right, [1], keto), molecule, accept_problem=True)
    assert report.renumbered == ()
    assert (len(used), [one.frame for one in report.bond_changes]) == (7, [1])


def test_data_in_another_order_throughout_are_still_refused() -> None:
    molecule, right = near(ACAC)
    with pytest.raises(InputError, match="atoms are probably in another order"):
        usable_frames(replace(right, positions=right.positions[:, MIRRORED]), molecule)
