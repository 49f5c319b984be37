"""Commands that make force fields and judge them: parametrize, fit, correct, evaluate, demo."""

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.cli.common import Flat, Out, Overwrite
from hybridff.cli.running import run
from hybridff.cli.terminal import console, progress, say, show
from hybridff.document.blocks import Document
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.fitting.options import FitOptions
from hybridff.fitting.posterior import POSTERIOR, Posterior, predicted_errors
from hybridff.frames.accuracy import evaluate as evaluate_model
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import PRMTOP_SUFFIXES, StartOptions
from hybridff.hybrid.options import CorrectionOptions
from hybridff.jobs.fitting import (
    Data,
    DataOptions,
    FittedMolecule,
    SplitOptions,
    correct_model,
    fit_data,
    inputs_of,
    read_data,
    read_timing,
    write_timing,
)
from hybridff.jobs.fitting import parametrize as make_stock
from hybridff.molecules.molecule import Molecule
from hybridff.output import check_new_file, check_new_folder, new_file, new_folder
from hybridff.progress import part
from hybridff.report import (
    ReportOptions,
    Request,
    correction_document,
    correction_extras,
    fit_document,
    fit_extras,
    simulation_section,
    stock_document,
)
from hybridff.report.fitted_parameters import PARAMETERS, parameter_csv
from hybridff.stability.gate import GateOptions

Corrections = Annotated[
    list[str] | None,
    Parameter(
        name="--correction",
        help="Atoms that an sGDML kernel is on: none, all, auto, n-pi-star, or numbers such as 1,2,8. Give it several "
        "times for several kernels.",
        negative="",
    ),
]
Structure = Annotated[str | None, Parameter(help="SMILES, or an SDF, MOL2 or prmtop file; the data's own if left out.")]


def parametrize(
    molecule: str,
    /,
    *,
    out: Out,
    overwrite: Overwrite = False,
    start: Annotated[StartOptions | None, Flat] = None,
) -> None:
    """Make the stock force field of a molecule, without data.

    Parameters
    ----------
    molecule
        SMILES, or an SDF, MOL2 or prmtop file.
    """
    check_new_folder(out, overwrite=overwrite)
    read, own, sources = _molecule(molecule, start or StartOptions())
    with console.status("charges and atom types …"):
        model = make_stock(read, own, sources)
    with new_folder(out, overwrite=overwrite) as folder:
        document = stock_document(model)
        _write(model, document, folder)
    show(document)
    say(f"Written to {out}.")


def fit(
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    out: Out,
    molecule: Structure = None,
    overwrite: Overwrite = False,
    split: Annotated[SplitOptions | None, Flat] = None,
    start: Annotated[StartOptions | None, Flat] = None,
    reading: Annotated[DataOptions | None, Flat] = None,
    form: Annotated[FormOptions | None, Flat] = None,
    options: Annotated[FitOptions | None, Flat] = None,
    gate: Annotated[GateOptions | None, Flat] = None,
    correction: Corrections = None,
    kernels: Annotated[CorrectionOptions | None, Flat] = None,
    keep_posterior: Annotated[
        bool, Parameter(help="Write what the fit is unsure of, so that evaluate predicts errors.", negative="")
    ] = False,
    report: Annotated[ReportOptions | None, Flat] = None,
) -> None:
    """Refit a force field to reference energies and forces, and show the errors before and after.

    Parameters
    ----------
    data
        npz, extended XYZ, or any file that ASE reads; several of one molecule, or of several molecules fitted at once.
    """
    check_new_folder(out, overwrite=overwrite)
    read, start, sources = (None, start, []) if molecule is None else _molecule(molecule, start or StartOptions())
    fitted = _fit(data, read, sources, split, start, reading, form, options, gate, correction, kernels)
    sets = [one for one in (split, start, reading, form, options, gate, kernels, report) if one is not None]
    single = {"molecule": molecule, "correction": correction, "keep_posterior": keep_posterior, "out": out}
    documents = _fit_documents(fitted, Request("fit", tuple(data), tuple(sets), single), report)
    with new_folder(out, overwrite=overwrite) as folder:
        for item, document, name in zip(fitted, documents, _folder_names(fitted), strict=True):
            place = folder / name
            place.mkdir(exist_ok=True)
            _write_fit(item, document, place)
            write_timing(item.seconds, place)
            if keep_posterior and item.posterior is not None and not item.model.force_field.corrections:
                item.posterior.write(place / POSTERIOR)
    if keep_posterior and any(item.model.force_field.corrections for item in fitted):
        say("Note: the posterior is that of the terms alone, so that with kernels it is not kept.")
    elif keep_posterior and any(item.posterior is None for item in fitted):
        say("Note: this form is not linear in its parameters, so there is no posterior to keep.")
    for document in documents:
        show(document.without("Provenance", "Data"))
    say(f"Written to {out}: model.json, summary.md, report.html, {PARAMETERS}.")


