import json
from pathlib import Path

import ase
import numpy as np
import pytest
from models import force_field

from hybridff.analysis.torsions import angles_of
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.reference.minima import LARGEST_FORCE, read_minima, relaxed_minimum, write_minima
from hybridff.units import ANGSTROM, EV, KCAL_MOL

MODEL = force_field("ethanol")
MOLECULE = MODEL.molecule
assert MOLECULE.positions is not None
BEGIN = MOLECULE.positions
START = ase.Atoms(MOLECULE.numbers, BEGIN / ANGSTROM)
CALCULATOR = HybridFFCalculator(MODEL)
STIFF = np.eye(27) * 30 * EV / ANGSTROM**2


def turned(degrees: float) -> np.ndarray:
    """The molecule with its hydroxyl group turned, relaxed [Å]."""
    atoms = START.copy()
    atoms.set_dihedral(0, 1, 2, 8, degrees, indices=[8])
    _, positions = relaxed_minimum(MOLECULE.numbers, atoms.positions * ANGSTROM, CALCULATOR, STIFF)
    return positions / ANGSTROM


def test_a_relaxation_ends_at_a_minimum_in_our_units() -> None:
    said: list[str] = []
    energy, positions = relaxed_minimum(MOLECULE.numbers, BEGIN, CALCULATOR, STIFF, name="it", say=said.append)
    atoms = ase.Atoms(START.numbers, positions / ANGSTROM, calculator=HybridFFCalculator(MODEL))
    assert atoms.get_potential_energy() * EV == pytest.approx(energy)
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() * (EV / ANGSTROM) <= LARGEST_FORCE
    assert said[-1].startswith(f"it: {energy / KCAL_MOL:.4f} kcal/mol, 0.")


def test_a_relaxation_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.reference.minima._STEPS", 1)
    far = START.copy()
    far.rattle(0.3, seed=1)
    with pytest.raises(InputError, match="is not relaxed after 1 steps"):
        relaxed_minimum(MOLECULE.numbers, far.positions * ANGSTROM, CALCULATOR, STIFF)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    minima = [
        {"start": i, "energy": energy, "positions": turned(degrees).tolist()}
        for i, (energy, degrees) in enumerate([(10.0, 180.0), (10.5, 60.0), (11.0, 60.0)])
    ]
    path = tmp_path_factory.mktemp("minima") / "new" / "minima-ethanol.json"
    write_minima(path, "ethanol", "some level", minima)
    return path


def test_the_lowest_minima_of_a_file_are_read_in_our_units(file: Path) -> None:
    found = read_minima(MOLECULE, file, most=2)
    assert found.theory == "some level"
    np.testing.assert_allclose(found.heights, [0.0, 0.5 * KCAL_MOL])
    assert found.positions.shape == (2, 9, 3)
    assert np.ptp(found.positions) < 1.0  # nm
    assert json.loads(file.read_text(encoding="utf-8"))["set"] == "ethanol"


def test_frames_belong_to_the_minimum_that_their_torsions_are_nearest_to(file: Path) -> None:
    minima = read_minima(MOLECULE, file, most=2)
    frames = np.array([turned(degrees) for degrees in (180.0, 60.0, -60.0, 60.0)]) * ANGSTROM
    torsions = angles_of(frames, minima.rotors)
    np.testing.assert_array_equal(minima.nearest(torsions), [0, 1, 1, 1])
    np.testing.assert_allclose(minima.shares(torsions), [0.25, 0.75])


def test_a_model_is_relaxed_from_every_minimum(file: Path) -> None:
    minima = read_minima(MOLECULE, file, most=2)
    (trans, first), (gauche, second) = minima.relaxed(MODEL)
    assert (first, second) == (0, 1)
    energy, _ = relaxed_minimum(MOLECULE.numbers, BEGIN, CALCULATOR, STIFF)
    assert min(abs(trans - energy), abs(gauche - energy)) < 0.2  # kJ/mol: the minimisers end at different forces


def test_a_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .* of minima"):
        read_minima(MOLECULE, tmp_path / "none.json", 3)


def test_minima_of_other_atoms_are_refused(file: Path, tmp_path: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    content["minima"][1]["positions"].pop()
    (tmp_path / "cut.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="not a file of minima"):
        read_minima(MOLECULE, tmp_path / "cut.json", 3)
