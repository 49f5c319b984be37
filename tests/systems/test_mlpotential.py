import numpy as np
import openmm
import pytest
import torch
from boxes import energy, geometry, rich, topology_of
from models import force_field
from openmm import app
from openmmml import MLPotential

from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel, write_model
from hybridff.export.routes import to_openmm
from hybridff.systems.mlpotential import HybridFFPotentialImplFactory


def test_openmm_ml_finds_the_potential_and_makes_a_system(tmp_path) -> None:
    model, x = rich(), geometry("ethanol")
    write_model(SavedModel(model, None), tmp_path)
    system = MLPotential("hybridff", model=tmp_path).createSystem(model.molecule.to_openmm_topology())
    assert energy(system, x) == pytest.approx(float(model.energy(torch.as_tensor(x))), rel=1e-12)


def test_a_mixed_system_interpolates_without_a_custom_cv_force() -> None:
    stock, model, x = force_field("ethanol"), rich(), geometry("ethanol")
    topology, system = stock.molecule.to_openmm_topology(), to_openmm(stock)
    potential = MLPotential("hybridff", model=model)
    mixed = potential.createMixedSystem(topology, system, range(9), interpolate=True)
    assert not any(isinstance(force, openmm.CustomCVForce) for force in mixed.getForces())
    ends = energy(system, x), float(model.energy(torch.as_tensor(x)))
    for value in (0.0, 0.5, 1.0):
        expected = (1 - value) * ends[0] + value * ends[1]
        assert energy(mixed, x, lambda_interpolate=value) == pytest.approx(expected, rel=1e-12)
    plain = potential.createMixedSystem(topology, system, range(9))
    assert energy(plain, x) == pytest.approx(ends[1], rel=1e-12)


def test_its_forces_alone_are_the_energy_inside_the_molecules() -> None:
    """What embeddings of others ask for."""
    model = rich()
    topology = topology_of([model, model], [range(9)] * 2)
    system = openmm.System()
    for atom in topology.atoms():
        system.addParticle(atom.element.mass)
    x = np.concatenate([geometry("ethanol"), geometry("ethanol", seed=1)])
    HybridFFPotentialImplFactory().createImpl("hybridff", model=model).addForces(topology, system, range(9, 18), 0)
    assert energy(system, x) == pytest.approx(float(model.energy(torch.as_tensor(x[9:]))), rel=1e-12)


def test_without_a_model_or_with_another_force_group_it_is_refused() -> None:
    with pytest.raises(InputError, match="name the folder of a model"):
        MLPotential("hybridff")
    model = rich()
    topology: app.Topology = model.molecule.to_openmm_topology()
    with pytest.raises(InputError, match="forceGroup=3"):
        MLPotential("hybridff", model=model).createMixedSystem(topology, to_openmm(model), range(9), forceGroup=3)
