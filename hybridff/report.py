"""What happened, for people: documents about fits, corrections and dynamics."""

import numpy as np

from hybridff import plots
from hybridff.analysis.errors import Errors, evaluate, predict
from hybridff.correct import Corrected
from hybridff.document import Document, Section, Table
from hybridff.fit.posterior import predicted_errors
from hybridff.fit.result import FitResult
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import plain_label
from hybridff.modelfile import SavedModel
from hybridff.simulate import SimulationResult
from hybridff.units import FORCE_KCAL, KCAL_MOL
from hybridff.workflow import CorrectedMolecule, FittedMolecule

_MOST_MOVED = 12
_MOST_LISTED = 12
_FEW = 50
_MOST_NAMED = 60
"""Parameters that are named one by one."""


def fit_document(fitted: FittedMolecule) -> Document:
    """Errors before and after, the parameters that moved most, and those that the data could not determine."""
    molecule = fitted.model.force_field.molecule
    sections = [
        Section("Errors", _error_sentences(fitted), error_table(fitted), _parity(fitted)),
        Section("Data", _data_sentences(fitted)),
        *([] if fitted.correction is None else [_correction_section(fitted, fitted.correction)]),
        *_stability_sections(fitted),
        *_uncertainty_sections(fitted),
        _start_section(fitted.model.force_field),
        _moved_section(fitted.result, fitted.model.force_field),
        _undetermined_section(fitted.result, fitted.model.force_field),
        _provenance_section(fitted.model),
    ]
    return Document(f"{molecule.name}: GAFF refit to {len(fitted.split.train)} frames", tuple(sections))


def correction_document(corrected: CorrectedMolecule) -> Document:
    """Errors before and after, what became of each kernel, and the gate's verdict."""
    molecule, result = corrected.model.force_field.molecule, corrected.result
    how = (
        "Before → after the correction. Energies in kcal/mol after subtraction of a constant fitted to the training "
        f"frames; force components in kcal/mol/Å. {result.seconds:.1f} s."
    )
    sections = [
        Section("Errors", (how,), error_table(corrected), _parity(corrected)),
        _correction_section(corrected, result),
    ]
    if result.report is not None:
        sections.append(Section("Stability", result.report.sentences()))
    return Document(f"{molecule.name}: corrected", (*sections, _provenance_section(corrected.model)))


def _correction_section(item: FittedMolecule | CorrectedMolecule, correction: Corrected) -> Section:
    """What became of each kernel, and what the terms are worth where all kernels have faded."""
    sentences = list(correction.sentences())
    part = "test" if "test" in item.after else "train"
    if correction.force_field.corrections:
        alone = evaluate(
            correction.force_field.with_corrections([]), item.data.frames.subset(getattr(item.split, part))
        )
        assert alone.force_rmse is not None
        sentences.append(
            f"Away from the training frames kernels fade and leave the terms, whose force RMSE on the {part} frames is "
            f"{alone.force_rmse / FORCE_KCAL:.2f} kcal/mol/Å."
        )
    return Section("Correction", tuple(sentences))


def _parity(item: FittedMolecule | CorrectedMolecule) -> bytes:
    """Before and after against the reference, on test frames if there are any."""
    part = "test" if "test" in item.after else "train"
    frames = item.data.frames.subset(getattr(item.split, part))
    models = {"before": item.start, "after": item.model.force_field}
    offsets = {"before": item.before["train"].energy_offset, "after": item.after["train"].energy_offset}
    return plots.parity(models, offsets, frames, f"{item.model.force_field.molecule.name}, {part} frames")


def stock_document(model: SavedModel) -> Document:
    """What a force field without a fit is made of."""
    force_field = model.force_field
    sections = (_start_section(force_field), _charge_section(force_field), _provenance_section(model))
    return Document(f"{force_field.molecule.name}: {force_field.source}", sections)


