"""A force field by its compiled evaluator: for many frames, for ASE, and as a force that OpenMM calls."""

from collections.abc import Sequence

import numpy as np
import openmm
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.gaff.compiled import CompiledEnergy
from hybridff.gaff.forcefield import ForceField
from hybridff.model import CORRECTION_GROUP, Adds, EnergyModel
from hybridff.molecules.graph import spanning_tree
from hybridff.molecules.images import make_whole
from hybridff.molecules.molecule import Molecule


class CompiledModel(EnergyModel):
    """A force field compiled by ``compile_model``: the energies and forces of torch, many times faster."""

    def __init__(self, force_field: ForceField, terms: Adds, corrections: Sequence[Adds]) -> None:
        super().__init__()
        self.force_field = force_field
        self.terms = terms
        """Energy of the terms [kJ/mol]; overwrites the forces that it is given."""
        self.corrections = tuple(corrections)
        """Energy of each correction [kJ/mol]; adds to the forces that it is given."""

    def evaluate(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """Energy [kJ/mol] of one geometry [nm]; overwrites ``forces`` [kJ/mol/nm]."""
        energy = self.terms(positions, forces)
        for add in self.corrections:
            energy += add(positions, forces)
        return energy

    def evaluate_corrections(
        self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]
    ) -> float:
        """Energy [kJ/mol] of the corrections alone; overwrites ``forces`` [kJ/mol/nm]."""
        forces[:] = 0.0
        return sum((add(positions, forces) for add in self.corrections), 0.0)

    def energy(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames"]:
        """Potential energy [kJ/mol] of positions [nm]."""
        return self.energy_forces(positions)[0]

    def energy_forces(
        self, positions: Float[Tensor, "*frames atoms 3"]
    ) -> tuple[Float[Tensor, "*frames"], Float[Tensor, "*frames atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        places = np.ascontiguousarray(positions.detach().numpy()).reshape(-1, *positions.shape[-2:])
        forces = np.empty_like(places)
        energies = np.array([self.evaluate(here, force) for here, force in zip(places, forces, strict=True)])
        return torch.as_tensor(energies).reshape(positions.shape[:-2]), torch.as_tensor(forces).reshape(positions.shape)

    def openmm_forces(self) -> list[openmm.Force]:
        """The forces of the force field itself, which need no compiled code."""
        return self.force_field.openmm_forces()


def compile_model(force_field: ForceField) -> CompiledModel:
    """Compile the terms and corrections of a force field, with its values as they are now."""
    terms = CompiledEnergy(force_field.table, force_field.parameter_table.values).into
    return CompiledModel(force_field, terms, [correction.compiled() for correction in force_field.corrections])


def compiled_force(force_field: ForceField, *, periodic: bool = False) -> openmm.Force:
    """All energy inside the molecule as one ``PythonForce``.

    In a ``periodic`` box the molecule is made whole first, so that its atoms may be in any image of the box. Raises
    ``InputError`` where OpenMM is too old.
    """
    return _python_force(compile_model(force_field).evaluate, force_field.molecule, periodic=periodic)


def split_compiled_force(force_field: ForceField, *, periodic: bool = False) -> tuple[openmm.Force, openmm.Force]:
    """``compiled_force`` in two, for integrators with several time steps: the terms, and the corrections.

    The second is in the group ``CORRECTION_GROUP``. It takes one more call of Python in each step.
    """
    model, molecule = compile_model(force_field), force_field.molecule
    terms = _python_force(model.terms, molecule, periodic=periodic)
    corrections = _python_force(model.evaluate_corrections, molecule, periodic=periodic)
    corrections.setForceGroup(CORRECTION_GROUP)
    return terms, corrections


def _python_force(evaluate: Adds, molecule: Molecule, *, periodic: bool) -> openmm.Force:
    """A force of OpenMM's that calls a function, which overwrites the forces that it is given."""
    positions, forces = np.empty((2, len(molecule.numbers), 3))
    tree = spanning_tree(molecule) if periodic else None

    def compute(state: openmm.State) -> tuple[float, np.ndarray]:
        state._getVectorAsNumpy(openmm.State.Positions, positions)  # noqa: SLF001 (getPositions takes 8 µs)
        if tree is not None:
            box = state.getPeriodicBoxVectors()._value  # noqa: SLF001 (value_in_unit takes 16 µs)
            make_whole(positions, tree, np.array(box))
        return evaluate(positions, forces), forces

    force = openmm.PythonForce(compute)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
