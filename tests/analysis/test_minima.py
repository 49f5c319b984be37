import ase
import numpy as np
import pytest
from ase.calculators.emt import EMT
from models import force_field, molecule
from scipy.spatial.transform import Rotation

from hybridff.analysis.methods import method
from hybridff.analysis.minima import (
    MinimaComparison,
    Minimum,
    compare_minima,
    distinct_minima,
    guesses,
    matching_chirality,
    minima_of,
    positions_of,
    relaxed_minimum,
    rmsd,
    search,
    start_of,
)
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.frames.dataset import Frames
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import find_rotors, turn


def test_ethanol_has_two_minima_whatever_the_method() -> None:
    for calculator in (method("mmff94", molecule("ethanol")), HybridFFCalculator(force_field("ethanol"))):
        found = search(molecule("ethanol"), calculator, wanted=15)
        assert len(found) == 2  # trans and gauche; the other gauche is a mirror image
        assert 0 < found[1].energy - found[0].energy < 4
        one, other = (
            relaxed_minimum(molecule("ethanol"), calculator, own.positions + 0.001 * np.eye(9)[:, :3]) for own in found
        )
        assert one is not None
        assert other is not None
        # kJ/mol: forces of 5 meV/Å are left
        assert one.energy == pytest.approx(found[0].energy, abs=0.08)
        assert rmsd(molecule("ethanol"), other.positions, found[1].positions) < 0.01
        assert len(search(molecule("ethanol"), calculator, window=0.04, wanted=15)) == 1


def test_the_distance_of_shapes_knows_symmetry_and_mirror_images() -> None:
    own = molecule("ethanol")
    assert own.positions is not None
    x = own.positions
    turned = Rotation.from_rotvec([0.3, 1.0, -0.4]).apply(x) + 0.2
    exchanged = turned[[0, 1, 2, 4, 5, 3, 6, 7, 8]]
    # RDKit's alignment in double precision
    assert rmsd(own, exchanged, x) == pytest.approx(0, abs=1e-4)
    assert rmsd(own, -x, x) == pytest.approx(0, abs=1e-4)
    moved = x.copy()
    moved[8] += [0.0, 0.0, 0.03]
    assert 0.002 < rmsd(own, moved, x) < 0.01


def test_shapes_of_long_chains_are_compared_in_no_time_by_what_carries_their_hydrogens() -> None:
    own = Molecule.from_smiles("C" * 16).with_embedded_positions()
    rotor = find_rotors(own)[5]
    assert own.positions is not None
    x = own.positions
    assert rmsd(own, -x + 0.3, x) == pytest.approx(0, abs=1e-4)  # nm; by a million exchanges it would take a minute
    assert rmsd(own, turn(own, x, rotor, 0.4), x) > 0.05


def test_equal_minima_are_one_and_others_are_not() -> None:
    own = molecule("ethanol")
    assert own.positions is not None
    x = own.positions
    far = x.copy()
    far[8] += 0.1
    given = [Minimum(0.2, -x), Minimum(0.0, x), Minimum(0.1, far), Minimum(2.0, x)]
    assert [minimum.energy for minimum in distinct_minima(own, given)] == [0.0, 0.1, 2.0]


def test_guesses_are_the_same_for_a_seed() -> None:
    one, other = (guesses(molecule("ethanol"), 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one[0].positions, other[0].positions)


def test_a_search_in_which_nothing_relaxes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.minima._MOST_STEPS", 0)
    with pytest.raises(InputError, match="no relaxation of ethanol ended"):
        search(molecule("ethanol"), HybridFFCalculator(force_field("ethanol")), wanted=2)


def test_dynamics_of_other_programs_begin_at_their_minimum() -> None:
    own = molecule("ethanol")
    begin = positions_of(own)
    np.testing.assert_allclose(start_of(HybridFFCalculator(force_field("ethanol")), own), begin)
    calculator = EMT()  # type: ignore[no-untyped-call]
    found = ase.Atoms(own.numbers, start_of(calculator, own) * 10, calculator=calculator)
    # eV/Å
    assert np.linalg.norm(found.get_forces(), axis=1).max() < 5e-3
    assert np.abs(found.positions / 10 - begin).max() > 0.002


def test_equal_atoms_are_named_so_that_centres_are_as_handed_as_in_the_molecule() -> None:
    own = molecule("ethanol")
    x = positions_of(own)

    def volume(y: np.ndarray, atoms: list[int]) -> float:
        first, *others = y[atoms]
        return float(np.linalg.det(np.array(others) - first))

    methyl, methylene = [0, 1, 3, 4], [1, 0, 2, 6]
    for wrong in (-x, x[[0, 1, 2, 4, 3, 5, 6, 7, 8]], x[[0, 1, 2, 3, 4, 5, 7, 6, 8]]):
        assert any(volume(wrong, atoms) * volume(x, atoms) < 0 for atoms in (methyl, methylene))
        found = matching_chirality(own, wrong)
        assert all(volume(found, atoms) * volume(x, atoms) > 0 for atoms in (methyl, methylene))
        assert rmsd(own, found, wrong) < 1e-7
    for guess in guesses(own, wanted=20):
        assert all(volume(guess.positions, atoms) * volume(x, atoms) > 0 for atoms in (methyl, methylene))


def test_a_comparison_has_energies_above_the_first_minimum_and_gaps_where_relaxations_did_not_end() -> None:
    minima = [Minimum(energy, np.zeros((1, 3))) for energy in (10.0, 14.184)]
    found = MinimaComparison(
        {"one": tuple(minima), "a/other": (minima[1], None)}, {"one": (0.0, 0.0), "a/other": (0.012, None)}
    )
    assert found.table().header == (
        "minimum",
        "one [kcal/mol]",
        "one RMSD [Å]",
        "a/other [kcal/mol]",
        "a/other RMSD [Å]",
    )
    assert found.table().rows == (("1", "0.00", "0.00", "0.00", "0.12"), ("2", "1.00", "0.00", "", ""))
    assert found.sentences() == [
        "minimum |              one |            other",
        "      1 |      0.00 (0.00) |      0.00 (0.12)",
        "      2 |      1.00 (0.00) |           (    )",
    ]
    assert found.picture().startswith(b"\x89PNG")


def test_every_method_relaxes_the_minima_of_the_first() -> None:
    own, calculator = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    found = compare_minima(own, {"one": calculator, "same": calculator}, wanted=10)
    assert len(found.known) == 2
    np.testing.assert_allclose(found.energies("one"), found.energies("same"), atol=0.1)  # kJ/mol
    again = compare_minima(own, {"same": calculator}, reference={"file": found.known[:1]})
    assert list(again.minima) == ["file", "same"]
    assert again.moved["same"][0] is not None
    assert again.moved["same"][0] < 0.005


def test_minima_of_frames_are_the_lowest_first() -> None:
    own = molecule("ethanol")
    x = positions_of(own)
    found = minima_of(own, Frames(own.numbers, np.array([x, -x]), np.array([5.0, 2.0]), None))
    assert [minimum.energy for minimum in found] == [2.0, 5.0]
    assert rmsd(own, found[0].positions, x) < 1e-6