def simulation_section(result: SimulationResult, temperature: float, platform: str) -> Section:
    """How a simulation went."""
    return Section(
        "Dynamics",
        (
            f"{result.time:g} ps at {temperature:g} K on the {platform} platform: {result.steps} steps, "
            f"mean temperature of its second half {result.mean_temperature:.0f} K, {result.ns_per_day:.0f} ns/day.",
            *_distance_sentences(result),
        ),
    )


def _distance_sentences(result: SimulationResult) -> tuple[str, ...]:
    """How far the run got from the training data, where that is known."""
    if result.farthest is None or result.share_beyond is None:
        return ()
    end = " The run was stopped there." if result.stopped else ""
    return (
        f"{100 * result.share_beyond:.1f} % of the frames are further from the training data than these are from each "
        f"other (distance 1); the furthest is at {result.farthest:.2g}.{end}",
    )


def error_table(fitted: FittedMolecule | CorrectedMolecule) -> Table:
    """RMSE and MAE of energies and forces, before and after."""
    columns = {
        "energy RMSE": "energy_rmse",
        "energy MAE": "energy_mae",
        "force RMSE": "force_rmse",
        "force MAE": "force_mae",
    }
    rows = []
    for part, after in fitted.after.items():
        cells = [f"{_cell(fitted.before[part], name)} → {_cell(after, name)}" for name in columns.values()]
        rows.append((part, str(after.n_frames), *cells))
    return Table(("frames", "number", *columns), tuple(rows))


def _cell(errors: Errors, name: str) -> str:
    value = getattr(errors, name)
    return "–" if value is None else f"{value / (KCAL_MOL if name.startswith('energy') else FORCE_KCAL):.2f}"


def _error_sentences(fitted: FittedMolecule) -> tuple[str, ...]:
    result = fitted.result
    sentences = [
        "Before → after the fit. Energies in kcal/mol after subtraction of a constant fitted to the training frames; "
        "force components in kcal/mol/Å.",
        _split_sentence(fitted),
        f"The constant offset (reference minus model) is {fitted.model.energy_offset / KCAL_MOL:.3f} kcal/mol."
        if fitted.model.energy_offset is not None
        else "",
        f"{_effort(fitted)} in {result.seconds:.2f} s; training loss {result.loss_start:.6g} "
        f"before, {result.loss_end:.6g} after; residual deviations {result.noise.energy / KCAL_MOL:.2f} kcal/mol and "
        f"{result.noise.force / FORCE_KCAL:.2f} kcal/mol/Å; scale of the priors {result.prior_scale:g}.",
    ]
    if not result.converged:
        sentences.append("The fit stopped before it converged; raise --max-iterations.")
    if any(_worse(fitted.before[part], fitted.after[part]) for part in ("validation", "test") if part in fitted.after):
        sentences.append(
            "On frames that were not trained on, the fit is worse than its start in at least one column: look for "
            "frames far from the training frames; more of them, or a smaller --prior-scale, may help."
        )
    sentences.append(_outlier_sentence(fitted))
    return tuple(sentence for sentence in sentences if sentence)


def _effort(fitted: FittedMolecule) -> str:
    if fitted.posterior is None:
        return f"{fitted.result.iterations} Gauss-Newton steps"
    n_fitted = int((fitted.result.deviations > 0).sum())
    return f"{n_fitted} coefficients in closed form"


def _split_sentence(fitted: FittedMolecule) -> str:
    """What the rows of the table were used for."""
    sentences = []
    if "test" in fitted.after:
        n_test = fitted.after["test"].n_frames
        few = " They are few: the last digits mean little." if n_test < _FEW else ""
        sentences.append(
            "Frames were split at random; test frames were never used in the fit. Neighbouring frames of a trajectory "
            f"may stand on both sides of the split, which flatters the test.{few}"
        )
    else:
        sentences.append("There are no test frames: nothing here says how well the fit predicts.")
    if "validation" in fitted.after and fitted.posterior is not None:
        sentences.append("Validation frames gave the scale of the predicted errors.")
    elif "validation" in fitted.after and fitted.model.provenance["options"]["prior_scale"] is None:
        sentences.append("Validation frames chose the scale of the priors.")
    return " ".join(sentences)


