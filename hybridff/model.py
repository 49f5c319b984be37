"""The one interface of everything that has an energy."""

import abc
from collections.abc import Callable

import numpy as np
import openmm
import torch
from jaxtyping import Float
from torch import Tensor


class EnergyModel(torch.nn.Module, abc.ABC):
    """Anything with an energy: a force field, a correction, their sum."""

    @abc.abstractmethod
    def energy(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames"]:
        """Potential energy [kJ/mol] of positions [nm]."""

    @abc.abstractmethod
    def openmm_forces(self) -> list[openmm.Force]:
        """The same energy as OpenMM forces."""

    def energy_forces(
        self, positions: Float[Tensor, "*frames atoms 3"]
    ) -> tuple[Float[Tensor, "*frames"], Float[Tensor, "*frames atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]; the only place where forces are made."""
        positions = positions.detach().requires_grad_()
        energy = self.energy(positions)
        if not energy.requires_grad:  # a single atom
            return energy, torch.zeros_like(positions, requires_grad=False)
        (gradient,) = torch.autograd.grad(energy.sum(), positions)
        return energy.detach(), -gradient


CORRECTION_GROUP = 1
"""Force group of corrections in OpenMM."""

Adds = Callable[[Float[np.ndarray, "atoms 3"], Float[np.ndarray, "atoms 3"]], float]
"""A function that takes positions [nm], adds forces [kJ/mol/nm] to an array, and returns the energy [kJ/mol]."""


class Correction(EnergyModel):
    """An energy of some atoms of a molecule that a force field has beside its terms."""

    atoms: tuple[int, ...]
    """Atoms that the energy depends on, counted from 0."""

    @abc.abstractmethod
    def compiled(self) -> Adds:
        """The same energy as a function for dynamics."""

    @abc.abstractmethod
    def distance(self, positions: Float[np.ndarray, "frames atoms 3"]) -> Float[np.ndarray, " frames"]:
        """Distance of geometries [nm] from the training data, which lie below 1 with few exceptions."""
