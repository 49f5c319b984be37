"""What a report compares: a force field before and after, on frames of reference data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hybridff.analysis.populations import distinguishing_rotors
from hybridff.export.compiled import compile_model
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.jobs.correcting import CorrectedMolecule
from hybridff.jobs.fitting import FittedMolecule
from hybridff.model import EnergyModel
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import Rotor, find_rotors

Outcome = FittedMolecule | CorrectedMolecule

_MANY = 500
"""Frames from which on compiling pays off."""


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """A force field before and after, by name."""

    models: Mapping[str, ForceField]
    """The one before comes first."""
    offsets: Mapping[str, float]
    """What to add to each model's energies [kJ/mol]."""
    frames: Frames
    """Frames that both are judged by: test frames, or training frames where there are none."""
    part: str
    """Name of these frames: test or train."""

    @classmethod
    def of(cls, item: Outcome) -> "BeforeAfter":
        """The force fields before and after a fit or a correction."""
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
        return {name: model if few else compile_model(model) for name, model in self.models.items()}

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
        telling = distinguishing_rotors(self.molecule)
        return telling + [rotor for rotor in find_rotors(self.molecule) if rotor not in telling]
