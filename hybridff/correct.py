"""Corrections to a fitted force field: kernels on sets of atoms, trained on what its terms leave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import cholesky, solve_triangular
from torch import Tensor

from hybridff.analysis.errors import evaluate, predict
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.gram import Points, internal_basis, projected
from hybridff.corrections.process import Hyperparameters, Targets, learn, solve
from hybridff.corrections.term import KernelTerm
from hybridff.dataset import Frames
from hybridff.errors import FitError, InputError
from hybridff.fit.linear import LinearProblem
from hybridff.fit.normal import move_columns
from hybridff.fit.options import FitOptions
from hybridff.fit.refit import is_linear
from hybridff.gaff.columns import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.gate import StabilityReport, stability
from hybridff.molecule import Molecule
from hybridff.stable import GateOptions, Say
from hybridff.units import ANGSTROM, FORCE_KCAL

_JUDGED = 1300
"""Forces that length scales, amplitudes and noise are learnt from."""
_MOST = 20000
"""Forces and energies that kernels are trained on: 3.2 GB of covariance."""
_NOISIER = (1.0, 3.0, 10.0)
"""Noise that is tried in turn, in units of that of the evidence."""
_OFFSET = 10.0
"""Prior deviation of the zero of energy, in units of the energies' own."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """A force field with kernels, and what is known of these."""

    force_field: ForceField
    energy_offset: float
    """Reference minus model energy [kJ/mol]."""
    atoms: tuple[tuple[int, ...], ...]
    """Of each kernel that was asked for, counted from 0."""
    found: Hyperparameters
    n_points: int
    """Frames that the kernels were trained on."""
    seconds: float
    report: StabilityReport | None = None
    """The gate's verdict; None where none was asked for."""
    remarks: tuple[str, ...] = ()
    """What had to be done to pass the gate."""

    def sentences(self) -> tuple[str, ...]:
        """What became of each kernel."""
        molecule, found = self.force_field.molecule, []
        for group, strength in zip(self.atoms, self.found.strengths, strict=True):
            everything = len(group) == len(molecule.numbers)
            name = "all atoms" if everything else f"atoms {', '.join(molecule.label(atom) for atom in group)}"
            if strength.amplitude:
                found.append(
                    f"The kernel on {name} was trained on {self.n_points} frames: length scale "
                    f"{strength.width * ANGSTROM:.2g}/Å, force components of {strength.amplitude / FORCE_KCAL:.2g} "
                    f"kcal/mol/Å a priori, evidence of e^{strength.gain:.0f} for it."
                )
            else:
                found.append(f"The kernel on {name} is switched off: the data give no evidence for it.")
        return (*found, *self.remarks)


def chosen_atoms(text: str, molecule: Molecule) -> tuple[int, ...]:
    """The atoms of a correction: "all", or numbers from 1 separated by commas.

    Raises ``InputError`` for anything else, and for fewer than two atoms.
    """
    n_atoms = len(molecule.numbers)
    if text == "all":
        return tuple(range(n_atoms))
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"a correction is 'all' or atom numbers such as 1,2,8, not '{text}'.") from None
    for number in numbers:
        if not 1 <= number <= n_atoms:
            raise InputError(f"correction {text}: {molecule.name} has no atom {number}, only 1 to {n_atoms}.")
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise InputError(f"correction {text}: name at least two atoms, each once.")
    return tuple(number - 1 for number in numbers)


def correct_stable(
    force_field: ForceField,
    frames: Frames,
    atoms: Sequence[Sequence[int]],
    gate: GateOptions | None = None,
    seed: int = 0,
    say: Say | None = None,
) -> Corrected:
    """Correct as ``correct`` does, and again with more noise until the stability gate is passed.

    If nothing passes, the first result is returned, with a report that says so.
    """
    gate, say, first = gate or GateOptions(), say or (lambda sentence: None), None
    problem = _Problem(force_field, frames, atoms, seed)
    for factor in _NOISIER:
        found = problem.solved(factor)
        if gate.stability is None or not found.force_field.corrections:
            return found
        say("stability gate …")
        report = stability(found.force_field, gate.stability)
        remark = f"The plain correction did not pass the stability gate; this one takes {factor:g} times the noise."
        found = replace(found, report=report, remarks=() if first is None else (remark,))
        if report.passed:
            return found
        first = first or found
        say(f"not stable; training again: {report.failures[0].message}")
    assert first is not None
    return replace(
        first, remarks=("No correction passed the stability gate, whatever its noise; this is the plain one.",)
    )


def correct(
    force_field: ForceField, frames: Frames, atoms: Sequence[Sequence[int]], seed: int = 0, noise: float = 1.0
) -> Corrected:
    """Train kernels on sets of atoms; the terms of the force field stay what they are.

    How strong a kernel is comes from the evidence for it beside all that the terms themselves might have been, where
    the form is linear: what a fit leaves on its own training frames is less than what it leaves on others. A kernel
    without evidence is switched off. ``noise`` multiplies that which the evidence prefers.

    Raises ``FitError`` for frames without forces, or a force field that has corrections already.
    """
    return _Problem(force_field, frames, atoms, seed).solved(noise)


