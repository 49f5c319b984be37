import numpy as np
import pytest
import torch
from helpers import openmm_energy_forces
from models import corrected, distorted, force_field, lone_atom

from hybridff.export.compiled import compile_model, compiled_force, split_compiled_force
from hybridff.model import CORRECTION_GROUP


@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde"])
def test_a_compiled_model_has_the_energies_and_forces_of_torch(name: str) -> None:
    model = corrected(force_field(name))
    positions = torch.as_tensor(distorted(name, 6)).reshape(2, 3, -1, 3)
    energy, forces = compile_model(model).energy_forces(positions)
    expected, slopes = model.energy_forces(positions)
    torch.testing.assert_close(energy, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(forces, slopes, rtol=1e-9, atol=1e-8)
    torch.testing.assert_close(compile_model(model).energy(positions), energy, rtol=0, atol=0)
    assert len(compile_model(model).openmm_forces()) == len(model.openmm_forces())


def test_one_geometry_overwrites_forces_and_corrections_are_the_rest() -> None:
    model, (x,) = corrected(force_field("ethanol")), distorted("ethanol", 1)
    compiled, terms = compile_model(model), compile_model(force_field("ethanol"))
    first, second, third = np.full((3, *x.shape), 7.0)
    whole, base, rest = (
        compiled.evaluate(x, first),
        terms.evaluate(x, second),
        compiled.evaluate_corrections(x, third),
    )
    assert rest != 0
    assert whole == pytest.approx(base + rest, rel=1e-12)
    np.testing.assert_allclose(first, second + third, rtol=0, atol=1e-9)


def test_a_lone_atom_has_no_energy_and_no_force() -> None:
    energy, forces = compile_model(lone_atom()).energy_forces(torch.zeros((2, 1, 3), dtype=torch.float64))
    assert energy.tolist() == [0.0, 0.0]
    assert not forces.any()


def test_a_split_force_adds_up_to_the_whole_one_and_its_corrections_have_a_group_of_their_own() -> None:
    model, x = corrected(force_field("ethanol")), distorted("ethanol", 3)
    terms, corrections = split_compiled_force(model)
    assert (terms.getForceGroup(), corrections.getForceGroup()) == (0, CORRECTION_GROUP)
    whole = openmm_energy_forces([compiled_force(model)], x)
    parts = [openmm_energy_forces([force], x) for force in (terms, corrections)]
    assert all(np.abs(energies).min() > 0 for energies, _ in parts)
    for number in (0, 1):
        np.testing.assert_allclose(parts[0][number] + parts[1][number], whole[number], rtol=1e-10, atol=1e-9)
