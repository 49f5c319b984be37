import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from models import molecule

from hybridff.molecules.molecule import Molecule
from hybridff.report.drawing import drawing


def numbers(data: bytes) -> int:
    """How many paths have the class of an annotation."""
    root = ET.fromstring(data)
    return sum("note" in element.get("class", "") for element in root.iter())


@pytest.mark.parametrize("name", ["ethanol", "benzene", "acetaldehyde"])
def test_a_drawing_has_a_number_at_every_atom(name):
    own = molecule(name)
    # a glyph each, two for numbers above nine
    assert numbers(drawing(own, "x").data) == sum(len(str(i + 1)) for i in range(len(own.numbers)))


def test_a_molecule_without_bond_orders_is_drawn_too():
    own = replace(molecule("benzene"), bond_orders=np.zeros(12, int), smiles=None)
    assert numbers(drawing(own, "x").data) == 9 + 2 * 3


def test_a_large_molecule_is_drawn_without_hydrogens():
    large = Molecule.from_smiles("C" * 30)
    assert numbers(drawing(large, "x", np.ones(92)).data) == 9 + 2 * 21


def test_larger_values_are_redder_and_none_is_white():
    values = np.array([1.0, 0.0, 0.5, *[0.0] * 6])
    text = drawing(molecule("ethanol"), "x", values).data.decode()
    assert {"#D85433", "#EBA999"} <= {part[:7] for part in text.split("fill:")}
