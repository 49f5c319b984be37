from dataclasses import replace

import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.molecules.completing import (
    leaves_stereochemistry_open,
    plain_smiles,
    with_bond_orders,
    with_stereochemistry,
)
from hybridff.molecules.molecule import Molecule


def without_orders(smiles: str) -> Molecule:
    """What a prmtop knows."""
    own = Molecule.from_smiles(smiles)
    orders, formal = np.zeros_like(own.bond_orders), np.zeros_like(own.formal_charges)
    return Molecule(own.name, own.numbers, own.bonds, orders, formal, total_charge=own.charge)


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "C[NH2+]CC(=O)[O-]", "C[N+](=O)[O-]", "CC#N", "O"])
def test_bond_orders_follow_from_bonds_and_charge(smiles: str) -> None:
    own = without_orders(smiles)
    found = with_bond_orders(own)
    assert plain_smiles(found) == plain_smiles(Molecule.from_smiles(smiles))
    assert found.charge == own.charge
    assert found.numbers.tolist() == own.numbers.tolist()
    assert {frozenset(bond) for bond in found.bonds.tolist()} == {frozenset(bond) for bond in own.bonds.tolist()}


def test_known_bond_orders_stay() -> None:
    own = Molecule.from_smiles("CCO")
    assert with_bond_orders(own) is own


def test_a_charge_that_goes_with_no_bond_orders_is_refused() -> None:
    with pytest.raises(InputError, match=r"no bond orders of .* go with its bonds and its charge of \+4 e"):
        with_bond_orders(replace(without_orders("CCO"), total_charge=4))


def test_stereochemistry_that_a_smiles_leaves_open_is_that_of_the_positions() -> None:
    own = Molecule.from_smiles("OC(F)Cl")
    assert leaves_stereochemistry_open(own)
    found = with_stereochemistry(own)
    assert found.positions is not None
    assert "@" in plain_smiles(found)
    assert not leaves_stereochemistry_open(found)
    assert not leaves_stereochemistry_open(Molecule.from_smiles("CCO"))
