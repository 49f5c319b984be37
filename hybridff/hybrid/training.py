"""Kernels and the terms' own coefficients, solved for together, for one state after another."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import orth
from torch import Tensor

from hybridff.corrections.covariance import add_squares, n_internal
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import SAMPLE, State
from hybridff.corrections.posterior import Hyperparameters, Targets, solve
from hybridff.corrections.sparse import Block, SparseProblem, farthest
from hybridff.corrections.term import KernelTerm
from hybridff.fitting.posterior import Posterior
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import Anchors
from hybridff.hybrid.residual import Leftover

_FUNCTIONS = 7000
"""Of all kernels together, where they have fewer points than there are frames: 0.4 GB."""
_BLOCK_BYTES = 1 << 28
_OUT = 1e-3
"""Of its prior deviation: how far a coefficient may be moved back into its bounds."""
_CHEAP = 2e12
"""Products that the equations of kernels with few points may take, if they are to be made for other length scales."""
_KEPT = 2
"""Equations that are kept."""
_DOUBT = 3.0
"""Deviation of the forces of hot frames, in units of what the terms leave of forces."""


class Training:
    """What kernels are trained on: frames, anchors, hot frames, and what the fit of the terms has left open.

    ``order`` is that of the frames, the most wanted points first. With ``n_points`` kernels have so many points at
    most; otherwise one for each frame. ``hot`` are frames of dynamics with the terms, for kernels with few points, and
    ``hot_deviation`` that of their energies over the noise of forces [nm].

    A coefficient that a solution takes out of its bounds stays where it was, then and in all later solutions: it is
    *frozen*.
    """

    def __init__(
        self,
        leftover: Leftover,
        order: Int[np.ndarray, " frames"],
        fragments: Sequence[Fragment],
        begin: State,
        posterior: Posterior | None,
        n_points: int | None,
        anchors: Anchors,
        hot: Leftover | None,
        hot_deviation: float,
    ) -> None:
        self.fragments, self.anchors, self.posterior = list(fragments), anchors, posterior
        self.frozen: list[Int[np.ndarray, " frozen"]] = []
        self._leftover, self._order, self._begin = leftover, order, begin
        self._n_points, self.hot, self._hot_deviation = n_points, hot, hot_deviation
        self._sparse: dict[tuple[float, ...], SparseProblem] = {}
        self._rows: Float[Tensor, "coefficients n"] | None = None

    def with_fragments(self, fragments: Sequence[Fragment]) -> "Training":
        """The same for other kernels on the same atoms; what is frozen stays so."""
        found = Training(
            self._leftover,
            self._order,
            fragments,
            self._begin,
            self.posterior,
            self._n_points,
            self.anchors,
            self.hot,
            self._hot_deviation,
        )
        found.frozen, found._rows = list(self.frozen), self._rows
        return found

    def trained(self, state: State) -> ForceField:
        """With kernels; a coefficient that would leave its bounds stays where it was.

        Raises ``InputError`` where double precision fails.
        """
        force_field = self._leftover.force_field
        while True:
            terms, amounts = self._solved(state)
            if self.posterior is None:
                return force_field.with_corrections(terms)
            parameters, fitted = force_field.parameter_table, self.posterior.fitted
            values, (lower, upper) = parameters.values.copy(), parameters.bounds
            moved = values[fitted] + self.posterior.spread.T @ amounts
            values[fitted] = np.clip(moved, lower[fitted], upper[fitted])
            out = np.abs(values[fitted] - moved) > _OUT * parameters.prior_widths[fitted]
            if not out.any():
                return force_field.with_values(values).with_corrections(terms)
            self.freeze(np.flatnonzero(out))

    def freeze(self, places: Int[np.ndarray, " frozen"]) -> None:
        """Keep some coefficients where their fit has left them."""
        assert self.posterior is not None
        self.frozen.append(places)
        spread = self.posterior.spread
        directions = orth(spread[:, places])
        self.posterior = replace(self.posterior, spread=spread - directions @ (directions.T @ spread))
        if self._rows is not None:
            along = torch.as_tensor(directions).to(self._rows)
            self._rows = self._rows - along @ (along.T @ self._rows)
        for problem in self._sparse.values():
            problem.restrict(np.concatenate([np.zeros((1, directions.shape[1])), directions]))

    def add(self, anchors: Anchors) -> None:
        """Train on more anchors."""
        self.anchors += anchors
        self._rows = None
        for problem in self._sparse.values():
            problem.add([self._block(self._leftover, self._order[:0], anchors)])

    def move(self, energy: float) -> None:
        """Let kernels add so much to the energies of all anchors [kJ/mol]."""
        self.anchors = self.anchors.with_energy(energy)
        for problem in self._sparse.values():
            problem.move(self.anchors.energies)

    def widths_are_cheap(self) -> bool:
        """Whether other length scales can be tried: with few points, all rows of the equations change."""
        if self._n_points is None:
            return True
        n_functions = self._points_of_each() * self._functions_of_a_point()
        n_unknowns = n_functions + len(self._leftover.force_field.parameter_table)
        return len(self._order) * (self._leftover.freedoms + 1) * n_unknowns**2 < _CHEAP

    def _solved(self, state: State) -> tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]:
        """Kernels, and the moves of the coefficients in units of the deviations that their fit has left."""
        found = self._hyperparameters(state)
        if self._n_points is not None:
            n_others = 1 if self.posterior is None else 1 + len(self.posterior.spread)
            scale = np.full(n_others, state.freedom)
            scale[0] = 1.0  # the zero of energy
            terms, others = self._sparse_problem(state.widths).solved(found, scale)
            return terms, others[1:].numpy(force=True)
        data = self._leftover.of(self._order, self.anchors)
        known = data.offset @ data.offset.T
        if self._rows is None:
            self._rows = self._term_rows(self._leftover, self._order, self.anchors)
        own = state.freedom * self._rows
        add_squares(known, own)
        targets = Targets(data.values, data.n_forces, known, self.anchors.deviations)
        terms, weights = solve(targets, self.fragments, data.points(self.fragments), found)
        return terms, state.freedom * (own @ weights).numpy(force=True)

    def _sparse_problem(self, widths: tuple[float, ...]) -> SparseProblem:
        """Of kernels with fewer points than there are frames."""
        if widths not in self._sparse:
            if len(self._sparse) == _KEPT:
                del self._sparse[next(iter(self._sparse))]
            positions = self._leftover.positions_of(self._order)
            n_points = self._points_of_each()
            centres = [
                positions[farthest(fragment, positions, width, n_points)]
                for fragment, width in zip(self.fragments, widths, strict=True)
            ]
            found = self._hyperparameters(replace(self._begin, widths=widths))
            self._sparse[widths] = SparseProblem(self._blocks(), self.fragments, centres, found)
        return self._sparse[widths]

    def _hyperparameters(self, state: State) -> Hyperparameters:
        points = self._leftover.of(self._order[:SAMPLE]).points(self.fragments)
        return state.hyperparameters(self.fragments, points)

    def _points_of_each(self) -> int:
        """Points of each kernel, as far as memory allows."""
        assert self._n_points is not None
        return min(self._n_points, max(1, _FUNCTIONS // self._functions_of_a_point()))

    def _functions_of_a_point(self) -> int:
        """Of all kernels together."""
        return sum(n_internal(len(fragment.atoms)) + 1 for fragment in self.fragments)

    def _term_rows(
        self, leftover: Leftover, rows: Int[np.ndarray, " rows"], anchors: Anchors | None
    ) -> Float[Tensor, "coefficients n"]:
        """What the coefficients do to some frames and anchors, each by the deviation that its fit has left."""
        if self.posterior is None:
            n = len(rows) * (leftover.freedoms + 1) + (0 if anchors is None else len(anchors))
            return torch.zeros(0, n, dtype=torch.float64, device=leftover.device)
        return leftover.posterior_rows(self.posterior, rows, anchors)

    def _blocks(self) -> Iterator[Block]:
        size = max(1, _BLOCK_BYTES // (8 * _FUNCTIONS * (self._leftover.freedoms + 1)))
        for first in range(0, len(self._order), size):
            yield self._block(self._leftover, self._order[first : first + size])
        hot = np.arange(0 if self.hot is None else len(self.hot.frames))
        for first in range(0, len(hot), size):
            assert self.hot is not None
            yield self._block(self.hot, hot[first : first + size])
        if len(self.anchors):
            yield self._block(self._leftover, self._order[:0], self.anchors)

    def _block(self, leftover: Leftover, rows: Int[np.ndarray, " rows"], anchors: Anchors | None = None) -> Block:
        """Of frames, or of anchors."""
        data = leftover.of(rows, anchors)
        offset = (data.offset > 0).to(data.offset) * self._leftover.scale
        others = torch.cat([offset.T, self._term_rows(leftover, rows, anchors)])
        deviations, doubt = np.zeros(0) if anchors is None else anchors.deviations, 1.0
        if leftover is self.hot:
            deviations, doubt = np.full(len(rows), self._hot_deviation), _DOUBT
        return Block(data.values, data.n_forces, data.points(self.fragments), others, deviations, doubt)
