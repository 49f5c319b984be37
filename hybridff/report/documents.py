"""What happened, for people: documents about fits, corrections and dynamics."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from hybridff.document.blocks import Document, Picture, Section, Table
from hybridff.export.dynamics import SimulationResult
from hybridff.export.modelfile import SavedModel
from hybridff.frames.accuracy import Errors, evaluate, predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.result import Corrected
from hybridff.jobs.correcting import CorrectedMolecule
from hybridff.jobs.fitting import FittedMolecule
from hybridff.molecules.molecule import Molecule
from hybridff.report import pictures
from hybridff.report.attempts import attempted
from hybridff.report.before_after import BeforeAfter
from hybridff.report.drawing import drawing
from hybridff.report.fitted_parameters import moved_section, undetermined_section
from hybridff.report.headline import headline
from hybridff.report.observables import Speed
from hybridff.report.pretraining import pretraining_section
from hybridff.units import FORCE_KCAL, KCAL_MOL

_MOST_LISTED = 12
_FEW = 50


@dataclass(frozen=True)
class PageSections:
    """Sections that only the page has, and the speed that its headline names."""

    errors: tuple[Section, ...] = ()
    physics: tuple[Section, ...] = ()
    speed: tuple[Section, ...] = ()
    parameters: tuple[Section, ...] = ()
    comparison: tuple[Section, ...] = ()
    again: tuple[Section, ...] = ()
    steps: Mapping[str, Speed] | None = None


def fit_document(fitted: FittedMolecule, page: PageSections | None = None) -> Document:
    """Errors before and after, the parameters that moved most, and those that the data could not determine.

    ``page`` holds what the page has besides.
    """
    page, model, pair = page or PageSections(), fitted.model, BeforeAfter.of(fitted)
    molecule, result = model.force_field.molecule, fitted.result
    drawn, missing = attempted(lambda: pictures.parity(pair))
    sections = [
        Section("Errors", (*_error_sentences(fitted, pair), *missing), error_table(fitted), drawn),
        Section("Data", _data_sentences(fitted), more=(_frame_table(fitted),)),
        *page.errors,
        *([] if fitted.pretraining is None else [pretraining_section(fitted, fitted.pretraining)]),
        *([] if fitted.correction is None else [_correction_section(fitted, fitted.correction)]),
        *page.physics,
        *_stability_sections(fitted),
        *_uncertainty_sections(fitted),
        *page.speed,
        _start_section(model.force_field),
        moved_section(result, model.force_field),
        undetermined_section(result, model.force_field),
        *page.parameters,
        *page.comparison,
        *page.again,
        _provenance_section(model),
    ]
    title = f"{molecule.name}: GAFF refit to {len(fitted.split.train)} frames"
    lead = (
        f"The {model.force_field.form} force field of {molecule.name}, fitted to energies and forces"
        f"{_at_theory(fitted)}. It began as {model.force_field.source}."
    )
    facts = headline(fitted, result.seconds, fitted.stability, page.steps)
    return Document(title, tuple(sections), lead, facts, molecule_drawing(molecule))


def correction_document(corrected: CorrectedMolecule, page: PageSections | None = None) -> Document:
    """Errors before and after, what became of each kernel, and the gate's verdict.

    ``page`` holds what the page has besides.
    """
    page, pair = page or PageSections(), BeforeAfter.of(corrected)
    molecule, result = corrected.model.force_field.molecule, corrected.result
    how = (
        "Before → after the correction. Energies in kcal/mol after subtraction of a constant fitted to the training "
        f"frames; force components in kcal/mol/Å. {result.seconds:.1f} s."
    )
    drawn, missing = attempted(lambda: pictures.parity(pair))
    sections = [
        Section("Errors", (how, *missing), error_table(corrected), drawn),
        _correction_section(corrected, result),
        *page.errors,
        *page.physics,
    ]
    if result.report is not None:
        sections.append(Section("Stability", result.report.sentences()))
    sections += [*page.speed, *page.comparison, *page.again, _provenance_section(corrected.model)]
    lead = (
        f"{_count(sum(points > 0 for points in result.n_points), 'kernel')} beside the terms of a "
        f"{corrected.start.form} force field, trained on {_count(len(corrected.split.train), 'frame')}."
    )
    facts = headline(corrected, result.seconds, result.report, page.steps)
    return Document(f"{molecule.name}: corrected", tuple(sections), lead, facts, molecule_drawing(molecule))


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


def molecule_drawing(molecule: Molecule) -> Picture | None:
    """The molecule in two dimensions; None where RDKit cannot draw it."""
    alt = f"Structure of {molecule.name}, all atoms with their numbers."
    found, _ = attempted(lambda: (drawing(molecule, alt),))
    return found[0] if found else None


def _at_theory(item: FittedMolecule) -> str:
    """Level of theory, without what stands in brackets; the section on the data has that."""
    theory = item.data.frames.theory.partition(" (")[0]
    return f" at {theory}" if theory else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _frame_table(fitted: FittedMolecule) -> Table:
    """What the frames were used for."""
    uses = {"train": "the fit", "validation": "choosing and calibrating", "test": "the errors shown here"}
    rows = [(part, str(len(getattr(fitted.split, part))), use) for part, use in uses.items()]
    report = fitted.data.report
    rows.append(("left out", str(report.n_frames - report.n_used), "nothing"))
    return Table(("frames", "number", "used for"), tuple(rows))


def stock_document(model: SavedModel) -> Document:
    """What a force field without a fit is made of."""
    force_field, sections = model.force_field, model_sections(model)
    title = f"{force_field.molecule.name}: {force_field.source}"
    return Document(title, sections, drawing=molecule_drawing(force_field.molecule))


def model_sections(model: SavedModel) -> tuple[Section, ...]:
    """Start, charges and provenance of a model without data."""
    return (_start_section(model.force_field), _charge_section(model.force_field), _provenance_section(model))


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


def _error_sentences(fitted: FittedMolecule, pair: BeforeAfter) -> tuple[str, ...]:
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
    if result.left_out is not None:
        sentences.append(
            f"Fits without one of the training frames predict its forces to {result.left_out / FORCE_KCAL:.2f} "
            "kcal/mol/Å (RMS), which chose the scale of the priors."
        )
    if not result.converged:
        sentences.append("The fit stopped before it converged; raise --max-iterations.")
    if any(_worse(fitted.before[part], fitted.after[part]) for part in ("validation", "test") if part in fitted.after):
        sentences.append(
            "On frames that were not trained on, the fit is worse than its start in at least one column: look for "
            "frames far from the training frames; more of them, or a smaller --prior-scale, may help."
        )
    sentences.append(_outlier_sentence(fitted, pair))
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
        how = (
            "Frames were taken in the order of their files; test frames were never used in the fit."
            if fitted.job.split.in_order
            else "Frames were split at random; test frames were never used in the fit. Neighbouring frames of a "
            "trajectory may stand on both sides of the split, which flatters the test."
        )
        sentences.append(f"{how}{few}")
    else:
        sentences.append("There are no test frames: nothing here says how well the fit predicts.")
    if "validation" in fitted.after and fitted.posterior is not None:
        sentences.append("Validation frames gave the scale of the predicted errors.")
    elif "validation" in fitted.after and fitted.job.fit.prior_scale is None:
        sentences.append("Validation frames chose the scale of the priors.")
    return " ".join(sentences)


def _outlier_sentence(fitted: FittedMolecule, pair: BeforeAfter) -> str:
    """The few test frames that carry most of the error, where there are such."""
    if "test" not in fitted.after or len(fitted.split.test) < _FEW:
        return ""
    frames = pair.frames
    assert frames.forces is not None
    _, forces = predict(pair.quick[pair.after], frames.positions)
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


def _stability_sections(fitted: FittedMolecule) -> list[Section]:
    if fitted.stability is None:
        return []
    return [Section("Stability", (*fitted.remarks, *fitted.stability.sentences()))]


def _uncertainty_sections(fitted: FittedMolecule) -> list[Section]:
    """How well the posterior predicts errors, on a few frames that were not trained on."""
    posterior, force_field = fitted.posterior, fitted.model.force_field
    if posterior is None or len(fitted.split.test) < _FEW or force_field.corrections:
        return []
    frames = fitted.data.frames.subset(fitted.split.test[:_FEW])
    assert frames.forces is not None
    _, predicted = posterior.deviations(force_field, frames.positions)
    _, forces = predict(force_field, frames.positions)
    actual = np.sqrt(((forces - frames.forces) ** 2).mean((1, 2)))
    judges = "training frames gave, each by a fit without it"
    if "validation" in fitted.after:
        judges = "validation frames gave"
    scaled = "not scaled" if posterior.scale == 1.0 else f"scaled by {posterior.scale:.2g}, which {judges}"
    sentence = (
        f"The fit predicts a force error of {np.sqrt(np.mean(predicted**2)) / FORCE_KCAL:.2f} kcal/mol/Å on "
        f"{len(frames)} test frames; the rank correlation of predicted and actual errors of frames is "
        f"{spearmanr(predicted, actual).statistic:.2f}. Predictions are {scaled}. "
        "With --keep-posterior, evaluate predicts the errors of other frames."
    )
    both = ({"test frames": values / FORCE_KCAL} for values in (predicted, actual))
    drawn, missing = attempted(lambda: (pictures.calibration(*both),))
    return [Section("Uncertainty", (sentence, *missing), pictures=drawn)]


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
    rows += [(name, f"{own['from']}, SHA-256 {own['sha256']}") for name, own in about.get("programs", {}).items()]
    rows += [(f"SHA-256 of {name}", value) for name, value in about["inputs"].items()]
    rows += [(f"option {name}", str(value)) for name, value in about["options"].items()]
    rows += [(f"correction: option {name}", str(value)) for name, value in about.get("correction options", {}).items()]
    return Section("Provenance", (), Table(("what", "value"), tuple(rows)))
