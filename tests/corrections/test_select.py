from functools import cache

import numpy as np
import pytest
from models import distorted, molecule

from hybridff.corrections.select import chosen_atoms, environments, fragments, n_pi_star
from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
"""C1 C2 O3 O4 C5-C10 C11 O12 O13, then hydrogens."""


@cache
def aspirin() -> Molecule:
    return Molecule.from_smiles(ASPIRIN, "aspirin").with_embedded_positions(seed=1)


def facing(distance: float, angle: float) -> np.ndarray:
    """Aspirin with the acid's carbonyl oxygen at a distance [nm] and angle [degrees] from the ester's C=O."""
    assert aspirin().positions is not None
    x = np.array(aspirin().positions)
    carbon, oxygen = x[1], x[2]
    along = (oxygen - carbon) / np.linalg.norm(oxygen - carbon)
    normal = np.cross(along, x[0] - carbon)
    normal /= np.linalg.norm(normal)
    x[11] = carbon + distance * (np.cos(np.deg2rad(angle)) * along + np.sin(np.deg2rad(angle)) * normal)
    return x


def test_atoms_are_chosen_by_their_numbers_or_all_together() -> None:
    x = distorted("ethanol", 2)
    assert chosen_atoms("1,2,9", molecule("ethanol"), x) == [(0, 1, 8)]
    assert chosen_atoms("all", molecule("ethanol"), x) == [tuple(range(9))]


def test_local_kernels_see_all_within_two_bonds_of_a_bond() -> None:
    hexane = Molecule.from_smiles("CCCCCC")
    found = environments(hexane)
    assert len(found) == 3  # about the three bonds in the middle; those at the ends see less
    # Carbons within two bonds of C2-C3, of C3-C4 and of C4-C5; hydrogens of the carbons that are one bond away.
    carbons = [[atom for atom in own if hexane.numbers[atom] == 6] for own in found]
    assert carbons == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert [len(own) for own in found] == [5 + 9, 6 + 8, 5 + 9]
    assert set().union(*found) == set(range(20))
    assert chosen_atoms("local", hexane, np.zeros((1, 20, 3))) == found


def test_a_molecule_without_inner_bonds_is_one_environment() -> None:
    assert environments(Molecule.from_smiles("O")) == [(0, 1, 2)]


def test_a_small_molecule_needs_no_fragments() -> None:
    assert chosen_atoms("auto", molecule("ethanol"), distorted("ethanol", 2)) == [tuple(range(9))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("some", "a correction is all, local, auto, n-pi-star, or atom numbers such as 1,2,8, not 'some'"),
        ("1,,2", "not '1,,2'"),
        ("0,1", "ethanol has no atom 0, only 1 to 9"),
        ("3,10", "ethanol has no atom 10, only 1 to 9"),
        ("4", "name at least two atoms, each once"),
        ("4,4", "name at least two atoms, each once"),
        ("n-pi-star", "a lone pair of ethanol faces a carbonyl group in fewer than 1% of the frames"),
    ],
)
def test_other_choices_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen_atoms(text, molecule("ethanol"), distorted("ethanol", 2))


def test_a_lone_pair_that_faces_a_carbonyl_carbon_is_found_with_the_atoms_that_it_needs() -> None:
    (contact,) = [c for c in n_pi_star(aspirin(), facing(0.29, 105)[None]) if c.donor == 11]
    assert (contact.carbon, contact.oxygen, contact.share) == (1, 2, 1.0)
    assert {1, 2, 0, 3, 10, 11} <= set(contact.atoms)
    assert len(contact.atoms) <= 8


@pytest.mark.parametrize(("distance", "angle"), [(0.35, 105), (0.29, 150), (0.29, 70)])
def test_a_lone_pair_that_is_far_or_beside_is_none(distance: float, angle: float) -> None:
    assert all(c.donor != 11 for c in n_pi_star(aspirin(), facing(distance, angle)[None]))


def test_a_contact_counts_as_often_as_frames_show_it() -> None:
    frames = np.stack([facing(0.29, 105), facing(0.5, 105)])
    (contact,) = [c for c in n_pi_star(aspirin(), frames) if c.donor == 11]
    assert contact.share == 0.5


def test_an_amide_nitrogen_is_no_donor() -> None:
    amide = Molecule.from_smiles("CC(=O)CCC(=O)N", "keto amide").with_embedded_positions(seed=1)
    assert amide.positions is not None
    x = np.array(amide.positions)
    nitrogen = 7
    along = (x[2] - x[1]) / np.linalg.norm(x[2] - x[1])
    normal = np.cross(along, x[0] - x[1])
    x[nitrogen] = x[1] + 0.29 * (np.cos(1.85) * along + np.sin(1.85) * normal / np.linalg.norm(normal))
    assert all(c.donor != nitrogen for c in n_pi_star(amide, x[None]))


def test_fragments_are_about_rotors_rings_and_contacts() -> None:
    found = fragments(aspirin(), facing(0.26, 105)[None])
    ring = {4, 5, 6, 7, 8, 9}
    assert any(ring <= set(own) for own in found)
    for rotor in ((0, 1), (1, 3), (3, 4), (9, 10), (10, 12)):
        neighbours = {atom for end in rotor for atom in aspirin().neighbours[end]}
        assert any(neighbours <= set(own) for own in found)
    assert any({1, 11} <= set(own) for own in found)
    assert set().union(*found) == set(range(len(aspirin().numbers)))
    assert not any(set(own) < set(other) for own in found for other in found)
