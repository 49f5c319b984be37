import numpy as np
import pytest
from models import class_one_of, distorted, molecule

from hybridff.gaff.parameters import Share
from hybridff.gaff.rest_geometry import reference_of, start_values
from hybridff.gaff.topology import Topology


def test_reference_values_are_means_over_frames_and_equivalent_coordinates() -> None:
    ethanol, x = molecule("ethanol"), distorted("ethanol", 7)
    topology = Topology(ethanol)
    found = reference_of(topology, ethanol, class_one_of("ethanol"), x)
    methyl = [i for i, bond in enumerate(topology.atoms["bond"]) if 0 in bond and ethanol.numbers[max(bond)] == 1]
    lengths = [np.linalg.norm(x[:, a] - x[:, b], axis=1) for a, b in (topology.atoms["bond"][i] for i in methyl)]
    assert len(methyl) == 3
    np.testing.assert_allclose([found.values["bond"][i] for i in methyl], np.mean(lengths), rtol=1e-12)


@pytest.mark.parametrize(("frames", "share"), [(None, "symmetry"), (5, "types")])
def test_without_frames_and_for_shared_types_bonds_and_angles_rest_where_the_start_has_them(
    frames: int | None,
    *,
    share: Share,
) -> None:
    ethanol, start = molecule("ethanol"), class_one_of("ethanol")
    topology = Topology(ethanol)
    x = None if frames is None else distorted("ethanol", frames)
    found = reference_of(topology, ethanol, start, x, share=share)
    rests = dict(zip(map(frozenset, start.bonds.atoms.tolist()), start.bonds.r0, strict=True))
    expected = [rests[frozenset(bond)] for bond in topology.atoms["bond"]]
    np.testing.assert_allclose(found.values["bond"], expected, rtol=1e-12)
    assert [r0 for r0, _ in start_values(topology, start)[0]] == expected


def test_torsions_about_atoms_in_line_are_marked() -> None:
    for name, some in (("propyne", True), ("ethanol", False)):
        found = reference_of(Topology(molecule(name)), molecule(name), class_one_of(name), None)
        assert any(found.linear) == some


def test_contacts_are_what_pairs_come_below_in_one_of_twenty_frames() -> None:
    ethanol, x = molecule("ethanol"), distorted("ethanol", 41)
    topology = Topology(ethanol)
    found = reference_of(topology, ethanol, class_one_of("ethanol"), x)
    i, j = topology.atoms["pair"][0]
    nearest = np.sort(np.linalg.norm(x[:, i] - x[:, j], axis=1))[2]
    alike = [k for k, kind in enumerate(topology.classes["pair"]) if kind == topology.classes["pair"][0]]
    assert found.contacts[0] <= nearest + 1e-12
    assert len({found.contacts[k] for k in alike}) == 1
