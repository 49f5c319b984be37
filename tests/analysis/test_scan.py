import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from models import force_field, molecule

from hybridff.analysis.scan import Scan, ScanComparison, on_grid, relaxed_scan, rigid_scan, torsion_scans
from hybridff.analysis.torsions import Torsion, angles_of, wrapped
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atoms_at
from hybridff.export.calculator import HybridFFCalculator

HYDROXYL = (0, 1, 2, 8)
METHYL = (2, 1, 0, 3)


ETHANOL = molecule("ethanol")


def off(positions: np.ndarray, torsion: Torsion, degrees: np.floating) -> float:
    """How far a torsion is from an angle [degrees]."""
    return float(np.degrees(wrapped(angles_of(positions[None], [torsion])[0] - np.radians(degrees))[0]))


def calculator() -> HybridFFCalculator:
    return HybridFFCalculator(force_field("ethanol"))


def test_a_relaxed_scan_holds_the_torsion_and_relaxes_all_else() -> None:
    angles = np.arange(-180, 180, 30.0)
    found = relaxed_scan(ETHANOL, calculator(), [HYDROXYL], [np.radians(angles)])
    assert found.energies.shape == (12,)
    for angle, positions in zip(angles, found.positions, strict=True):
        own = atoms_at(ETHANOL.numbers, positions, calculator())
        assert off(positions, HYDROXYL, angle) == pytest.approx(0, abs=0.01)
        # what is left of the forces turns the torsion: nothing acts along bonds
        pull = own.get_forces()[3:6]
        assert np.abs(pull).max() < 0.01
    # a mirror image has the same energy [kJ/mol]
    np.testing.assert_allclose(found.energies[1:6], found.energies[:6:-1], atol=0.04)


def test_a_rigid_scan_turns_the_molecule_as_it_is() -> None:
    angles = np.arange(-180, 180, 30.0)
    rigid = rigid_scan(ETHANOL, calculator(), [HYDROXYL], [np.radians(angles)])
    assert ETHANOL.positions is not None
    for angle, positions in zip(angles, rigid.positions, strict=True):
        assert off(positions, HYDROXYL, angle) == pytest.approx(0, abs=1e-6)
        # nothing but the hydroxyl group moves
        np.testing.assert_allclose(np.delete(positions, 8, 0), np.delete(ETHANOL.positions, 8, 0), atol=1e-12)
        lengths = [np.linalg.norm(x[2] - x[8]) for x in (positions, ETHANOL.positions)]
        assert lengths[0] == pytest.approx(lengths[1], abs=1e-10)
    found = relaxed_scan(ETHANOL, calculator(), [HYDROXYL], [np.radians(angles)])
    assert (rigid.energies >= found.energies - 0.2).all()


def test_a_scan_of_two_torsions_has_both_angles_everywhere() -> None:
    grids = [np.array([60.0, 180.0]), np.array([0.0, 60.0, 100.0])]
    found = relaxed_scan(ETHANOL, calculator(), [HYDROXYL, METHYL], [np.radians(grid) for grid in grids])
    assert found.energies.shape == (2, 3)
    assert found.energies.min() == 0
    for place in np.ndindex(2, 3):
        for torsion, grid, i in zip((HYDROXYL, METHYL), grids, place, strict=True):
            assert off(found.positions[place], torsion, grid[i]) == pytest.approx(0, abs=0.01)
    # eclipsed methyl groups cost some 12 kJ/mol
    assert 8 < found.energies[1, 0] - found.energies[1, 1] < 21


def test_deviations_are_those_after_the_best_shift() -> None:
    angles = (np.array([0.0, 1.0, 2.0]),)
    one, other = (Scan(angles, np.array(own), np.zeros((3, 1, 3))) for own in ([0.0, 1.0, 2.0], [3.0, 1.0, 0.0]))
    # differences -3, 0, 2 less their mean -1/3
    assert one.deviation(other) == pytest.approx(((8 / 3 + 1 / 3 + 7 / 3) / 3, 8 / 3))


def test_a_scan_in_which_nothing_relaxes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.held_torsions._MOST_STEPS", 1)
    with pytest.raises(InputError, match="no relaxation of the scan ended"):
        relaxed_scan(ETHANOL, _Plain(calculator()), [HYDROXYL], [np.radians([0.0, 90.0])])


