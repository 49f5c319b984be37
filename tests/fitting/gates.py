"""A stand-in for the stability gate."""

from dataclasses import replace

from models import distorted

from hybridff.fitting import refit_until_stable as stable
from hybridff.gaff.forcefield import ForceField
from hybridff.stability.gate import Finding, StabilityOptions, StabilityReport

HOT = distorted("acetaldehyde", 10, width=0.02, seed=5)


class Gate:
    """Stands in for the stability gate: fails the first fits, and knows whom it saw.

    Where a fit is to teach, its hot geometries are random ones.
    """

    def __init__(self, n_failures: int, teaches: bool = True) -> None:
        self.n_failures, self.teaches = n_failures, teaches
        self.judged: list[ForceField] = []
        self.teachers: list[ForceField] = []

    def __call__(self, force_field: ForceField, options: StabilityOptions) -> StabilityReport:
        positions = (
            HOT if force_field.molecule.name == "acetaldehyde" else distorted(force_field.molecule.name, 10, 0.02)
        )
        report = StabilityReport(options, (), (), positions[0], positions, 0.0, 0, 0)
        if options is stable._TEACHING:
            self.teachers.append(force_field)
            return report if self.teaches else replace(report, snapshots=positions[:0])
        self.judged.append(force_field)
        failed = len(self.judged) <= self.n_failures
        return replace(report, failures=(Finding("dynamics", (0, 1), "a bond broke."),) if failed else ())
