"""Conformers that no training frame shows, and pseudo-frames that keep kernels from making them up.

Where kernels draw such conformers down into wells of their own, pseudo-frames at these wells follow.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.fitting.conformers import DEVIATION, UnseenConformers, false_minima, find_unseen_conformers
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.solver import Solver
from hybridff.hybrid.trained import TrainedKernels, train
from hybridff.hybrid.training import TrainingData
from hybridff.stability.gate import Finding
from hybridff.units import KCAL_MOL

_PSEUDO_FRAMES = 40
"""Most pseudo-frames before any well is found."""
_LEAST_DEVIATION = 1.0 * KCAL_MOL
"""Least deviation that kernels give the energies of pseudo-frames."""
_AS_WRONG = 2.0
"""Deviation of pseudo-frames where the terms are poor, in units of what they leave of validation energies."""
_TINY = 1e-9
"""Noise that is as good as none [kJ/mol/nm]."""
_SEARCHES = 3
"""How many times wells are searched for, each followed by a training with pseudo-frames at those that were found."""


@dataclass(frozen=True, eq=False)
class UnseenRegion:
    """Where the terms are all that is known."""

    terms: ForceField
    frames: Float[np.ndarray, "frames atoms 3"]
    """Positions of the training frames [nm]."""
    conformers: UnseenConformers
    deviation: float
    """Deviation of the energies of pseudo-frames, over that of the noise of forces [nm]."""

    def pseudo_frames(self, atoms: Collection[int]) -> PseudoFrames:
        """Pseudo-frames at some of the conformers that kernels on these atoms can tell from frames."""
        some = self.conformers.described_by(set(atoms))
        some = some[np.unique(np.linspace(0, len(some) - 1, min(len(some), _PSEUDO_FRAMES)).astype(int))]
        return PseudoFrames.at(some, self.deviation)

    def wells(self, hybrid: ForceField) -> Float[np.ndarray, "wells atoms 3"] | None:
        """Unseen conformers [nm] that kernels draw far below what the terms make of them; None without any."""
        found = false_minima(self.conformers, hybrid)
        return None if found is None else found.conformers

    def energy_shift(self, hybrid: ForceField) -> float:
        """What kernels add to relaxed geometries at the angles of frames, above their mean over the frames [kJ/mol]."""
        means = []
        for positions in (self.conformers.references, self.frames):
            energies, of_terms = (predict(model, positions)[0] for model in (hybrid, self.terms))
            means.append(float(np.mean(energies - of_terms)))
        return means[0] - means[1]

    def findings(self, hybrid: ForceField) -> Iterator[Finding]:
        """What the stability gate has to say of wells that kernels make."""
        wells = self.wells(hybrid)
        if wells is not None:
            label = self.terms.molecule.label
            turned = ", ".join("-".join(map(label, rotor)) for rotor in self.conformers.rotors)
            message = (
                f"kernels draw {len(wells)} conformers that no training frame shows (other angles of {turned}) more "
                f"than {DEVIATION / KCAL_MOL:g} kcal/mol below what the terms alone make of them; add frames there."
            )
            yield Finding("quench", (), message)


def unseen_region(
    terms: ForceField, frames: Float[np.ndarray, "frames atoms 3"], left: tuple[float, float]
) -> UnseenRegion | None:
    """Conformers that no frame shows; None where there are no terms, or frames show all angles of all rotors.

    ``left`` are deviations of the forces [kJ/mol/nm] and energies [kJ/mol] that the terms leave of validation frames.
    Deviations of pseudo-frames compare with that of the forces as noise, whatever the kernels call noise.
    """
    if not len(terms.table.products):
        return None
    conformers = find_unseen_conformers(terms, frames)
    if not conformers.rotors:
        return None
    force, energy = left
    return UnseenRegion(terms, frames, conformers, max(_LEAST_DEVIATION, _AS_WRONG * energy) / max(force, _TINY))


def train_with_wells(
    training: TrainingData, state: Hyperparameters, solver: Solver, region: UnseenRegion
) -> TrainedKernels:
    """Train kernels that leave energies of unseen conformers about where the terms have them.

    Raises ``InputError`` where double precision fails.
    """
    found = train(training, state, solver)
    for _ in range(_SEARCHES):
        if len(found.training.pseudo_frames):
            moved = found.training.with_pseudo_energy(region.energy_shift(found.hybrid()))
            found = train(moved, state, solver)
        wells = region.wells(found.hybrid())
        if wells is None:
            break
        at_wells = PseudoFrames.at(wells, region.deviation)
        found = replace(found, training=found.training.with_pseudo_frames(at_wells))
    return found