def correct(
    model: Path,
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    correction: Corrections,
    out: Out,
    overwrite: Overwrite = False,
    split: Annotated[SplitOptions | None, Flat] = None,
    reading: Annotated[DataOptions | None, Flat] = None,
    gate: Annotated[GateOptions | None, Flat] = None,
    kernels: Annotated[CorrectionOptions | None, Flat] = None,
    alone: Annotated[bool, Parameter(negative="")] = False,
    report: Annotated[ReportOptions | None, Flat] = None,
) -> None:
    """Add an sGDML kernel on some or all atoms to a model, trained on what its terms leave.

    Parameters
    ----------
    model
        Folder that parametrize or fit wrote. With what fit --keep-posterior leaves there, the terms move too.
    data
        Files of the model's molecule. Where they are those of its fit, the same frames train and test, unless options
        ask for another split.
    alone
        Leave the model's terms out: kernels are all there is, as in sGDML.
    """
    check_new_folder(out, overwrite=overwrite)
    saved = read_model(model)
    item = _data_of(saved, data, reading)
    posterior = _posterior_of(saved, model)
    with progress("kernels") as advance:
        corrected = correct_model(saved, item, correction or (), split, gate, say, kernels, posterior, advance, alone)
    sets = [one for one in (split, reading, gate, kernels, report) if one is not None]
    single = {"correction": correction, "alone": alone, "out": out}
    request = Request("correct", (model, *data), tuple(sets), single)
    with progress("report") as advance:
        extras = correction_extras(corrected, request, report, advance, posterior=posterior is not None)
    document = correction_document(corrected, extras)
    with new_folder(out, overwrite=overwrite) as folder:
        _write(corrected.model, document, folder)
        before = 0.0 if alone else read_timing(model)
        if before is not None:
            write_timing(before + corrected.result.seconds, folder)
    show(document)
    say(f"Written to {out}: model.json, summary.md, report.html.")


def evaluate(
    model: Path,
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    json_file: Annotated[Path | None, Parameter(name="--json", help="File for the errors as JSON.")] = None,
    reading: Annotated[DataOptions | None, Flat] = None,
) -> None:
    """Errors of a model against reference data.

    Parameters
    ----------
    model
        Folder that parametrize or fit wrote.
    data
        Files of the model's molecule.
    """
    saved = read_model(model)
    if json_file is not None:
        check_new_file(json_file)
    item = _data_of(saved, data, reading)
    known = inputs_of(saved, item.files)
    if known:
        say(f"Note: the model was fitted to frames of {', '.join(known)}; these errors include them.")
    found = evaluate_model(saved.force_field, item.frames, saved.energy_offset)
    posterior = _posterior_of(saved, model)
    predicted = {} if posterior is None else predicted_errors(posterior, saved.force_field, item.frames)
    result = {
        **found.in_field_units(),
        **predicted,
        **_distances(saved.force_field, item.frames),
        "energy_offset_from": "these frames" if saved.energy_offset is None else "the model's training frames",
    }
    if json_file is not None:
        with new_file(json_file) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        say(f"{name:32s} {value:.4f}" if isinstance(value, float) else f"{name:32s} {value}")