def test_labelled_geometries_of_a_scan_find_their_places_again() -> None:
    grids = [np.radians([60.0, 180.0]), np.radians([0.0, 60.0])]
    found = rigid_scan(ETHANOL, calculator(), [HYDROXYL, METHYL], grids)
    order = np.random.default_rng(0).permutation(4)
    positions, energies = found.positions.reshape(4, 9, 3)[order], found.energies.ravel()[order] + 7.0
    again = on_grid(positions, energies, [HYDROXYL, METHYL], grids, "file")
    np.testing.assert_allclose(again.energies, found.energies)
    np.testing.assert_array_equal(again.positions, found.positions)
    some = on_grid(positions[:2], energies[:2], [HYDROXYL, METHYL], grids, "file")
    assert np.isnan(some.energies).sum() == 2
    with pytest.raises(InputError, match=r"file: frame 1 has the angle \d+\.0°, where the scan has no point"):
        on_grid(positions, energies, [HYDROXYL, METHYL], [grid + 0.2 for grid in grids], "file")
    with pytest.raises(InputError, match="file: frame 2 is at a point of the scan that another frame has already"):
        on_grid(positions[[0, 0]], energies[:2], [HYDROXYL, METHYL], grids, "file")


def test_openmm_relaxes_as_ase_does() -> None:
    grids, seen = [np.radians(np.arange(-180.0, 180.0, 60.0))], list[float]()
    fast = relaxed_scan(
        ETHANOL, calculator(), [HYDROXYL], grids, progress=lambda fraction, what="": seen.append(fraction)
    )
    exact = relaxed_scan(ETHANOL, _Plain(calculator()), [HYDROXYL], grids)
    assert np.ptp(exact.energies) > 2
    # kJ/mol; what is left of the forces at the end of either relaxation is worth some 4e-4
    np.testing.assert_allclose(fast.energies, exact.energies, atol=8e-3)
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


def test_a_comparison_says_in_kcal_per_mol_and_degrees_what_it_holds_in_our_units() -> None:
    angles = (np.radians([0.0, 90.0]),)
    energies = {"one": np.array([0.0, 4.184]), "other": np.array([0.0, np.nan]), "third": np.array([8.368, 0.0])}
    found = ScanComparison(
        {name: Scan(angles, own, np.zeros((2, 1, 3))) for name, own in energies.items()}, ("A-B-C-D",), rigid=True
    )
    assert found.sentences() == [
        "rigid scan of A-B-C-D, 2 points",
        "one: up to 1.00 kcal/mol",
        "other: up to 0.00 kcal/mol; off one by 0.00 on average, 0.00 at most; 1 points without end",
        # differences 2 and -1 less their mean
        "third: up to 2.00 kcal/mol; off one by 1.50 on average, 1.50 at most",
    ]
    assert found.table().header == ("A-B-C-D [degrees]", "one [kcal/mol]", "other [kcal/mol]", "third [kcal/mol]")
    assert found.table().rows == (("0", "0.0000", "0.0000", "2.0000"), ("90", "1.0000", "nan", "0.0000"))
    assert found.picture().startswith(b"\x89PNG")
    assert found.differences() != found.picture()


def test_every_method_is_scanned_and_a_reference_comes_first() -> None:
    angles, seen = [np.radians([0.0, 120.0])], list[tuple[float, str]]()
    given = Scan(tuple(angles), np.array([0.0, 1.0]), np.zeros((2, 9, 3)))
    found = torsion_scans(
        ETHANOL,
        {"first": calculator(), "second": calculator()},
        [HYDROXYL],
        angles,
        rigid=True,
        reference={"file": given},
        progress=lambda fraction, what="": seen.append((fraction, what)),
    )
    assert list(found.scans) == ["file", "first", "second"]
    assert found.first == "file"
    assert found.labels == ("C1-C2-O3-H9",)
    np.testing.assert_array_equal(found.scans["first"].energies, found.scans["second"].energies)
    assert seen == [(0.25, "first"), (0.5, "first"), (0.75, "second"), (1.0, "second")]


def test_a_torsion_over_atoms_in_line_is_refused() -> None:
    with pytest.raises(InputError, match=r"the torsion H4-C1-C2-C3 has no angle: C1-C2-C3 are in line"):
        torsion_scans(molecule("propyne"), {"own": calculator()}, [(3, 0, 1, 2)], [np.radians([0.0, 60.0])])
