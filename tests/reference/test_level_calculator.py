from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed
from models import distorted, molecule

from hybridff.errors import InputError
from hybridff.export.ase_atoms import atoms_at, evaluator
from hybridff.reference.level import Labeller, Species
from hybridff.reference.level_calculator import LevelCalculator


@dataclass
class Springs:
    """Springs from the origin; fails as often as it is told to."""

    failures: int = 0
    theory: str = "springs"
    settings: str = "springs"
    asked: list[bool] = field(default_factory=list)

    def prepared(self, species: Species) -> Labeller:
        def label(positions: np.ndarray, /, *, careful: bool = False) -> tuple[float, np.ndarray]:
            self.asked.append(careful)
            if len(self.asked) <= self.failures:
                raise RuntimeError("no convergence\nhere")
            return float((positions**2).sum()), -2 * positions

        return label


def test_energies_and_forces_are_those_of_the_level_in_the_frame_of_the_atoms() -> None:
    own, positions = molecule("ethanol"), distorted("ethanol", 1)[0] + 5.0
    energy, forces = evaluator(own.numbers, LevelCalculator(Springs(), own))(positions)
    masses = np.array([12.011, 12.011, 15.999, *[1.008] * 6])
    centred = positions - masses @ positions / masses.sum()
    assert energy == pytest.approx((centred**2).sum())
    np.testing.assert_allclose(forces, -2 * centred, atol=1e-9)


def test_what_fails_is_tried_once_more_with_care() -> None:
    own, level = molecule("ethanol"), Springs(failures=1)
    atoms_at(own.numbers, distorted("ethanol", 1)[0], LevelCalculator(level, own)).get_forces()
    assert level.asked == [False, True]
    level = Springs(failures=2)
    with pytest.raises(CalculationFailed, match="no convergence here"):
        atoms_at(own.numbers, distorted("ethanol", 1)[0], LevelCalculator(level, own)).get_forces()


def test_an_odd_number_of_electrons_is_refused() -> None:
    with pytest.raises(InputError, match="has 25 electrons"):
        LevelCalculator(Springs(), replace(molecule("ethanol"), total_charge=1))
