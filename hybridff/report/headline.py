"""The few numbers that matter, at the top of a report."""

from collections.abc import Mapping

from hybridff.document.blocks import Fact
from hybridff.jobs.fitting import FittedMolecule
from hybridff.report.before_after import Outcome
from hybridff.report.observables import Speed
from hybridff.stability.gate import StabilityReport
from hybridff.units import FORCE_KCAL, KCAL_MOL


def headline(
    item: Outcome, seconds: float, stability: StabilityReport | None, steps: Mapping[str, Speed] | None
) -> tuple[Fact, ...]:
    """Errors before and after, what trained, how long it took, whether it is stable and how fast it is."""
    part = "test" if "test" in item.after else "train"
    before, after = item.before[part], item.after[part]
    where = f"RMSE on {after.n_frames} {'unseen' if part == 'test' else 'training'} frames"
    work = "fit" if isinstance(item, FittedMolecule) else "correction"
    found = []
    if before.force_rmse is not None and after.force_rmse is not None:
        value = f"{before.force_rmse / FORCE_KCAL:.2f} → {after.force_rmse / FORCE_KCAL:.2f}"
        found.append(Fact("Force error", value, f"kcal/mol/Å, {where}"))
    value = f"{before.energy_rmse / KCAL_MOL:.2f} → {after.energy_rmse / KCAL_MOL:.2f}"
    found.append(Fact("Energy error", value, f"kcal/mol, {where}"))
    theory = item.data.frames.theory.partition(" (")[0] or "level of theory not stated"
    found.append(Fact("Trained on", f"{len(item.split.train)} frames", theory))
    found.append(Fact("Time", f"{seconds:.1f} s", f"of the {work} itself"))
    found.append(_verdict(stability))
    if steps:
        *_, last = steps.values()
        found.append(Fact("Speed", f"{last.ns_per_day:.0f} ns/day", f"{last.microseconds:.0f} µs per step, alone"))
    return tuple(found)


def _verdict(stability: StabilityReport | None) -> Fact:
    if stability is None:
        return Fact("Stability", "not tested", "the gate was off")
    n = len(stability.failures)
    if n:
        return Fact("Stability", "not stable", f"{n} failure{'' if n == 1 else 's'}, see below", "bad")
    return Fact("Stability", "stable", f"{stability.simulated:.0f} ps of hot dynamics, quenches, scans", "good")
