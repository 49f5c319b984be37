import ase
import numpy as np
import pytest
import torch
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS
from models import corrected, distorted, force_field

from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator, energy_of


def atoms(x: np.ndarray) -> ase.Atoms:
    return ase.Atoms(force_field("ethanol").molecule.numbers, x * 10)


def test_ase_gets_the_energy_and_forces_of_torch() -> None:
    model, (x,) = corrected(force_field("ethanol", form="class2")), distorted("ethanol", 1)
    own = atoms(x)
    own.calc = HybridFFCalculator(model)
    energy, forces = model.energy_forces(torch.as_tensor(x))
    # 1 eV is 96.485 kJ/mol, CODATA 2018
    assert own.get_potential_energy() == pytest.approx(energy.item() / 96.48533212, rel=1e-8)
    np.testing.assert_allclose(own.get_forces(), forces.numpy() / 964.8533212, rtol=1e-7, atol=1e-9)


def test_ase_finds_the_minimum() -> None:
    own = atoms(distorted("ethanol", 1)[0])
    own.calc = HybridFFCalculator(force_field("ethanol"))
    BFGS(own, logfile=None).run(fmax=1e-3, steps=300)
    assert np.abs(own.get_forces()).max() < 1e-3


def test_atoms_of_another_molecule_are_refused() -> None:
    own = atoms(distorted("ethanol", 1)[0])[::-1]
    own.calc = HybridFFCalculator(force_field("ethanol"))
    with pytest.raises(InputError, match="in another order or of another molecule"):
        own.get_potential_energy()


class _ArrayOfOne(Calculator):  # type: ignore[misc]
    implemented_properties = ["energy"]  # noqa: RUF012 (ASE's name)

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        self.results = {"energy": np.array([2.0])}


def test_an_energy_that_is_an_array_of_one_is_a_number() -> None:
    own = atoms(distorted("ethanol", 1)[0])
    own.calc = _ArrayOfOne()
    assert energy_of(own) == pytest.approx(2 * 96.48533212)
