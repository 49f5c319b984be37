"""Training of a kernel on forces, and what the forces say about its length scale, amplitude and noise.

The prior is a Gaussian process with covariance a (k + ridge): amplitude a, ridge the variance of noise over a. The
marginal likelihood compares widths and ridges, with the amplitude solved for, and all of them with noise alone
(C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), eq. 5.8).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import lapack
from scipy.optimize import minimize_scalar
from torch import Tensor

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.gram import Points, force_blocks, internal_basis, projected
from hybridff.corrections.kernel import KernelExpansion
from hybridff.errors import InputError

Progress = Callable[[float], None]

WIDTHS = tuple(float(width) for width in np.geomspace(5.0, 500.0, 9))
"""Widths that are tried [1/nm]; the best is refined between its neighbours."""
_RIDGES = tuple(float(ridge) for ridge in np.geomspace(1e-10, 10.0, 23))
"""In units of the mean diagonal of the covariance."""
_JUDGED = 1500
"""Unknowns of the subset that width and ridge are judged on."""


@dataclass(frozen=True, kw_only=True)
class KernelOptions:
    """How a kernel is trained."""

    width: float | None = None
    """Length scale of the descriptor [1/nm]; None for the one of the largest marginal likelihood."""

    ridge: float | None = None
    """Variance of noise over the mean prior variance of a force component; None for that of the largest likelihood."""

    seed: int = 0
    """Of the choice of frames that judge width and ridge."""

    def __post_init__(self) -> None:
        for name in ("width", "ridge"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"option {name} has to be a positive number, not {value}.")


@dataclass(frozen=True)
class Evidence:
    """What the marginal likelihood says."""

    width: float
    """[1/nm]"""
    ridge: float
    """Relative to the mean diagonal of the covariance."""
    gain: float
    """Logarithm of the likelihood over that of noise alone, for each force component that was judged."""
    deviation: float
    """Root mean square that the prior expects of a force component [kJ/mol/nm]."""
    noise: float
    """Of a force component [kJ/mol/nm]."""

    @property
    def wanted(self) -> bool:
        """Whether the kernel explains the forces better than noise does."""
        return self.gain > 0


def train_forces(
    descriptor: Descriptor,
    positions: Float[Tensor, "points atoms 3"],
    forces: Float[Tensor, "points atoms 3"],
    permutations: Int[Tensor, "permutations atoms"],
    width: float,
    ridge: float,
    progress: Progress | None = None,
) -> KernelExpansion:
    """The expansion whose forces are nearest to the given ones [kJ/mol/nm], with an absolute ridge [1/nm²].

    Raises ``InputError`` where the covariance is singular in double precision.
    """
    basis, index = internal_basis(positions), entry_index(descriptor, permutations)
    points = Points.of(descriptor, positions, basis)
    covariance = force_blocks(points, points, index, width, progress, lower=True)
    targets = projected(forces, basis).reshape(-1)
    coefficients = _solve(covariance, ridge, targets)[0].reshape(len(points), -1)
    weights = torch.einsum("pdf,pf->pd", points.slopes, coefficients)
    return KernelExpansion(descriptor, points.x, weights, None, permutations, width)


def entry_index(descriptor: Descriptor, permutations: Int[Tensor, "permutations atoms"]) -> Int[Tensor, "p entries"]:
    """Permutations of atoms as those of descriptor entries."""
    return torch.stack([torch.as_tensor(descriptor.permuted(p)) for p in permutations.tolist()])


def judge(
    descriptor: Descriptor,
    positions: Float[Tensor, "points atoms 3"],
    forces: Float[Tensor, "points atoms 3"],
    permutations: Int[Tensor, "permutations atoms"],
    options: KernelOptions,
) -> Evidence:
    """Width and ridge of the largest marginal likelihood, on a random subset where there are many frames."""
    most = max(2, _JUDGED // (3 * descriptor.n_atoms))
    rows = torch.as_tensor(np.random.default_rng(options.seed).permutation(len(positions))[:most])
    basis, index = internal_basis(positions[rows]), entry_index(descriptor, permutations)
    points = Points.of(descriptor, positions[rows], basis)
    targets = projected(forces[rows], basis).reshape(-1).numpy()

    def best(width: float) -> tuple[float, float, float, float]:
        covariance = force_blocks(points, points, index, width, lower=True)
        return _best_ridge(covariance, targets, options.ridge)

    tried = {width: best(width) for width in ([options.width] if options.width else WIDTHS)}
    if options.width is None:
        _refine(tried, best)
    width = max(tried, key=lambda each: tried[each][0])
    likelihood, ridge, amplitude, mean = tried[width]
    nothing = -0.5 * len(targets) * (math.log(float(targets @ targets) / len(targets)) + 1)
    return Evidence(
        width,
        ridge,
        (likelihood - nothing) / len(targets),
        math.sqrt(amplitude * mean),
        math.sqrt(amplitude * mean * ridge),
    )


def _refine(tried: dict[float, tuple[float, float, float, float]], best: Callable[[float], tuple]) -> None:
    """Try widths between the neighbours of the best one."""
    widths = sorted(tried)
    place = max(range(len(widths)), key=lambda i: tried[widths[i]][0])
    low, high = widths[max(0, place - 1)], widths[min(len(widths) - 1, place + 1)]

    def cost(logarithm: float) -> float:
        width = math.exp(logarithm)
        tried[width] = best(width)
        return -tried[width][0]

    minimize_scalar(cost, bounds=(math.log(low), math.log(high)), method="bounded", options={"maxiter": 8})


def _best_ridge(
    covariance: Float[Tensor, "n n"], targets: Float[np.ndarray, " n"], given: float | None
) -> tuple[float, float, float, float]:
    """Logarithm of the likelihood (less a constant), relative ridge, amplitude and mean diagonal."""
    values, vectors = np.linalg.eigh(covariance.numpy(), UPLO="L")
    mean = float(values.mean())
    values, squares = np.maximum(values / mean, 0.0), (vectors.T @ targets) ** 2
    n = len(targets)

    def likelihood(ridge: float) -> tuple[float, float]:
        spread = values + ridge
        amplitude = float((squares / spread).mean())
        return -0.5 * (n * math.log(amplitude) + float(np.log(spread).sum()) + n), amplitude

    ridges: Sequence[float] = [given] if given else _RIDGES
    found = {ridge: likelihood(ridge)[0] for ridge in ridges}
    ridge = max(found, key=lambda each: found[each])
    if not given:
        place = ridges.index(ridge)
        low, high = (math.log(ridges[min(len(ridges) - 1, max(0, place + step))]) for step in (-1, 1))
        ridge = math.exp(minimize_scalar(lambda x: -likelihood(math.exp(x))[0], bounds=(low, high), method="bounded").x)
    value, amplitude = likelihood(ridge)
    return value, ridge, amplitude / mean, mean


def _solve(
    covariance: Float[Tensor, "n n"], ridge: float, targets: Float[Tensor, " n"]
) -> tuple[Float[Tensor, " n"], Float[np.ndarray, "n n"]]:
    """Solution and Cholesky factor of the covariance plus ridge.

    Reads the lower half of the covariance and overwrites it.
    """
    matrix = covariance.numpy()
    matrix[np.diag_indices_from(matrix)] += ridge
    # A row-major lower half is LAPACK's column-major upper one: no copy.
    factor, info = lapack.dpotrf(matrix.T, lower=0, overwrite_a=1, clean=0)
    if info:
        raise InputError(
            f"the kernel's covariance of {len(matrix)} force components is singular with this ridge ({ridge:.3g}/nm⁴): "
            "use a larger ridge or a smaller width, or leave out frames that are all but the same."
        )
    solution, _ = lapack.dpotrs(factor, targets.numpy(), lower=0)
    return torch.from_numpy(solution), factor
