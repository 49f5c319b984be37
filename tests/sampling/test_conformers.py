import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.torsions import angles_of
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.frames.accuracy import predict
from hybridff.sampling.conformers import relaxed_conformers
from hybridff.units import FORCE_KCAL


def test_conformers_are_the_minima_of_the_model_each_once_and_the_lowest_first() -> None:
    model = force_field("ethanol")
    found = relaxed_conformers(molecule("ethanol"), HybridFFCalculator(model))
    energies, forces = predict(model, found)
    assert np.abs(forces).max() < 0.2 * FORCE_KCAL
    assert (np.diff(energies) > 0).all()
    hydroxyl = np.abs(np.degrees(angles_of(found, [(0, 1, 2, 8)])))[:, 0]
    assert sorted(hydroxyl) == [pytest.approx(60, abs=15), pytest.approx(180, abs=5)]  # gauche, once, and anti


def test_the_same_seed_gives_the_same_conformers() -> None:
    own, model = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    one, other = (relaxed_conformers(own, model, 1, 7) for _ in range(2))
    assert one.shape == (1, 9, 3)
    np.testing.assert_array_equal(one, other)


def test_a_method_that_relaxes_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.sampling.conformers.relaxed_minimum", lambda *given: None)
    with pytest.raises(InputError, match="no relaxation of ethanol ended"):
        relaxed_conformers(molecule("ethanol"), HybridFFCalculator(force_field("ethanol")))