class _Problem:
    """What the evidence says of the kernels, for as many trainings as are wanted."""

    def __init__(self, force_field: ForceField, frames: Frames, atoms: Sequence[Sequence[int]], seed: int) -> None:
        name = force_field.molecule.name
        if frames.forces is None:
            raise FitError(f"the training frames of {name} have no forces; a correction needs them.")
        if force_field.corrections:
            raise FitError(f"{name} has corrections already; correct the model without them.")
        begin = perf_counter()
        self._force_field, self._frames = force_field, frames
        self._order = np.random.default_rng(seed).permutation(len(frames))
        self._used = sorted({atom for group in atoms for atom in group})
        self._freedoms = max(1, 3 * len(self._used) - 6)
        positions = torch.as_tensor(frames.positions)
        self._fragments = [Fragment.find(force_field.molecule, group, positions) for group in atoms]
        judged = self._residuals(max(10, _JUDGED // self._freedoms))
        known = judged.offset @ judged.offset.T
        if is_linear(force_field):
            rows = _bonded(force_field, judged)
            known += rows.T @ rows
        targets = Targets(judged.values, judged.n_forces, known)
        self._found = learn(targets, self._fragments, judged.points(self._fragments))
        self._seconds = perf_counter() - begin

    def solved(self, noise: float) -> Corrected:
        """The kernels trained with so many times the noise of the evidence."""
        begin, found = perf_counter(), self._found
        found = replace(found, force_noise=noise * found.force_noise, energy_noise=noise * found.energy_noise)
        terms: list[KernelTerm] = []
        n_points = 0
        if any(strength.amplitude for strength in found.strengths):
            trained = self._residuals(_MOST // (self._freedoms + 1))
            targets = Targets(trained.values, trained.n_forces, trained.offset @ trained.offset.T)
            terms, _ = solve(targets, self._fragments, trained.points(self._fragments), found)
            n_points = len(trained.frames)
        hybrid = self._force_field.with_corrections(terms)
        offset = evaluate(hybrid, self._frames).energy_offset
        groups = tuple(fragment.atoms for fragment in self._fragments)
        return Corrected(hybrid, offset, groups, found, n_points, self._seconds + perf_counter() - begin)

    def _residuals(self, most: int) -> "_Residuals":
        """Of some frames in random order."""
        return _residuals(self._force_field, self._frames.subset(self._order[:most]), self._used)


@dataclass(frozen=True, eq=False)
class _Residuals:
    """What a force field leaves of some frames."""

    frames: Frames
    positions: Float[Tensor, "frames atoms 3"]
    basis: Float[Tensor, "frames coordinates freedoms"]
    """Directions that only the corrected atoms take part in."""
    values: Float[np.ndarray, " n"]
    """Forces in the basis, then energies less their mean."""
    n_forces: int
    offset: Float[np.ndarray, "n 1"]
    """What an unknown zero of energy does to them."""

    def points(self, fragments: Sequence[Fragment]) -> list[Points]:
        """The frames as each kernel sees them."""
        return [fragment.points(self.positions, self.basis) for fragment in fragments]


def _residuals(force_field: ForceField, frames: Frames, used: Sequence[int]) -> _Residuals:
    assert frames.forces is not None
    positions = torch.as_tensor(frames.positions)
    inner = internal_basis(positions[:, list(used)])
    rows = [3 * atom + axis for atom in used for axis in range(3)]
    basis = torch.zeros(len(frames), 3 * positions.shape[1], inner.shape[-1], dtype=torch.float64)
    basis[:, rows] = inner
    energies, forces = predict(force_field, frames.positions)
    by_force = projected(torch.as_tensor(frames.forces - forces), basis).reshape(-1).numpy()
    by_energy = frames.energies - energies
    by_energy = by_energy - by_energy.mean()
    offset = np.zeros((len(by_force) + len(frames), 1))
    offset[len(by_force) :] = _OFFSET * float(np.std(frames.energies))
    return _Residuals(frames, positions, basis, np.concatenate([by_force, by_energy]), len(by_force), offset)


def _bonded(force_field: ForceField, data: _Residuals) -> Float[np.ndarray, "coefficients n"]:
    """What the coefficients do to the data, each in units of its prior deviation, restraints included."""
    problem = LinearProblem([(force_field, data.frames)], FitOptions())
    ((own, _),) = problem.pairs
    n = len(problem.fitted)
    table = move_columns(own.table, problem.start, problem.positions[0], problem.fitted)
    found = columns(table, n + 1, own.parameter_table.values, data.frames.positions)
    force = torch.as_tensor(found.force[1:].reshape(n, len(data.frames), -1))
    by_force = torch.einsum("pcf,npc->npf", data.basis, force).reshape(n, -1).numpy()
    weights, _ = problem.restraints
    root = cholesky(np.eye(n) + (weights.T @ weights).toarray(), lower=True)
    return solve_triangular(root, np.concatenate([by_force, found.energy[1:]], 1), lower=True)
