"""Functional forms on the same splits of a benchmark set, beside what was published for some of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.document.blocks import Table
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.frames.dataset import Split
from hybridff.gaff.forms import Form
from hybridff.progress import Say, quiet
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

LEAST_TEST = 80
"""Number of test frames that a set keeps, at least."""
STOCK = "stock"
"""The name of GAFF as it comes among the forms."""
_PUBLISHED_FORMS = MappingProxyType({"harmonic": "GAFF", "morse": "Morse", "neural": "NN"})
_PUBLISHED: Mapping[str, Mapping[int, tuple[float, float, float]]] = MappingProxyType(
    {
        "ethanol": {110: (6.53, 15.38, 5.00), 1100: (6.37, 14.59, 4.78), 11000: (6.38, 4.80, 4.66)},
        "aspirin": {110: (7.91, 10.29, 6.72), 1100: (7.46, 7.77, 6.15), 11000: (7.35, 6.28, 5.95)},
    }
)
"""Force errors [kcal/mol/Å] by training frames: H. E. Sauceda et al., arXiv:2008.04198 (2020), table II."""
_TABLE_TWO = ("ethanol_md17", "ethanol_rmd17", "aspirin_rmd17")
"""Sets of the molecules of that table."""


@dataclass(frozen=True)
class FormErrors:
    """Errors of a form on the test frames of one split."""

    energy: float
    """Root mean square error of energies [kJ/mol]."""
    force: float
    """Root mean square error of force components [kJ/mol/nm]."""
    stable: bool = True
    """Whether the fit passed the stability gate."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Errors of all forms with some number of training frames."""

    set: str
    """Name of the benchmark set."""
    train: int
    """Number of training frames."""
    tests: str
    """Number of test frames, or the range of it over the splits."""
    forms: Mapping[str, Sequence[FormErrors]]
    """Errors of each form on each split; those of stock GAFF are called "stock"."""


def ladder(
    data: BenchmarkSet, splits: Sequence[Split], forms: Sequence[Form], gate: GateOptions, say: Say = quiet
) -> Ladder:
    """Fit every form to the training frames of every split, and measure it on the test frames."""
    found: dict[str, list[FormErrors]] = {form: [] for form in (STOCK, *forms)}
    for seed, split in enumerate(splits):
        train, test = data.frames.subset(split.train), data.frames.subset(split.test)
        stock = evaluate(data.stock, test, evaluate(data.stock, train).energy_offset)
        found[STOCK].append(_form_errors(stock, stable=True))
        for form in forms:
            fitted = fit_as_the_command_does(data, split, BenchmarkFit(form=form, gate=gate))
            errors = evaluate(fitted.force_field, test, fitted.energy_offset)
            found[form].append(_form_errors(errors, stable=fitted.passed))
            seconds, remarks = fitted.result.seconds, " ".join(fitted.remarks)
            say(f"{data.name} {len(train)} seed {seed} {form}: {errors}; {seconds:.1f} s {remarks}")
    numbers = [len(split.test) for split in splits]
    return Ladder(
        data.name, len(splits[0].train), "–".join(dict.fromkeys(f"{n}" for n in (min(numbers), max(numbers)))), found
    )


def _form_errors(errors: Errors, *, stable: bool) -> FormErrors:
    assert errors.force_rmse is not None
    return FormErrors(errors.energy_rmse, errors.force_rmse, stable)


def ladder_cell(splits: Sequence[FormErrors]) -> str:
    """Energy [kcal/mol] / force [kcal/mol/Å] over the splits, and how many fits were stable if not all."""
    n_stable = sum(own.stable for own in splits)
    passed = "" if n_stable == len(splits) else f" ({n_stable} of {len(splits)} stable)"
    return f"{_spread([own.energy / KCAL_MOL for own in splits])} / {_force_cell(splits)}{passed}"


def _force_cell(splits: Sequence[FormErrors]) -> str:
    return _spread([own.force / FORCE_KCAL for own in splits])


def _spread(values: Sequence[float]) -> str:
    """Mean ± half the range, where there are several."""
    half = f" ± {np.ptp(values) / 2:.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{half}"


def table_two(found: Sequence[Ladder]) -> Table | None:
    """Force errors beside the published ones, and class2 with the energy; None where no set is of those molecules."""
    found = [own for own in found if own.set in _TABLE_TWO]
    if not found:
        return None
    heads = [head for form, name in _PUBLISHED_FORMS.items() for head in (f"published {name}", f"**{form}**")]
    rows = []
    for own in found:
        published = _PUBLISHED[_molecule(own)]
        nearest = min(published, key=lambda n: abs(np.log(n / own.train)))
        cells = [
            cell
            for form, value in zip(_PUBLISHED_FORMS, published[nearest], strict=True)
            for cell in (f"{value:.2f}", f"**{_force_cell(own.forms[form]) if form in own.forms else '–'}**")
        ]
        last = ladder_cell(own.forms["class2"]) if "class2" in own.forms else "–"
        rows.append((own.set, str(nearest), str(own.train), *cells, f"**{last}**"))
    for molecule in dict.fromkeys(map(_molecule, found)):
        gaff, morse, network = _PUBLISHED[molecule][11000]
        cells = [f"{gaff:.2f}", "–", f"{morse:.2f}", "–", f"{network:.2f}", "–"]
        rows.append((f"{molecule} MD17", "11000", "–", *cells, "–"))
    return Table(("set", "trained on, published", "ours", *heads, "**class2**"), tuple(rows))


def _molecule(ladder: Ladder) -> str:
    return ladder.set.split("_")[0]
