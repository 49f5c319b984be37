import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.torsions import angles_of
from hybridff.export.calculator import HybridFFCalculator
from hybridff.molecules.molecule import Molecule
from hybridff.sampling.dynamics import DynamicsOptions, dynamics
from hybridff.sampling.metadynamics import biased_torsions, metadynamics

COLD = DynamicsOptions(temperature=20.0, apart=0.1)


def test_torsions_cross_barriers_that_dynamics_do_not() -> None:
    own, model = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    assert own.positions is not None
    (group,) = biased_torsions(own)
    assert group == ((0, 1, 2, 8),)  # C-C-O-H, and not the methyl group

    def visited(positions: np.ndarray) -> int:
        sixths = np.round(angles_of(positions, group) / np.radians(60)) % 6
        return len(np.unique(sixths))

    found = metadynamics(own, model, own.positions[None], 100, COLD)
    plain = dynamics(own, model, own.positions[None], 100, COLD)
    assert found.positions.shape == (100, 9, 3)
    assert visited(found.positions) == 6
    assert visited(plain.positions) < 4
    again = metadynamics(own, model, own.positions[None], 100, COLD)
    np.testing.assert_array_equal(again.positions, found.positions)


def test_torsions_are_biased_two_at_a_time() -> None:
    assert [len(group) for group in biased_torsions(Molecule.from_smiles("OCCCO"))] == [2, 2]
    assert [len(group) for group in biased_torsions(Molecule.from_smiles("CC"))] == [1]  # no other torsion


def test_nothing_is_biased_without_bonds_that_turn() -> None:
    own, model = molecule("benzene"), HybridFFCalculator(force_field("benzene"))
    assert own.positions is not None
    assert len(metadynamics(own, model, own.positions[None], 5, COLD).positions) == 0


@pytest.mark.usefixtures("broken_dynamics")
def test_runs_that_end_in_no_numbers_are_told() -> None:
    own, model = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    assert own.positions is not None
    found = metadynamics(own, model, own.positions[None], 5, COLD)
    assert (len(found.positions), found.broken) == (0, ("positions are no longer finite",))
