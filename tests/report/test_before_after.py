import numpy as np
import pytest
import torch
from models import corrected, distorted, force_field

from hybridff.report.before_after import Quick


@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde"])
def test_the_compiled_evaluator_says_what_torch_says(name):
    model = corrected(force_field(name))
    positions = torch.as_tensor(distorted(name, 5))
    energy, forces = Quick(model).energy_forces(positions)
    expected, slopes = model.energy_forces(positions)
    torch.testing.assert_close(energy, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(forces, slopes, rtol=1e-9, atol=1e-8)
    assert np.allclose(Quick(model).energy(positions), expected)
    assert len(Quick(model).openmm_forces()) == len(model.openmm_forces())