def demo(
    *,
    out: Out = Path("hybridff-demo"),
    overwrite: Overwrite = False,
    report: Annotated[ReportOptions | None, Flat] = None,
) -> None:
    """The main job on the bundled data: fit, report of errors, dynamics with the result."""
    check_new_folder(out, overwrite=overwrite)
    report = report or ReportOptions(learning_curve=True)
    with new_folder(out, overwrite=overwrite) as folder:
        for resource in sorted(files("hybridff").joinpath("data").iterdir(), key=lambda entry: entry.name):
            if not resource.name.endswith(".npz"):
                continue
            with as_file(resource) as path:
                (item,) = _fit([path])
            place = folder / Path(resource.name).stem
            place.mkdir()
            result = run(item.model, place, 300.0, "10 ps", "Reference", None)
            request = Request("fit", (path,), (report,), {"out": out / place.name})
            (document,) = _fit_documents([item], request, report)
            document = replace(document, sections=(*document.sections, simulation_section(result, 300.0, "Reference")))
            _write_fit(item, document, place)
            show(replace(document, sections=(document.sections[0], document.sections[-1])))
    say(f"Written to {out}: open report.html in each of its folders.")


def _data_of(saved: SavedModel, paths: list[Path], reading: DataOptions | None) -> Data:
    """Reference data of a model's molecule, with notes on what is odd about them."""
    (item,) = read_data(paths, saved.force_field.molecule, reading)
    for message in item.report.messages():
        say(f"Note: {message}")
    return item


def _posterior_of(saved: SavedModel, folder: Path) -> Posterior | None:
    """What a fit left beside its model, where it was asked to."""
    path = folder / POSTERIOR
    return Posterior.read(path, len(saved.force_field.parameter_table)) if path.is_file() else None


def _distances(force_field: ForceField, frames: Frames) -> dict[str, float | int]:
    """How far frames are from those that corrections were trained on."""
    if not force_field.corrections:
        return {}
    found = force_field.distance(frames.positions)
    return {
        "mean_distance_from_training": float(found.mean()),
        "largest_distance_from_training": float(found.max()),
        "frames_beyond_distance_1": int((found > 1).sum()),
    }


def _molecule(text: str, start: StartOptions) -> tuple[Molecule, StartOptions, list[Path]]:
    """The molecule, the starting parameters (its own, if it is a prmtop), and the files read."""
    path = Path(text)
    molecule = Molecule.read(text)
    if path.suffix.lower() in PRMTOP_SUFFIXES and start.start is None:
        start = replace(start, start=path)
    return molecule, start, [path] if len(text) < 256 and path.is_file() else []


def _fit(
    paths: list[Path],
    molecule: Molecule | None = None,
    sources: Sequence[Path] = (),
    split: SplitOptions | None = None,
    start: StartOptions | None = None,
    reading: DataOptions | None = None,
    form: FormOptions | None = None,
    options: FitOptions | None = None,
    gate: GateOptions | None = None,
    corrections: Sequence[str] | None = None,
    kernels: CorrectionOptions | None = None,
) -> list[FittedMolecule]:
    data = read_data(paths, molecule, reading)
    for item in data:
        for message in item.report.messages():
            say(f"Note: {item.molecule.name}: {message}")
    with progress("fit") as advance:
        total, done = sum(len(item.frames) for item in data), [0]

        def visited(frames: int) -> None:
            done[0] += frames
            advance(min(1.0, done[0] / total))

        kernel_progress = part(advance, 0, 1, "kernels")
        return fit_data(
            data, start, split, form, options, visited, say, sources, gate, corrections or (), kernels, kernel_progress
        )


def _folder_names(fitted: list[FittedMolecule]) -> list[str]:
    """One molecule goes into the folder itself, several into folders of their names."""
    if len(fitted) == 1:
        return ["."]
    names = ["".join(c if c.isalnum() or c in "-_" else "_" for c in item.data.molecule.name) for item in fitted]
    return [name if names.count(name) == 1 else f"{name}-{i}" for i, name in enumerate(names, start=1)]


def _fit_documents(fitted: list[FittedMolecule], request: Request, report: ReportOptions | None) -> list[Document]:
    """What is said of each molecule of a fit, with all that the page has."""
    with progress("report") as advance:
        extras = fit_extras(fitted, request, report, advance)
    return [fit_document(item, own) for item, own in zip(fitted, extras, strict=True)]


def _write_fit(item: FittedMolecule, document: Document, folder: Path) -> None:
    _write(item.model, document, folder)
    text = parameter_csv(item.result, item.model.force_field)
    (folder / PARAMETERS).write_text(text, encoding="utf-8")


def _write(model: SavedModel, document: Document, folder: Path) -> None:
    write_model(model, folder)
    (folder / "summary.md").write_text(document.markdown(), encoding="utf-8")
    (folder / "report.html").write_text(document.html(), encoding="utf-8")
