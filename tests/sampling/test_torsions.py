from math import pi

import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.torsions import angles_of, wrapped
from hybridff.export.calculator import HybridFFCalculator
from hybridff.molecules.molecule import Molecule
from hybridff.sampling.conformers import relaxed_conformers
from hybridff.sampling.torsions import driven_torsions, period, torsion_plans


def test_torsions_are_where_they_were_to_be_driven_and_all_else_is_relaxed() -> None:
    own, model = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    found = driven_torsions(own, model, relaxed_conformers(own, model), 12, seed=3)
    plans = torsion_plans(own, 12, seed=3)
    assert len(found) == len(plans) == 12
    for positions, (torsions, angles) in zip(found, plans, strict=True):
        assert np.abs(wrapped(angles_of(positions[None], torsions)[0] - angles)).max() < np.radians(0.1)
    lengths = np.linalg.norm(found[:, 1] - found[:, 2], axis=-1)
    assert np.ptp(lengths) < 0.002  # nm


def test_every_torsion_and_pair_comes_as_often_and_its_angles_fill_the_turn() -> None:
    plans = torsion_plans(Molecule.from_smiles("OCCF"), 90)
    assert [len(torsions) for torsions, _ in plans].count(2) == 45
    singles = [(torsions[0], angles[0]) for torsions, angles in plans if len(torsions) == 1]
    kinds = {torsion for torsion, _ in singles}
    assert len(kinds) == 2  # C-C and C-O
    for kind in kinds:
        angles = np.sort([angle for torsion, angle in singles if torsion == kind])
        assert np.diff(np.append(angles, angles[0] + 2 * pi)).max() < 2.7 * 2 * pi / len(angles)


def test_equal_torsions_are_driven_once_and_as_a_pair() -> None:
    plans = torsion_plans(Molecule.from_smiles("FCCCF"), 40)
    assert len({torsions for torsions, _ in plans if len(torsions) == 1}) == 1
    assert len({torsions for torsions, _ in plans if len(torsions) == 2}) == 1


@pytest.mark.parametrize(("smiles", "folds"), [("CO", 3), ("NC=O", 2), ("OCC", 1)])
def test_equal_atoms_shorten_the_turn(smiles: str, folds: int) -> None:
    own = Molecule.from_smiles(smiles)
    second, third = 0, 1
    first, last = (
        next(n for n in own.neighbours[atom] if n != other) for atom, other in ((second, third), (third, second))
    )
    assert period(own, (first, second, third, last)) == pytest.approx(2 * pi / folds)


def test_nothing_is_driven_without_bonds_that_turn() -> None:
    own, model = molecule("benzene"), HybridFFCalculator(force_field("benzene"))
    assert own.positions is not None
    assert driven_torsions(own, model, own.positions[None], 5).shape == (0, 12, 3)
