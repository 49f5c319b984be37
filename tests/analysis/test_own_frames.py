import ase
import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.methods import method
from hybridff.analysis.own_frames import (
    Labelled,
    OwnErrors,
    OwnErrorsComparison,
    OwnFrames,
    labelled,
    own_errors,
    own_frames,
)
from hybridff.analysis.trajectories import Run, system_of
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator


def test_a_method_is_right_about_itself_and_wrong_about_others() -> None:
    model, own = force_field("ethanol"), molecule("ethanol")
    calculator, other = HybridFFCalculator(model), method("mmff94", molecule("ethanol"))
    assert own.positions is not None
    visited = own_frames(
        system_of(calculator, own), own.positions, Run(temperature=300.0, time=0.15, every=0.05, seed=1)
    )
    assert visited.shape == (3, 9, 3)
    same = labelled(visited, own, calculator, HybridFFCalculator(model))
    assert not same.energies.any()
    assert not same.forces.any()
    off = labelled(visited, own, calculator, other)
    atoms = ase.Atoms(own.numbers, visited[2] * 10)
    forces = []
    for one in (calculator, other):
        atoms.calc = one
        forces.append(atoms.get_forces() * 964.8533)  # eV/Å in kJ/mol/nm
    np.testing.assert_allclose(off.forces[2], forces[0] - forces[1], rtol=1e-6, atol=1e-6)


def test_one_constant_serves_all_temperatures() -> None:
    zeros = np.zeros((2, 1, 3))
    cold = Labelled(zeros, np.array([1.0, 3.0]) * 4.184, zeros + 41.84)
    hot = Labelled(zeros, np.array([5.0, 5.0]) * 4.184, zeros)
    first, last = own_errors({600.0: hot, 300.0: cold})
    assert (first.temperature, last.temperature) == (300.0, 600.0)
    # the mean of the colder is 2 kcal/mol
    assert first.energy_rmse == pytest.approx(1 * 4.184)
    assert last.energy_rmse == pytest.approx(3 * 4.184)
    assert first.force_rmse == pytest.approx(41.84)
    assert last.force_rmse == 0


def test_a_comparison_is_in_kcal_per_mol_and_angstrom() -> None:
    found = OwnErrorsComparison({"one": (OwnErrors(300.0, 20, 4.184, 83.68),)})
    assert found.sentences() == ["one, 20 own frames at 300 K: energy RMSE 1.000 kcal/mol, force RMSE 2.000 kcal/mol/Å"]
    assert found.table().rows == (("one", "300", "20", "1.000", "2.000"),)
    assert found.picture().startswith(b"\x89PNG")


def test_options_are_checked_before_anything_runs() -> None:
    assert OwnFrames(frames=4, spacing="250 fs").run(600.0).time == pytest.approx(1.0)
    with pytest.raises(InputError, match="option frames has to be at least 2"):
        OwnFrames(frames=1)
    with pytest.raises(InputError, match="option temperature has to be a positive number"):
        OwnFrames(temperatures=(300.0, -1.0))
