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

from hybridff.corrections.covariance import Points, energy_blocks, force_blocks, force_variances, solve_in_place
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError


@dataclass(frozen=True, eq=False)
class Targets:
    """Values to be explained: forces in the basis of all frames, their energies, then energies of pseudo-frames."""

    values: Float[Tensor, " n"]
    """Forces [kJ/mol/nm], then energies [kJ/mol]."""
    n_forces: int
    """Number of forces among the values."""
    known: Float[Tensor, "n n"]
    """Covariance that does not come from kernels or noise."""
    pseudo_deviations: Float[np.ndarray, " pseudo_frames"] = field(default_factory=lambda: np.zeros(0))
    """Deviations of the energies of pseudo-frames, over that of the noise of forces [nm]."""

    def noise(self, force: float, energy: float) -> Float[Tensor, " n"]:
        """Variances of the noise of all values, from the deviations of forces [kJ/mol/nm] and energies [kJ/mol]."""
        return noise_variances(self.values, self.n_forces, self.pseudo_deviations, force, energy)


def noise_variances(
    values: Float[Tensor, " n"],
    n_forces: int,
    pseudo_deviations: Float[np.ndarray, " pseudo_frames"],
    force: float,
    energy: float,
) -> Float[Tensor, " n"]:
    """Variances of the noise of values: see ``Targets``."""
    variances = torch.full_like(values, energy**2)
    variances[:n_forces] = force**2
    pseudo = torch.as_tensor((force * pseudo_deviations) ** 2)
    variances[len(variances) - len(pseudo) :] = pseudo
    return variances


@dataclass(frozen=True)
class KernelPrior:
    """Prior of the energy that one kernel gives."""

    width: float
    """Length scale [1/nm]."""
    variance: float
    """Variance of the energy, where no permutation but one brings a geometry near itself [kJ²/mol²]; zero for a kernel
    that is switched off."""


@dataclass(frozen=True)
class Priors:
    """Priors of all kernels and of the noise."""

    kernels: tuple[KernelPrior, ...]
    """The prior of each kernel."""
    force_noise: float
    """Deviation of the noise of force components [kJ/mol/nm]."""
    energy_noise: float
    """Deviation of the noise of energies [kJ/mol]."""


def mean_force_variance(points: Points, fragment: Fragment, width: float) -> float:
    """Mean variance of the projected forces [1/nm²] under a kernel whose energies have unit variance."""
    return float(force_variances(points, fragment.index, width).mean())


def cross_covariance(rows: Points, columns: Points, fragment: Fragment, width: float) -> Float[Tensor, "left right"]:
    """Covariance of projected forces and energies of some geometries with those of others [1/nm², 1/nm, 1]."""
    m, n = rows.n_forces, columns.n_forces
    out = torch.empty(m + len(rows), n + len(columns), dtype=torch.float64, device=rows.x.device)
    force_blocks(rows, columns, fragment.index, width, out=out[:m, :n])
    out[m:, n:], out[m:, :n] = energy_blocks(rows, columns, fragment.index, width)
    out[:m, n:] = out[m:, :n].T if rows is columns else energy_blocks(columns, rows, fragment.index, width)[1].T
    return out


def solve(
    targets: Targets, fragments: Sequence[Fragment], points: Sequence[Points], priors: Priors
) -> tuple[list[KernelTerm], Float[Tensor, " n"]]:
    """The trained kernels that are not switched off, and the weights of the data.

    The weights times the covariance of anything with the data give its mean. Raises ``InputError`` where the covariance
    is singular in double precision. Overwrites the known covariance.
    """
    matrix = targets.known
    for prior, fragment, own in zip(priors.kernels, fragments, points, strict=True):
        if prior.variance:
            kernel = cross_covariance(own, own, fragment, prior.width)
            kernel *= prior.variance
            matrix += kernel
            del kernel
    matrix.diagonal().add_(targets.noise(priors.force_noise, priors.energy_noise))
    try:
        weights = solve_in_place(matrix, targets.values)
    except np.linalg.LinAlgError:
        raise InputError(
            f"the covariance of {len(matrix)} forces and energies is singular: leave out frames that are all but the "
            "same."
        ) from None
    return kernel_terms(fragments, points, priors, weights), weights


def kernel_terms(
    fragments: Sequence[Fragment], points: Sequence[Points], priors: Priors, weights: Float[Tensor, " n"]
) -> list[KernelTerm]:
    """The kernels that are not switched off, with weights of the data: see ``solve``."""
    return [
        KernelTerm(fragment.atoms, expansion(fragment, own, prior.width, prior.variance * weights, own.n_forces))
        for prior, fragment, own in zip(priors.kernels, fragments, points, strict=True)
        if prior.variance
    ]


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
