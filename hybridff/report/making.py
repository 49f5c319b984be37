"""How a force field was made: its rounds, what was chosen and why, errors predicted and actual, and the time."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hybridff.document.blocks import Section, Table
from hybridff.making.rounds import Chosen, Outcome
from hybridff.making.summary import Summary
from hybridff.units import FORCE_KCAL, KCAL_MOL


def making_section(rounds: Sequence[tuple[Chosen, Outcome]], summary: Summary, level: str) -> Section:
    """The rounds of a force field that was made at a level of theory, and what the test at the end says."""
    sentences = (
        f"{summary.n_train} geometries were labelled at {level} in {len(rounds)} rounds, and {summary.n_test} frames "
        "of the model's own dynamics at 300 K afterwards, which nothing was fitted to: their force error was predicted "
        f"to be {summary.predicted_force / FORCE_KCAL:.2f} kcal/mol/Å and is {summary.actual_force / FORCE_KCAL:.2f}; "
        f"their energy error was predicted to be {summary.predicted_energy / KCAL_MOL:.2f} kcal/mol and is "
        f"{summary.actual_energy / KCAL_MOL:.2f} (root mean squares).",
        f"Labels took {summary.wall_seconds:.0f} s ({summary.label_seconds:.0f} s of all processes), the rest "
        f"{summary.other_seconds:.0f} s without this report.",
        f"How geometries were chosen: {rounds[-1][0].reason}." if rounds else "",
    )
    return Section("Rounds", tuple(filter(None, sentences)), _round_table(rounds), more=(_chosen_table(rounds),))


def _round_table(rounds: Sequence[tuple[Chosen, Outcome]]) -> Table:
    """A row for each round: what it chose, and what its fit predicts."""
    rows = []
    for number, (chosen, outcome) in enumerate(rounds, start=1):
        batch = "–"
        if outcome.batch_predicted is not None and outcome.batch_actual is not None:
            batch = f"{outcome.batch_predicted / FORCE_KCAL:.2f} / {outcome.batch_actual / FORCE_KCAL:.2f}"
        rows.append(
            (
                str(number),
                str(outcome.n_train),
                _counted(chosen.origins),
                batch,
                f"{outcome.predicted_force / FORCE_KCAL:.2f}",
                "–" if outcome.predicted_torsions is None else f"{outcome.predicted_torsions / KCAL_MOL:.2f}",
                f"{outcome.left_out / FORCE_KCAL:.2f}",
                {True: "stable", False: "not stable", None: "not tested"}[outcome.stable],
                f"{outcome.wall_seconds:.0f} / {outcome.other_seconds:.0f}",
            )
        )
    header = (
        "round",
        "labels",
        "chosen",
        "new labels: predicted / actual",
        "predicted at 300 K",
        "predicted for torsions [kcal/mol]",
        "left out",
        "stability",
        "labels / rest [s]",
    )
    caption = (
        "Force errors (RMSE) in kcal/mol/Å: of each round's geometries by the fit before, of dynamics at 300 K by the "
        "fit after, and of training frames by fits without them. Energy errors of geometries with torsions driven to "
        "angles, by the fit after."
    )
    return Table(header, tuple(rows), caption)


def _chosen_table(rounds: Sequence[tuple[Chosen, Outcome]]) -> Table:
    """Every geometry that was chosen."""
    rows = []
    for number, (chosen, _) in enumerate(rounds, start=1):
        for origin, predicted, left in zip(chosen.origins, chosen.predicted, chosen.left, strict=True):
            after = f"{left / FORCE_KCAL:.2f}" if np.isfinite(left) else "–"
            rows.append((str(number), origin, f"{predicted / FORCE_KCAL:.2f}", after))
    header = ("round", "from", "predicted error before its label", "predicted at 300 K once it is labelled")
    return Table(header, tuple(rows), "Every geometry that was chosen; force errors in kcal/mol/Å", folded=True)


def _counted(origins: Sequence[str]) -> str:
    """How many geometries come from where."""
    return ", ".join(f"{count} × {origin}" for origin, count in sorted(Counter(origins).items()))