def _outlier_sentence(fitted: FittedMolecule) -> str:
    """The few test frames that carry most of the error, where there are such."""
    if "test" not in fitted.after or len(fitted.split.test) < _FEW:
        return ""
    frames = fitted.data.frames.subset(fitted.split.test)
    assert frames.forces is not None
    _, forces = predict(fitted.model.force_field, frames.positions)
    squares = ((forces - frames.forces) ** 2).mean((1, 2))
    n_worst = max(1, len(squares) // 100)
    order = np.argsort(-squares)
    share = squares[order[:n_worst]].sum() / squares.sum()
    if share < 0.5:
        return ""
    rest = np.sqrt(squares[order[n_worst:]].mean()) / FORCE_KCAL
    worst = ", ".join(str(row + 1) for row in fitted.split.test[order[:_MOST_LISTED]])
    return (
        f"{n_worst} of {len(squares)} test frames carry {100 * share:.0f} % of the squared force error after the fit; "
        f"without them the force RMSE is {rest:.2f} kcal/mol/Å. The worst, counted among the usable frames from 1: "
        f"{worst}. Such frames are often broken or crowded structures."
    )


def _worse(before: Errors, after: Errors) -> bool:
    pairs = [(before.energy_rmse, after.energy_rmse), (before.force_rmse, after.force_rmse)]
    return any(a is not None and b is not None and a > b for b, a in pairs)


def _data_sentences(fitted: FittedMolecule) -> tuple[str, ...]:
    data = fitted.data
    files = ", ".join(path.name for path in data.files)
    theory = f" at {data.frames.theory}" if data.frames.theory else ", level of theory not stated"
    found = f"{files}: {data.report.n_frames} frames{theory}; {data.report.n_used} can be used."
    unseen = [fitted.unseen] if fitted.unseen else []
    return (found, *(message[0].upper() + message[1:] for message in data.report.messages()), *unseen)


def _start_section(force_field: ForceField) -> Section:
    sentences = [f"Starting force field: {force_field.source}. Form: {force_field.form}."]
    if force_field.estimated:
        sentences.append("Parameters that the table does not have, estimated by analogy:")
    table = Table(("estimated",), tuple((text,) for text in force_field.estimated)) if force_field.estimated else None
    return Section("Start", tuple(sentences), table)


def _moved_section(result: FitResult, force_field: ForceField) -> Section:
    own = _own(result, force_field)
    rows = [_parameter_row(result, i) for i in result.largest_moves(len(own)) if own[i]][:_MOST_MOVED]
    header = ("parameter", "of", "before", "after", "±", "unit", "")
    sentences = ["In units of their prior widths; ± is the posterior standard deviation."]
    if force_field.form == "near-pairs":
        sentences.append(
            "With near pairs, the shape of a bond or angle is the sum of several terms: r0, theta0 and k alone are not "
            "its equilibrium value and stiffness."
        )
    return Section("Parameters that moved most", tuple(sentences), Table(header, tuple(rows)))


def _own(result: FitResult, force_field: ForceField) -> np.ndarray:
    """True for parameters of a joint fit that this molecule has."""
    table = force_field.parameter_table
    names = set(zip(table.quantities, map(plain_label, table.labels), strict=True))
    every = zip(result.start.quantities, map(plain_label, result.start.labels), strict=True)
    return np.array([name in names for name in every])


def _undetermined_section(result: FitResult, force_field: ForceField) -> Section:
    own = _own(result, force_field)
    undetermined = np.flatnonzero(result.undetermined & own)
    fitted = int(((result.deviations > 0) & own).sum())
    if not len(undetermined):
        return Section("Not determined by these data", (f"None of the {fitted} fitted parameters.",))
    kinds: dict[str, list[str]] = {}
    for i in undetermined:
        kinds.setdefault(result.start.quantities[i], []).append(result.start.labels[i])
    sentences = [
        f"{len(undetermined)} of {fitted} fitted parameters: their posterior is more than half as wide as their prior. "
        "Those that hardly moved are what they were at the start; the others count only in combination."
    ]
    if len(undetermined) > _MOST_NAMED:
        quantities = [result.start.quantities[i] for i in np.flatnonzero((result.deviations > 0) & own)]
        rows = tuple((kind, str(quantities.count(kind)), str(len(labels))) for kind, labels in kinds.items())
        header = ("family", "fitted", "not determined")
        return Section("Not determined by these data", tuple(sentences), Table(header, rows))
    for kind, labels in kinds.items():
        more = f" and {len(labels) - _MOST_LISTED} more" if len(labels) > _MOST_LISTED else ""
        sentences.append(f"{kind} ({len(labels)}): {', '.join(labels[:_MOST_LISTED])}{more}.")
    return Section("Not determined by these data", tuple(sentences))


def _parameter_row(result: FitResult, i: int) -> tuple[str, ...]:
    quantity = result.start.kinds[result.start.quantities[i]]
    numbers = (result.start.values[i], result.end.values[i], result.deviations[i])
    remark = "at its bound" if result.at_bound[i] else ""
    return (
        result.start.quantities[i],
        result.start.labels[i],
        *(f"{value / quantity.scale:.4g}" for value in numbers),
        quantity.unit,
        remark,
    )


def _stability_sections(fitted: FittedMolecule) -> list[Section]:
    if fitted.stability is None:
        return []
    return [Section("Stability", (*fitted.remarks, *fitted.stability.sentences()))]


def _uncertainty_sections(fitted: FittedMolecule) -> list[Section]:
    """How well the posterior predicts errors, on a few frames that were not trained on."""
    if fitted.posterior is None or len(fitted.split.test) < _FEW or fitted.model.force_field.corrections:
        return []
    frames = fitted.data.frames.subset(fitted.split.test[:_FEW])
    found = predicted_errors(fitted.posterior, fitted.model.force_field, frames)
    predicted, rank = (
        found[key]
        for key in (
            "predicted_force_deviation_kcal_mol_angstrom",
            "rank_correlation_of_predicted_and_actual_force_errors",
        )
    )
    return [
        Section(
            "Uncertainty",
            (
                f"The fit predicts a force error of {predicted:.2f} kcal/mol/Å on {len(frames)} test frames; the rank "
                f"correlation of predicted and actual errors of frames is {rank:.2f}. Predictions are scaled by "
                f"{fitted.posterior.scale:.2g}, which validation frames gave. With --keep-posterior, evaluate predicts "
                "the errors of other frames.",
            ),
        )
    ]


def _charge_section(force_field: ForceField) -> Section:
    molecule, charges = force_field.molecule, force_field.nonbonded.charge
    rows = [(molecule.label(i), force_field.types[i], f"{charges[i]:.4f}") for i in range(len(molecule.numbers))]
    return Section(
        "Atoms", (f"Total charge {charges.sum():.4f} e.",), Table(("atom", "type", "charge [e]"), tuple(rows))
    )


def _provenance_section(model: SavedModel) -> Section:
    about = model.provenance
    rows = [("program", str(about["program"])), ("python", str(about["python"]))]
    rows += [(name, str(value)) for name, value in about["packages"].items()]
    rows += [(f"SHA-256 of {name}", value) for name, value in about["inputs"].items()]
    rows += [(f"option {name}", str(value)) for name, value in about["options"].items()]
    rows += [(f"correction: option {name}", str(value)) for name, value in about.get("correction options", {}).items()]
    return Section("Provenance", (), Table(("what", "value"), tuple(rows)))
