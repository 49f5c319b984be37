import ase
import numpy as np
import pytest
from models import distorted, force_field

from hybridff.export.calculator import HybridFFCalculator
from hybridff.reference.surface import fingerprint, first_alike, relaxation_gain
from hybridff.units import ANGSTROM, EV

MODEL = force_field("ethanol")
NUMBERS = MODEL.molecule.numbers


def test_mirror_images_and_exchanged_atoms_are_one_geometry() -> None:
    x, other = distorted("ethanol", 2)
    exchanged = x[[0, 1, 2, 4, 3, 5, 6, 7, 8]]
    np.testing.assert_allclose(fingerprint(NUMBERS, x), fingerprint(NUMBERS, exchanged))
    frames = np.stack([x, other, x * [1, 1, -1], exchanged, other + 0.3])
    np.testing.assert_array_equal(first_alike(NUMBERS, frames), [0, 1, 0, 0, 1])


def test_relaxing_by_the_model_itself_would_gain_nothing_across_its_own_force() -> None:
    """The model's force is that of what is held."""
    (x,) = distorted("ethanol", 1)
    atoms, calculator = ase.Atoms(NUMBERS, x / ANGSTROM), HybridFFCalculator(MODEL)
    atoms.calc = calculator
    forces = atoms.get_forces() * (EV / ANGSTROM)
    gain, left = relaxation_gain(NUMBERS, x, forces, calculator)
    assert gain == pytest.approx(0.0, abs=1e-9)
    assert left == pytest.approx(0.0, abs=1e-6)


def test_a_newton_step_gains_half_of_force_times_way() -> None:
    """Along one stiff mode with curvature k, a force F gains F²/2k."""
    (x,) = distorted("ethanol", 1)
    atoms, calculator = ase.Atoms(NUMBERS, x / ANGSTROM), HybridFFCalculator(MODEL)
    atoms.calc = calculator
    own = atoms.get_forces() * (EV / ANGSTROM)
    stretch = np.zeros_like(x)
    stretch[8] = (x[8] - x[2]) / np.linalg.norm(x[8] - x[2])
    gain, _ = relaxation_gain(NUMBERS, x, own + 1000 * stretch, calculator)
    double, _ = relaxation_gain(NUMBERS, x, own + 2000 * stretch, calculator)
    assert double == pytest.approx(4 * gain, rel=1e-6)
    # kJ/mol: GAFF's O-H bond has 310000 kJ/mol/nm², and softer angles give way too
    assert 1000**2 / (2 * 400000) < gain < 1000**2 / (2 * 100000)
