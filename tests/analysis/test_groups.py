from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from models import distorted, force_field, molecule

from hybridff.analysis.groups import ErrorGroups, Group, error_groups
from hybridff.fitting.conformers import find_rotors
from hybridff.frames.accuracy import evaluate, predict
from hybridff.frames.dataset import Frames
from hybridff.units import KCAL_MOL


def frames(n: int = 40) -> Frames:
    """Of class I with noise on it."""
    random, positions = np.random.default_rng(0), distorted("ethanol", n)
    energies, forces = predict(force_field("ethanol"), positions)
    return Frames(
        molecule("ethanol").numbers,
        positions,
        energies + random.normal(scale=3.0, size=n),
        forces + random.normal(scale=20.0, size=forces.shape),
    )


def test_parts_make_the_whole() -> None:
    own = frames()
    rotors = find_rotors(molecule("ethanol"))
    found = error_groups(force_field("ethanol"), own, molecule("ethanol"), torsions=rotors)
    whole = evaluate(force_field("ethanol"), own)
    assert whole.force_rmse is not None
    kinds = {group.kind for group in found}
    assert kinds == {"element", "atom", "energy", "H4-C1-C2-O3", "C1-C2-O3-H9"}
    for kind in kinds:
        rows = [group for group in found if group.kind == kind]
        squares = sum(group.n * (group.force_rmse or 0) ** 2 for group in rows) / sum(group.n for group in rows)
        assert squares == pytest.approx(whole.force_rmse**2)
        if kind not in ("element", "atom"):
            squares = sum(group.n * (group.energy_rmse or 0) ** 2 for group in rows) / len(own)
            assert squares == pytest.approx(whole.energy_rmse**2)


def test_a_wrong_atom_and_a_wrong_frame_are_found() -> None:
    own = frames()
    assert own.forces is not None
    forces, energies = own.forces.copy(), own.energies.copy()
    forces[:, 2] += 500.0
    highest = int(energies.argmax())
    energies[highest] += 200 * KCAL_MOL
    limits = [0.0, 200.0 * KCAL_MOL, np.inf]
    found = error_groups(
        force_field("ethanol"), replace(own, forces=forces, energies=energies), molecule("ethanol"), 0.0, (), limits
    )
    worst = max((group for group in found if group.kind == "atom"), key=lambda group: group.force_rmse or 0)
    assert worst.name == "O3"
    last = [group for group in found if group.kind == "energy"][-1]
    assert (last.name, last.n) == ("above 200", 1)
    assert last.energy_rmse == pytest.approx(200 * KCAL_MOL, rel=0.05)


def test_energies_alone_have_no_groups_of_atoms() -> None:
    found = error_groups(force_field("ethanol"), replace(frames(), forces=None), molecule("ethanol"))
    assert {group.kind for group in found} == {"energy"}
    assert all(group.force_rmse is None for group in found)


def test_intervals_are_named_in_kcal_per_mol_and_degrees() -> None:
    own = frames()
    found = error_groups(force_field("ethanol"), own, molecule("ethanol"), torsions=[(0, 1, 2, 8)])
    heights = {group.name for group in found if group.kind == "energy"}
    limits = (0, 2, 5, 10, 15, 20, 30, 50, 100)
    assert heights <= {*(f"{low} to {high}" for low, high in pairwise(limits)), "above 100"}
    assert {"0 to 2", "above 100"} <= heights
    angles = [group.name for group in found if group.kind == "C1-C2-O3-H9"]
    assert set(angles) <= {f"{low} to {low + 30}" for low in range(-180, 180, 30)}


def test_groups_are_shown_in_kcal_per_mol_and_angstrom() -> None:
    found = ErrorGroups((Group("atom", "O3", 1, None, 41.84, 83.68), Group("energy", "0 to 2", 7, 4.184, None, None)))
    assert found.sentences() == [
        "by                              group  number   energy    force       of",
        "atom                               O3       1             1.000    2.000",
        "energy                         0 to 2       7    1.000                  ",
    ]
    assert found.table().rows == (("atom", "O3", "1", "", "1.000", "2.000"), ("energy", "0 to 2", "7", "1.000", "", ""))
    assert found.picture().startswith(b"\x89PNG")
