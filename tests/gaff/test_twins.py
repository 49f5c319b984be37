"""Types that GAFF takes by turns: parameters that do not depend on which of two a ring begins with."""

import numpy as np
import pytest

from hybridff.gaff.assign import class_one
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.table import gaff_table
from hybridff.gaff.twins import alike_both_ways, turned
from hybridff.molecules.molecule import Molecule

VERSION = "gaff-2.2.20"
TYPES = ["c2", "ce", "ce", "cf", "cf", "c2", "ha", "ha", "ha", "ha", "ha", "ha", "ha", "ha"]


def hexatriene(types: tuple[str, ...] | list[str]) -> ClassOneParameters:
    placed = Molecule.from_smiles("C=CC=CC=C", "hexatriene")
    return class_one(placed, types, gaff_table(VERSION), np.zeros(14))


def numbers(start: ClassOneParameters) -> list[np.ndarray]:
    own = start.torsions
    return [start.bonds.r0, start.bonds.k, start.angles.theta0, start.angles.k, own.periodicity, own.phase, own.k]


def test_turned_types_turned_again_are_the_same() -> None:
    assert turned(turned(TYPES)) == tuple(TYPES)
    assert turned(["c3", "hc", "ca"]) == ("c3", "hc", "ca")


def test_gaff_itself_has_other_parameters_for_twins() -> None:
    table = gaff_table(VERSION)
    assert table.bond(("cc", "ss")) != table.bond(("cd", "ss"))


def test_parameters_are_the_same_whichever_type_comes_first() -> None:
    one, other = (alike_both_ways(hexatriene(types), VERSION) for types in (TYPES, turned(TYPES)))
    for mine, theirs in zip(numbers(one), numbers(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("smiles", ["CCO", "CC=O"])
def test_molecules_without_such_types_keep_their_parameters(smiles: str) -> None:
    placed = Molecule.from_smiles(smiles)
    types = {"CCO": "c3 c3 oh hc hc hc h1 h1 ho", "CC=O": "c3 c o hc hc hc h4"}[smiles].split()
    start = class_one(placed, types, gaff_table(VERSION), np.zeros(len(types)))
    for mine, theirs in zip(numbers(alike_both_ways(start, VERSION)), numbers(start), strict=True):
        np.testing.assert_array_equal(mine, theirs)
