import numpy as np
import pytest
import torch
from models import distorted, molecule

from hybridff import Molecule
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.permutations import graph_permutations, reached
from hybridff.errors import InputError


def test_the_graph_of_ethanol_has_twelve() -> None:
    found = graph_permutations(molecule("ethanol"), range(9))
    assert len(found) == len({tuple(p) for p in found.tolist()}) == 12
    np.testing.assert_array_equal(found[0], range(9))


def test_a_set_of_atoms_has_the_permutations_among_its_own() -> None:
    """Oxygen, its carbon and the hydrogens of the methylene group: these may swap, whatever the methyl group does."""
    found = graph_permutations(molecule("ethanol"), [2, 1, 6, 7])
    assert found.tolist() == [[0, 1, 2, 3], [0, 1, 3, 2]]
    assert graph_permutations(molecule("ethanol"), [2, 1, 6]).tolist() == [[0, 1, 2]]


def test_too_many_symmetric_images_are_refused() -> None:
    crowded = Molecule.from_smiles("CC(C)(C)C(C(C)(C)C)C(C)(C)C")
    with pytest.raises(InputError, match="choose fewer atoms"):
        graph_permutations(crowded, range(len(crowded.numbers)))


def test_a_methyl_group_that_turns_is_found_and_a_swap_that_no_motion_makes_is_not() -> None:
    x = torch.as_tensor(distorted("ethanol", 60, width=0.004))
    turned = [[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 4, 5, 3, 6, 7, 8], [0, 1, 2, 5, 3, 4, 6, 7, 8]]
    x = torch.cat([part[:, permutation] for part, permutation in zip(x.split(20), turned, strict=True)])
    found = reached(Descriptor(9), graph_permutations(molecule("ethanol"), range(9)), x[torch.randperm(60)])
    permutations = {tuple(each) for each in found.tolist()}
    assert permutations >= {tuple(each) for each in turned}
    assert (0, 1, 2, 3, 4, 5, 7, 6, 8) not in permutations  # the methylene hydrogens alone


def test_a_geometry_that_never_turns_is_left_with_its_mirror_image_at_most() -> None:
    x = torch.as_tensor(distorted("ethanol", 40, width=0.002))
    assert len(reached(Descriptor(9), graph_permutations(molecule("ethanol"), range(9)), x)) <= 2
