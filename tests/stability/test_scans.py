import numpy as np
import pytest
from models import force_field, molecule

from hybridff.export.routes import to_openmm
from hybridff.molecules.limits import chain_key, pair_key
from hybridff.molecules.molecule import Molecule
from hybridff.stability.landscape import landscape_around, relax
from hybridff.stability.scans import RelaxedScan, all_scans, find_false_minimum
from hybridff.units import DEGREE


def placed(name: str) -> tuple[Molecule, np.ndarray]:
    own = molecule(name)
    assert own.positions is not None
    return own, own.positions


def scans_of(name: str) -> list[RelaxedScan]:
    return all_scans(*placed(name))


def test_every_class_of_bonds_is_compressed_and_stretched_once() -> None:
    own, _ = placed("ethanol")
    classes = own.equivalent_atoms()
    for doing in ("compressing the bond", "stretching the bond"):
        found = [scan for scan in scans_of("ethanol") if scan.doing.startswith(doing)]
        keys = [pair_key(classes[list(scan.atoms)], 1) for scan in found]
        assert len(keys) == len(set(keys)) == 5  # C-C, C-O, O-H, and C-H of either carbon


def test_scans_begin_at_the_minimum_and_go_one_way() -> None:
    own, positions = placed("ethanol")
    for scan in scans_of("ethanol"):
        steps = np.diff(scan.targets)
        assert (steps > 0).all() or (steps < 0).all(), scan.doing
        if len(scan.atoms) == 2:
            first, second = positions[list(scan.atoms)]
            assert scan.targets[0] == pytest.approx(np.linalg.norm(first - second))
    assert {len(scan.atoms) for scan in scans_of("ethanol")} == {2, 3}
    assert own.bonds.shape[1] == 2


def test_pairs_are_drawn_together_in_steps_that_get_small() -> None:
    for scan in scans_of("ethanol"):
        if scan.doing.startswith("drawing"):
            assert scan.targets[-1] == pytest.approx(0.05)
            ratios = scan.targets[:-1] / scan.targets[1:]
            assert ratios.max() < 1.3 + 1e-9
            assert ratios[scan.targets[1:] < 0.29].max() < 1.1 + 1e-9


def test_angles_are_closed_to_60_degrees_and_opened_to_175() -> None:
    ends: dict[str, set[float]] = {}
    for scan in scans_of("ethanol"):
        if len(scan.atoms) == 3:
            ends.setdefault(scan.doing.split()[0], set()).add(round(scan.targets[-1] / DEGREE, 6))
    assert ends == {"closing": {60.0}, "opening": {175.0}}


def test_equivalent_angles_are_scanned_once() -> None:
    classes = molecule("benzene").equivalent_atoms()
    keys = [(scan.doing.split()[0], chain_key(classes[list(scan.atoms)])) for scan in scans_of("benzene")]
    angles = [key for key, scan in zip(keys, scans_of("benzene"), strict=True) if len(scan.atoms) == 3]
    assert sorted(angles) == sorted(set(angles))
    assert len(angles) == 4  # C-C-C and C-C-H, closed and opened


def test_an_atom_has_no_scans() -> None:
    argon = Molecule("argon", np.array([18]), np.empty((0, 2), int), np.empty(0, int), np.zeros(1, int))
    assert all_scans(argon, np.zeros((1, 3))) == []


def test_a_good_force_field_has_no_false_minimum_along_a_bond() -> None:
    own, positions = placed("ethanol")
    system = to_openmm(force_field("ethanol"))
    landscape = landscape_around(own, system, *relax(system, positions))
    bonds = [scan for scan in all_scans(own, landscape.minimum) if "the bond" in scan.doing]
    assert bonds
    assert [find_false_minimum(landscape, scan) for scan in bonds] == [None] * len(bonds)
