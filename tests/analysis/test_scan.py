import ase
import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from models import force_field, molecule

from hybridff.analysis.scan import Scan, on_grid, parse_torsion, scan
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator

HYDROXYL = (0, 1, 2, 8)
METHYL = (2, 1, 0, 3)


def atoms(name: str = "ethanol") -> ase.Atoms:
    own = molecule(name)
    assert own.positions is not None
    return ase.Atoms(own.numbers, own.positions * 10)


def calculator() -> HybridFFCalculator:
    return HybridFFCalculator(force_field("ethanol"))


def test_a_relaxed_scan_holds_the_torsion_and_relaxes_all_else() -> None:
    angles = np.arange(-180, 180, 30.0)
    found = scan(atoms(), calculator(), molecule("ethanol"), [HYDROXYL], [angles])
    assert found.energies.shape == (12,)
    for angle, positions in zip(angles, found.positions, strict=True):
        own = ase.Atoms(molecule("ethanol").numbers, positions, calculator=calculator())
        assert (own.get_dihedral(*HYDROXYL) - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
        # what is left of the forces turns the torsion: nothing acts along bonds
        pull = own.get_forces()[3:6]
        assert np.abs(pull).max() < 0.01
    # a mirror image has the same energy [kcal/mol]
    np.testing.assert_allclose(found.energies[1:6], found.energies[:6:-1], atol=0.01)
    rigid = scan(atoms(), calculator(), molecule("ethanol"), [HYDROXYL], [angles], rigid=True)
    own = ase.Atoms(molecule("ethanol").numbers, rigid.positions[3])
    assert own.get_distance(2, 8) == pytest.approx(atoms().get_distance(2, 8), abs=1e-9)
    assert (rigid.energies >= found.energies - 0.05).all()


def test_a_scan_of_two_torsions_has_both_angles_everywhere() -> None:
    grids = [np.array([60.0, 180.0]), np.array([0.0, 60.0, 100.0])]
    found = scan(atoms(), calculator(), molecule("ethanol"), [HYDROXYL, METHYL], grids)
    assert found.energies.shape == (2, 3)
    assert found.energies.min() == 0
    for place in np.ndindex(2, 3):
        own = ase.Atoms(molecule("ethanol").numbers, found.positions[place])
        for torsion, grid, i in zip((HYDROXYL, METHYL), grids, place, strict=True):
            assert (own.get_dihedral(*torsion) - grid[i] + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    # eclipsed methyl groups cost some 3 kcal/mol
    assert 2 < found.energies[1, 0] - found.energies[1, 1] < 5


def test_deviations_are_those_after_the_best_shift() -> None:
    angles = (np.array([0.0, 1.0, 2.0]),)
    one, other = (Scan(angles, np.array(own), np.zeros((3, 1, 3))) for own in ([0.0, 1.0, 2.0], [3.0, 1.0, 0.0]))
    # differences -3, 0, 2 less their mean -1/3
    assert one.deviation(other) == pytest.approx(((8 / 3 + 1 / 3 + 7 / 3) / 3, 8 / 3))


def test_what_is_no_torsion_is_refused() -> None:
    ethanol, benzene = molecule("ethanol"), molecule("benzene")
    assert parse_torsion("1,2,3,9", ethanol) == HYDROXYL
    for text, message in (
        ("1,2,3", "1,2,3 is no torsion of ethanol: give four numbers of atoms from 1 to 9"),
        ("1,2,3,10", "from 1 to 9"),
        ("a,b,c,d", "from 1 to 9"),
        ("1,2,3,3", "from 1 to 9"),
        ("1,3,2,9", "are not bonded in a chain"),
    ):
        with pytest.raises(InputError, match=message):
            parse_torsion(text, ethanol)
    with pytest.raises(InputError, match="the bond C2-C3 is in a ring"):
        parse_torsion("1,2,3,4", benzene)


def test_a_scan_in_which_nothing_relaxes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.scan._MOST_STEPS", 1)
    with pytest.raises(InputError, match="no relaxation of the scan ended"):
        scan(atoms(), _Plain(calculator()), molecule("ethanol"), [HYDROXYL], [np.array([0.0, 90.0])])


def test_labelled_geometries_of_a_scan_find_their_places_again() -> None:
    grids = [np.array([60.0, 180.0]), np.array([0.0, 60.0])]
    found = scan(atoms(), calculator(), molecule("ethanol"), [HYDROXYL, METHYL], grids, rigid=True)
    order = np.random.default_rng(0).permutation(4)
    positions, energies = found.positions.reshape(4, 9, 3)[order], found.energies.ravel()[order] + 7.0
    again = on_grid(positions, energies, [HYDROXYL, METHYL], grids, "file")
    np.testing.assert_allclose(again.energies, found.energies)
    np.testing.assert_array_equal(again.positions, found.positions)
    some = on_grid(positions[:2], energies[:2], [HYDROXYL, METHYL], grids, "file")
    assert np.isnan(some.energies).sum() == 2
    with pytest.raises(InputError, match=r"file: frame 1 has the angle .*, where the scan has no point"):
        on_grid(positions, energies, [HYDROXYL, METHYL], [grid + 10 for grid in grids], "file")
    with pytest.raises(InputError, match="file: frame 2 is at a point of the scan that another frame has already"):
        on_grid(positions[[0, 0]], energies[:2], [HYDROXYL, METHYL], grids, "file")


def test_openmm_relaxes_as_ase_does() -> None:
    grids, seen = [np.arange(-180.0, 180.0, 60.0)], list[float]()
    fast = scan(atoms(), calculator(), molecule("ethanol"), [HYDROXYL], grids, progress=seen.append)
    exact = scan(atoms(), _Plain(calculator()), molecule("ethanol"), [HYDROXYL], grids)
    assert np.ptp(exact.energies) > 0.5
    # kcal/mol; what is left of the forces at the end of either relaxation is worth some 1e-4
    np.testing.assert_allclose(fast.energies, exact.energies, atol=2e-3)
    assert seen == sorted(seen)
    assert seen[-1] == 1


class _Plain(Calculator):  # type: ignore[misc]
    """A calculator that OpenMM knows nothing of."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's own way)

    def __init__(self, inner: HybridFFCalculator) -> None:
        super().__init__()
        self._inner = inner

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        self._inner.calculate(atoms, properties, system_changes)
        self.results = dict(self._inner.results)
