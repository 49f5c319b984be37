from dataclasses import replace

import numpy as np
import pytest
import torch
from models import molecule

from hybridff.errors import InputError
from hybridff.geometry import distance, torsion
from hybridff.molecules.graph import angle_atoms
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import Rotor, chain_bonds, equal_rotors, find_rotors, turn
from hybridff.units import DEGREE


def rotor_about(owner: Molecule, bond: set[int]) -> Rotor:
    return next(rotor for rotor in find_rotors(owner) if set(rotor[1:3]) == bond)


@pytest.mark.parametrize(("name", "n"), [("ethanol", 2), ("propane", 2), ("benzene", 0), ("propyne", 0)])
def test_rotors_are_single_bonds_outside_rings_that_turn(name: str, n: int) -> None:
    assert len(find_rotors(molecule(name))) == n


def test_where_bond_orders_are_unknown_there_are_no_rotors() -> None:
    ethanol = molecule("ethanol")
    unknown = replace(ethanol, bond_orders=np.zeros_like(ethanol.bond_orders))
    assert find_rotors(unknown) == []
    with pytest.raises(InputError, match="bond orders"):
        chain_bonds(unknown)


def test_bonds_of_chains_are_those_of_rotors_and_those_next_to_a_triple_bond() -> None:
    assert {frozenset(bond) for bond in chain_bonds(molecule("ethanol"))} == {frozenset((0, 1)), frozenset((1, 2))}
    assert chain_bonds(molecule("propyne")) == [(0, 1)]
    assert chain_bonds(molecule("benzene")) == []


def test_the_hydrogens_of_a_methyl_group_give_equal_rotors() -> None:
    ethanol = molecule("ethanol")
    _, second, third, _ = rotor = rotor_about(ethanol, {0, 1})
    found = equal_rotors(ethanol, rotor)
    assert rotor in found
    assert {own[1:3] for own in found} == {(second, third)}
    carbon = 0 if second == 0 else 3
    assert sorted(own[carbon] for own in found) == [3, 4, 5]


@pytest.mark.parametrize("angle", [-170, -60, 0, 45, 180])
def test_a_turned_torsion_has_the_angle_and_nothing_else_changes(angle: int) -> None:
    ethanol = molecule("ethanol")
    assert ethanol.positions is not None
    rotor = rotor_about(ethanol, {1, 2})
    turned = turn(ethanol, ethanol.positions, rotor, angle * DEGREE)
    found = float(torsion(torch.as_tensor(turned[list(rotor)])))
    assert np.isclose(np.cos(found - angle * DEGREE), 1, atol=1e-9)
    pairs = [*ethanol.bonds.tolist(), *((i, k) for i, _, k in angle_atoms(ethanol))]
    before, after = (distance(torch.as_tensor(x[np.array(pairs)])) for x in (ethanol.positions, turned))
    assert torch.allclose(before, after, atol=1e-12)
