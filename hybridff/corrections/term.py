"""A kernel as a term of a molecule's energy, and as a native force of OpenMM."""

from collections.abc import Sequence
from functools import cached_property
from typing import no_type_check

import numpy as np
import openmm
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from hybridff.corrections.compiled import CompiledKernel, sums
from hybridff.corrections.descriptor import PAIR, TORSION, Descriptor
from hybridff.corrections.kernel import MATERN, KernelExpansion, inverse_scale
from hybridff.corrections.variance import PosteriorDeviation
from hybridff.errors import InputError
from hybridff.model import CORRECTION_GROUP, Adds, Correction


class _Sums(torch.autograd.Function):
    """Energies of descriptors with derivatives that come with them: some times the speed of those of ``torch``."""

    @staticmethod
    @no_type_check
    def forward(ctx, x, expansion):
        energies, by_x = sums(expansion, x.detach().double())
        ctx.save_for_backward(by_x)
        return energies

    @staticmethod
    @once_differentiable
    @no_type_check
    def backward(ctx, slopes):
        (by_x,) = ctx.saved_tensors
        return slopes[:, None] * by_x, None


class KernelTerm(Correction):
    """The energy of some atoms of a molecule by a kernel.

    Raises ``InputError`` for atoms that are not as many as the kernel's, or not different ones.
    """

    def __init__(self, atoms: Sequence[int], expansion: KernelExpansion) -> None:
        super().__init__()
        self.atoms = tuple(atoms)
        self.expansion = expansion
        if len(self.atoms) != expansion.descriptor.n_atoms:
            raise InputError(f"the kernel is one of {expansion.descriptor.n_atoms} atoms, not of {len(self.atoms)}.")
        if len(set(self.atoms)) < len(self.atoms):
            raise InputError("an atom occurs twice among those of the kernel.")

    def energy(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames"]:
        """Energy [kJ/mol] of a molecule's positions [nm]; it has first derivatives alone."""
        own, expansion = positions[..., list(self.atoms), :], self.expansion
        energy = _Sums.apply(expansion.descriptor.of(own.reshape(-1, *own.shape[-2:])), expansion)
        return (energy + expansion.constant).to(positions.dtype).reshape(positions.shape[:-2])

    def openmm_forces(self) -> list[openmm.Force]:
        """One ``CustomCompoundBondForce``, a bond for each training point and permutation."""
        return [self.native_force()]

    def compiled(self) -> Adds:
        """The same energy as a compiled function, for dynamics on the processor."""
        return CompiledKernel(self.atoms, self.expansion)

    def distance(self, positions: Float[np.ndarray, "frames atoms 3"]) -> Float[np.ndarray, " frames"]:
        """How far geometries [nm] are from the kernel's points: see ``PosteriorDeviation``."""
        return self._posterior_deviation.distance(torch.as_tensor(positions[:, list(self.atoms)]))

    @cached_property
    def _posterior_deviation(self) -> PosteriorDeviation:
        return PosteriorDeviation.of(self.expansion)

    def native_force(self, *, periodic: bool = False) -> openmm.CustomCompoundBondForce:
        """The kernel without Python in the loop: points and weights are parameters of the bonds.

        A permuted point is the point itself on permuted atoms. In a ``periodic`` box distances are those to the nearest
        image. The force has the group ``CORRECTION_GROUP``.
        """
        expansion = self.expansion
        force = openmm.CustomCompoundBondForce(len(self.atoms), self._expression())
        force.setName("KernelTerm")
        force.setForceGroup(CORRECTION_GROUP)
        force.setUsesPeriodicBoundaryConditions(periodic)
        entries = range(len(expansion.descriptor))
        for name in (*(f"point{k}" for k in entries), *(f"weight{k}" for k in entries)):
            force.addPerBondParameter(name)
        columns = [expansion.points.numpy(), expansion.force_weights.numpy()]
        if expansion.energy_weights is not None:
            force.addPerBondParameter("energyweight")
            columns.append(expansion.energy_weights.numpy()[:, None])
        rows = np.concatenate(columns, 1).tolist()
        for permutation in np.argsort(expansion.permutations.numpy(), 1).tolist():
            bond = [self.atoms[place] for place in permutation]
            for row in rows:
                force.addBond(bond, row)
        return force

    def _expression(self) -> str:
        """The sum over one bond, in OpenMM's syntax."""
        expansion, descriptor = self.expansion, self.expansion.descriptor
        entries, numbers = _entries(descriptor), range(len(descriptor))
        weight = "0" if expansion.energy_weights is None else "energyweight"
        given = {"s": repr(inverse_scale(expansion.width)), "weight": weight}
        n_bonds = len(expansion.points) * len(expansion.permutations)
        energy = MATERN.openmm("energy", {**given, "sd": "sd", "decay": "decay"})
        return "; ".join(
            [
                f"{energy}+({expansion.constant / n_bonds!r})",
                f"decay={MATERN.openmm('decay', {'sd': 'sd'})}",
                f"sd={MATERN.openmm('sd', given)}",
                f"along={'+'.join(f'u{k}*weight{k}' for k in numbers)}",
                f"square={'+'.join(f'u{k}*u{k}' for k in numbers)}",
                *(f"u{k}={entry}-point{k}" for k, entry in enumerate(entries)),
                *(f"r{k}=distance(p{i + 1},p{j + 1})" for k, (i, j) in enumerate(descriptor.pairs)),
                *(f"{_cosine(i, j, k)}=cos(angle(p{i + 1},p{j + 1},p{k + 1}))" for i, j, k in _bends(descriptor)),
            ]
        )


def _entries(descriptor: Descriptor) -> list[str]:
    """Entries of a descriptor in OpenMM's syntax, of distances r0, r1 … and of cosines.

    A cosine of OpenMM's angle is compiled twice as fast as one of three distances.
    """
    scale = descriptor.angular_scale
    found = [PAIR.openmm("value", {"r": f"r{k}"}) for k in range(len(descriptor.pairs))]
    found += [f"{scale!r}*{_cosine(*atoms)}" for atoms in descriptor.angles]
    for (i, j, k, m), pairs in zip(descriptor.torsions, descriptor.torsion_pairs.tolist(), strict=True):
        sides = {name: f"r{pair}" for name, pair in zip(TORSION.arguments, pairs, strict=True)}
        cosines = {"one": _cosine(i, j, k), "other": _cosine(j, k, m)}
        found.append(f"{scale!r}*{TORSION.openmm('value', {**sides, **cosines})}")
    return found


def _bends(descriptor: Descriptor) -> list[tuple[int, int, int]]:
    """Angles that the entries are made of."""
    of_torsions = [part for i, j, k, m in descriptor.torsions for part in ((i, j, k), (j, k, m))]
    return sorted({(min(i, k), j, max(i, k)) for i, j, k in (*descriptor.angles, *of_torsions)})


def _cosine(i: int, j: int, k: int) -> str:
    """Name of the cosine of an angle."""
    return f"cosine{min(i, k)}_{j}_{max(i, k)}"
