"""What a report compares: a force field before and after, on frames of reference data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import openmm
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.analysis.populations import telling_rotors
from hybridff.fitting.conformers import Rotor, find_rotors
from hybridff.frames.dataset import Frames
from hybridff.gaff.compiled import CompiledEnergy
from hybridff.gaff.forcefield import ForceField
from hybridff.jobs.correcting import CorrectedMolecule
from hybridff.jobs.fitting import FittedMolecule
from hybridff.model import EnergyModel
from hybridff.molecules.molecule import Molecule

Item = FittedMolecule | CorrectedMolecule

_MANY = 500
"""Frames from which on compiling pays off."""


class Quick(EnergyModel):
    """A force field by its compiled evaluator: the same energies and forces as torch's, many times faster."""

    def __init__(self, model: ForceField) -> None:
        super().__init__()
        self._model = model
        self._terms = CompiledEnergy(model.table, model.parameter_table.values).into
        self._corrections = [correction.compiled() for correction in model.corrections]

    def energy(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames"]:
        """Potential energy [kJ/mol] of positions [nm]."""
        return self.energy_forces(positions)[0]

    def openmm_forces(self) -> list[openmm.Force]:
        """Those of the force field."""
        return self._model.openmm_forces()

    def energy_forces(
        self, positions: Float[Tensor, "*frames atoms 3"]
    ) -> tuple[Float[Tensor, "*frames"], Float[Tensor, "*frames atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        places = np.ascontiguousarray(positions.detach().numpy()).reshape(-1, *positions.shape[-2:])
        energies, forces = np.empty(len(places)), np.empty_like(places)
        for i, (here, force) in enumerate(zip(places, forces, strict=True)):
            energies[i] = self._terms(here, force)
            for add in self._corrections:
                energies[i] += add(here, force)
        return torch.as_tensor(energies).reshape(positions.shape[:-2]), torch.as_tensor(forces).reshape(positions.shape)


@dataclass(frozen=True, eq=False)
class Pair:
    """A force field before and after, by name."""

    models: Mapping[str, ForceField]
    """The one before comes first."""
    offsets: Mapping[str, float]
    """What to add to each model's energies [kJ/mol]."""
    frames: Frames
    """That both are judged by: test frames, or training frames where there are none."""
    part: str
    """Which those are."""

    @classmethod
    def of(cls, item: Item) -> "Pair":
        """Of what a fit or a correction did."""
        part = "test" if "test" in item.after else "train"
        if isinstance(item, CorrectedMolecule):
            names = "uncorrected", "corrected"
        else:
            names = ("start" if item.job.starting.start else "stock GAFF"), "fit"
        return cls(
            dict(zip(names, (item.start, item.model.force_field), strict=True)),
            dict(zip(names, (parts["train"].energy_offset for parts in (item.before, item.after)), strict=True)),
            item.data.frames.subset(getattr(item.split, part)),
            part,
        )

    @cached_property
    def quick(self) -> Mapping[str, EnergyModel]:
        """The same force fields, for energies and forces of many frames."""
        few = len(self.frames) < _MANY
        return {name: model if few else Quick(model) for name, model in self.models.items()}

    @property
    def before(self) -> str:
        """Name of the first."""
        return next(iter(self.models))

    @property
    def after(self) -> str:
        """Name of the second."""
        return list(self.models)[1]

    @property
    def molecule(self) -> Molecule:
        """With the positions that both begin from."""
        return self.models[self.after].molecule.placed()

    def rotors(self) -> list[Rotor]:
        """Torsions that turn; those of methyl groups and their like come last."""
        telling = telling_rotors(self.molecule)
        return telling + [rotor for rotor in find_rotors(self.molecule) if rotor not in telling]
