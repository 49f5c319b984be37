"""A stand-in for the stability gate."""

from dataclasses import replace

import numpy as np
from models import distorted

from hybridff.fitting import refit_until_stable as stable
from hybridff.gaff.forcefield import ForceField
from hybridff.stability.gate import Finding, StabilityOptions, StabilityReport

HOT = distorted("acetaldehyde", 10, width=0.02, seed=5)


class Gate:
    """Stands in for the stability gate: fails the first fits, and knows which force fields it saw.

    Hot geometries of a stiff fit are random ones.
    """

    def __init__(self, n_failures: int, *, has_hot_frames: bool = True) -> None:
        self.n_failures, self.has_hot_frames = n_failures, has_hot_frames
        self.well: np.ndarray | None = None
        self.judged: list[ForceField] = []
        self.stiff: list[ForceField] = []

    def __call__(self, force_field: ForceField, options: StabilityOptions) -> StabilityReport:
        positions = (
            HOT if force_field.molecule.name == "acetaldehyde" else distorted(force_field.molecule.name, 10, 0.02)
        )
        report = StabilityReport(options, (), (), positions[0], positions, 0.0, 0, 0)
        if options is stable.STIFF_DYNAMICS:
            self.stiff.append(force_field)
            return report if self.has_hot_frames else replace(report, snapshots=positions[:0])
        self.judged.append(force_field)
        failed = len(self.judged) <= self.n_failures
        finding = Finding("dynamics", (0, 1), "a bond broke.", well=self.well)
        return replace(report, failures=(finding,) if failed else ())
