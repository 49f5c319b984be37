"""Kernels as Gaussian processes beside whatever else explains the data.

Coefficients of a bonded part and the zero of energy have a prior of their own, and so give the data a covariance that
is *known* here (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), section 2.7).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.covariance import Points, energy_blocks, force_blocks, solve_in_place
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError


@dataclass(frozen=True, eq=False)
class Targets:
    """What is to be explained: forces in the basis of all geometries, then their energies, then those of anchors."""

    values: Float[Tensor, " n"]
    """[kJ/mol/nm, kJ/mol]"""
    n_forces: int
    known: Float[Tensor, "n n"]
    """Covariance that does not come from kernels or noise."""
    anchored: Float[np.ndarray, " anchors"] = field(default_factory=lambda: np.zeros(0))
    """Deviations of the energies of anchors, over that of the noise of forces [nm]."""

    def noise(self, force: float, energy: float) -> Float[Tensor, " n"]:
        """Variances of noise of these deviations."""
        variances = torch.full_like(self.values, energy**2)
        variances[: self.n_forces] = force**2
        variances[len(variances) - len(self.anchored) :] = torch.as_tensor((force * self.anchored) ** 2)
        return variances


@dataclass(frozen=True)
class Strength:
    """Of a kernel's prior."""

    width: float
    """Length scale [1/nm]."""
    variance: float
    """Of the energy, where no permutation but one brings a geometry near itself [kJ²/mol²]; zero for a kernel that is
    switched off."""
    amplitude: float = 0.0
    """Root mean square of the force components that this gives [kJ/mol/nm]."""


@dataclass(frozen=True)
class Hyperparameters:
    """Of all kernels and of the noise."""

    strengths: tuple[Strength, ...]
    """Of each kernel."""
    force_noise: float
    """Of a component [kJ/mol/nm]."""
    energy_noise: float
    """[kJ/mol]"""


def covariance(points: Points, fragment: Fragment, width: float) -> tuple[Float[Tensor, "n n"], float]:
    """Of projected forces and energies, scaled to a mean variance of the force components of 1, and that variance."""
    matrix = cross_covariance(points, points, fragment, width)
    mean = float(matrix.diagonal()[: points.n_forces].mean())
    matrix /= mean
    return matrix, mean


def cross_covariance(rows: Points, columns: Points, fragment: Fragment, width: float) -> Float[Tensor, "left right"]:
    """Of projected forces and energies of some geometries with those of others [1/nm², 1/nm, 1]."""
    m, n = rows.n_forces, columns.n_forces
    out = torch.empty(m + len(rows), n + len(columns), dtype=torch.float64, device=rows.x.device)
    force_blocks(rows, columns, fragment.index, width, out=out[:m, :n])
    out[m:, n:], out[m:, :n] = energy_blocks(rows, columns, fragment.index, width)
    out[:m, n:] = out[m:, :n].T if rows is columns else energy_blocks(columns, rows, fragment.index, width)[1].T
    return out


def solve(
    targets: Targets, fragments: Sequence[Fragment], points: Sequence[Points], found: Hyperparameters
) -> tuple[list[KernelTerm], Float[Tensor, " n"]]:
    """The trained kernels that are not switched off, and the weights of the data.

    The weights times the covariance of anything with the data give its mean. Raises ``InputError`` where the covariance
    is singular in double precision. Overwrites the known covariance.
    """
    matrix = targets.known
    for strength, fragment, own in zip(found.strengths, fragments, points, strict=True):
        if strength.variance:
            kernel = cross_covariance(own, own, fragment, strength.width)
            kernel *= strength.variance
            matrix += kernel
            del kernel
    matrix.diagonal().add_(targets.noise(found.force_noise, found.energy_noise))
    try:
        weights = solve_in_place(matrix, targets.values)
    except np.linalg.LinAlgError:
        raise InputError(
            f"the covariance of {len(matrix)} forces and energies is singular: leave out frames that are all but the "
            "same."
        ) from None
    terms = [
        KernelTerm(
            fragment.atoms, expansion(fragment, own, strength.width, strength.variance * weights, targets.n_forces)
        )
        for strength, fragment, own in zip(found.strengths, fragments, points, strict=True)
        if strength.variance
    ]
    return terms, weights


def expansion(
    fragment: Fragment, points: Points, width: float, weights: Float[Tensor, " n"], n_forces: int
) -> KernelExpansion:
    """The energy function that some weights of forces and energies give, in the processor's memory."""
    by_force = weights[:n_forces].reshape(len(points.slopes), -1)
    force_weights = torch.zeros_like(points.x)
    force_weights[: len(by_force)] = torch.einsum("pdf,pf->pd", points.slopes, by_force)
    return KernelExpansion(
        fragment.descriptor,
        points.x.cpu(),
        force_weights.cpu(),
        weights[n_forces:].cpu(),
        fragment.permutations,
        width,
    )
