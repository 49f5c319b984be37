"""ForceField: a molecule with its term table, parameters, and nonbonded interactions with other molecules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openmm
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hybridff.gaff.classone import ClassOneParameters, NonbondedParameters
from hybridff.gaff.energy import TermEnergy
from hybridff.gaff.formfile import read_form
from hybridff.gaff.forms import Form, Share, build_form
from hybridff.gaff.nonbonded import nonbonded_force
from hybridff.gaff.openmm_forces import bonded_forces
from hybridff.gaff.parameters import Parameters, Quantity
from hybridff.gaff.products import without
from hybridff.gaff.terms import TermTable
from hybridff.gaff.userform import UserForm
from hybridff.model import Correction, EnergyModel
from hybridff.molecules.molecule import Molecule


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How the terms of a force field were chosen, and where their first parameters come from."""

    form: str
    """Name of the functional form."""
    share: Share
    """Whether rows of equivalent atoms or of equal atom types share parameters."""
    types: tuple[str, ...]
    """Type of each atom."""
    source: str
    """Where the starting parameters come from."""
    estimated: tuple[str, ...] = ()
    """Starting parameters that were not in the source's table."""


class ForceField(EnergyModel):
    """The force field of one molecule; its energy is that of its term table, plus those of any corrections.

    Treated as immutable: ``with_values`` returns a changed copy. ``nonbonded`` is how the atoms meet those of other
    molecules. Fits change the table's parameters and leave corrections alone.
    """

    def __init__(
        self,
        molecule: Molecule,
        table: TermTable,
        parameters: Parameters,
        nonbonded: NonbondedParameters,
        origin: Origin,
        corrections: tuple[Correction, ...] = (),
    ) -> None:
        super().__init__()
        self.molecule = molecule
        self.table = table
        self.parameter_table = parameters
        self.nonbonded = nonbonded
        self.origin = origin
        self.corrections = corrections
        self._terms = TermEnergy(table, parameters)

    @property
    def form(self) -> str:
        """Name of the functional form."""
        return self.origin.form

    @property
    def share(self) -> Share:
        """Whether rows of equivalent atoms or of equal atom types share parameters."""
        return self.origin.share

    @property
    def types(self) -> tuple[str, ...]:
        """Type of each atom."""
        return self.origin.types

    @property
    def source(self) -> str:
        """Where the starting parameters come from."""
        return self.origin.source

    @property
    def estimated(self) -> tuple[str, ...]:
        """Starting parameters that were not in the source's table."""
        return self.origin.estimated

    @classmethod
    def build(
        cls,
        molecule: Molecule,
        start: ClassOneParameters,
        *,
        form: Form | Path | UserForm = "harmonic",
        share: Share = "symmetry",
        fourier: int = 0,
        geometries: Float[np.ndarray, "frames atoms 3"] | None = None,
    ) -> "ForceField":
        """The force field of ``start`` in some functional form; the options are explained at ``build_form``.

        A path names a TOML file with a form of the user's own.
        """
        chosen = read_form(form) if isinstance(form, Path) else form
        table, parameters = build_form(chosen, molecule, start, share=share, fourier=fourier, geometries=geometries)
        origin = Origin(
            form=chosen.name if isinstance(chosen, UserForm) else chosen,
            share=share,
            types=start.types,
            source=start.source,
            estimated=start.estimated,
        )
        return cls(molecule, table, parameters, start.nonbonded, origin)

    def without(self, dropped: Bool[np.ndarray, " parameters"]) -> "ForceField":
        """A copy without the terms of some coefficients."""
        return self._with(*without(self.table, self.parameter_table, dropped))

    def without_terms(self) -> "ForceField":
        """A copy without any energy inside the molecule, for kernels that are to be all of it."""
        return self.without(np.ones(len(self.parameter_table), dtype=bool))

    def with_values(self, values: Float[np.ndarray, " parameters"]) -> "ForceField":
        """A copy with other values in its parameter vector [internal units]."""
        return self._with(self.table, self.parameter_table.with_values(values))

    def with_kinds(self, kinds: Mapping[str, Quantity]) -> "ForceField":
        """A copy whose quantities have other prior widths or bounds."""
        return self._with(self.table, replace(self.parameter_table, kinds=kinds))

    def with_parameters(self, parameters: Parameters, share: Share) -> "ForceField":
        """A copy with other names, values or priors of its parameters, and another rule of which molecules share."""
        origin = replace(self.origin, share=share)
        return ForceField(self.molecule, self.table, parameters, self.nonbonded, origin, self.corrections)

    def with_corrections(self, corrections: Sequence[Correction]) -> "ForceField":
        """A copy with these corrections in place of its own."""
        return self._with(self.table, self.parameter_table, tuple(corrections))

    def _with(
        self, table: TermTable, parameters: Parameters, corrections: tuple[Correction, ...] | None = None
    ) -> "ForceField":
        kept = self.corrections if corrections is None else corrections
        return ForceField(self.molecule, table, parameters, self.nonbonded, self.origin, kept)

    def energy(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames"]:
        """Energy of the isolated molecule [kJ/mol]."""
        energy = self.term_energies(positions).sum(-1)
        for correction in self.corrections:
            energy = energy + correction.energy(positions)
        return energy

    def term_energies(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames terms"]:
        """Energy of each term of the table [kJ/mol]."""
        return self._terms.term_energies(positions)

    def group_energies(self, positions: Float[Tensor, "*frames atoms 3"]) -> dict[str, Float[Tensor, "*frames"]]:
        """Energy of each group of terms [kJ/mol]: bond, angle, torsion, improper, lennard_jones, coulomb, …

        All corrections are one group.
        """
        terms = self.term_energies(positions)
        groups = dict.fromkeys(self.table.groups)
        found = {
            group: terms[..., torch.tensor([g == group for g in self.table.groups], device=terms.device)].sum(-1)
            for group in groups
        }
        if self.corrections:
            found["correction"] = sum((each.energy(positions) for each in self.corrections), torch.zeros(()))
        return found

    def distance(self, positions: Float[np.ndarray, "frames atoms 3"]) -> Float[np.ndarray, " frames"]:
        """Distance of geometries [nm] from the training data of the corrections, by the one that knows them least.

        Training data themselves are below 1 with few exceptions. Zero without corrections.
        """
        found = [correction.distance(positions) for correction in self.corrections]
        return np.max(found, axis=0) if found else np.zeros(len(positions))

    def openmm_forces(self) -> list[openmm.Force]:
        """Bonded forces, then one ``NonbondedForce``, then the corrections'."""
        values = self.parameter_table.values
        own = [*bonded_forces(self.table, values), nonbonded_force(self.table, values, self.nonbonded)]
        return [*own, *(force for correction in self.corrections for force in correction.openmm_forces())]
