"""The command line: each command reads, calls the library once, and writes."""

import json
import signal
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import numpy as np
import openmm
from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Toml
from openmm import unit

from hybridff import cli_landscape, cli_sampling  # noqa: F401 (they add commands to analyse)
from hybridff.analysis.errors import evaluate as evaluate_model
from hybridff.cli_analyse import analyse
from hybridff.cli_compare import compare
from hybridff.correct import CorrectionOptions
from hybridff.dataset import Frames
from hybridff.document import Document
from hybridff.errors import HybridFFError, InputError
from hybridff.export import RouteOption, best_route, to_openmm, write_structure, write_system
from hybridff.fit.options import FitOptions
from hybridff.fit.posterior import POSTERIOR, Posterior, predicted_errors
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import FormOptions
from hybridff.gate import StabilityOptions, stability
from hybridff.modelfile import SavedModel, read_model, write_model
from hybridff.molecule import Molecule
from hybridff.openmm_files import read_structure, read_system
from hybridff.output import check_new_file, check_new_folder, new_file, new_folder
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
from hybridff.simulate import SimulationOptions, SimulationResult, get_platform
from hybridff.simulate import simulate as run_simulation
from hybridff.stable import GateOptions
from hybridff.start import PRMTOP_SUFFIXES, StartOptions
from hybridff.systems.engines import files_for_engine, write_files
from hybridff.systems.matching import check_different, find_copies
from hybridff.systems.mixed import add_hybrid
from hybridff.terminal import console, error_console, progress, say, show
from hybridff.units import KCAL_MOL
from hybridff.verify import Comparison, openmm_energies_forces, verify_system
from hybridff.verify import verify as verify_model
from hybridff.workflow import (
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
from hybridff.workflow import parametrize as make_stock

app = App(
    name="hybridff",
    help="Force fields refit to quantum-chemical energies and forces, for OpenMM.",
    version=version("hybridff"),
    help_format="markdown",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)
app.meta.suppress_keyboard_interrupt = False

Flat = Parameter(name="*")
Out = Annotated[Path, Parameter(help="Folder for the results; made by the command.")]
Overwrite = Annotated[bool, Parameter(help="Replace the folder if it exists.", negative="")]
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


@app.command
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


@app.command
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


@app.command
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


@app.command
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


@app.command
def export(
    model: Path,
    /,
    *,
    system: Annotated[Path | None, Parameter(help="File for the OpenMM System, as XML.")] = None,
    structure: Annotated[Path | None, Parameter(help="File for the structure, .pdb or .cif.")] = None,
    amber: Annotated[Path | None, Parameter(help="File for AMBER, .prmtop; coordinates go beside it.")] = None,
    gromacs: Annotated[Path | None, Parameter(help="File for GROMACS, .top; coordinates go beside it.")] = None,
    ffxml: Annotated[
        Path | None, Parameter(help="File for OpenMM's ForceField, .xml, which needs no hybridff.")
    ] = None,
) -> None:
    """Write a model as an ordinary OpenMM System, or for AMBER, GROMACS, OpenMM's ForceField what these can express."""
    force_field = read_model(model).force_field
    if system is None and amber is None and gromacs is None and ffxml is None:
        raise InputError("name a file to write: --system, --amber, --gromacs or --ffxml.")
    named = [path for path in (system, structure, amber, gromacs, ffxml) if path is not None]
    if len({path.absolute() for path in named}) < len(named):
        raise InputError("two files have the same name; give each a name of its own.")
    for option, path, suffix in (("amber", amber, ".prmtop"), ("gromacs", gromacs, ".top"), ("ffxml", ffxml, ".xml")):
        if path is not None and path.suffix != suffix:
            raise InputError(f"the name after --{option} has to end in {suffix}, and {path} does not.")
    if system is not None:
        check_new_file(system)
    engines: dict[Path, bytes] = {}
    for path in (amber, gromacs, ffxml):
        if path is not None:
            engines |= files_for_engine(force_field, _positions(force_field.molecule), path)
    # all that can be refused was, but for the structure, which comes first
    if structure is not None:
        write_structure(force_field.molecule, _positions(force_field.molecule), structure)
    written = [*write_files(engines), *([] if structure is None else [structure])]
    if system is not None:
        write_system(to_openmm(force_field), system)
        written.append(system)
    say(f"Written: {', '.join(map(str, written))}.")


@app.command
def mix(
    system: Path,
    structure: Path,
    models: list[Path],
    /,
    *,
    out: Annotated[Path, Parameter(help="File for the new System, as XML.")],
    interpolate: Annotated[
        str | None, Parameter(help="Name of a parameter that goes from the old energy, 0, to the models', 1.")
    ] = None,
) -> None:
    """Replace the energy inside molecules of an OpenMM System by that of fitted models.

    SYSTEM is the XML of any System, STRUCTURE its .pdb or .cif file with bonds, MODELS are folders. Every copy of the
    models' molecules is replaced; energies between molecules stay what they were.
    """
    check_new_file(out)
    for path in (system, structure):
        if path.exists() and out.exists() and out.samefile(path):
            raise InputError(f"{out} is also what is read; give another name to what is written.")
    read = read_structure(structure)
    old, positions = read_system(system), np.array(read.positions.value_in_unit(unit.nanometer))
    force_fields = [read_model(model).force_field for model in models]
    check_different(force_fields)
    box = read.topology.getPeriodicBoxVectors()
    box = None if box is None else box.value_in_unit(unit.nanometer)
    new = old
    for force_field in force_fields:
        new = add_hybrid(new, read.topology, force_field, positions=positions, interpolate=interpolate)
    try:
        before, after = (float(openmm_energies_forces(own, positions[None], box=box)[0][0]) for own in (old, new))
    except openmm.OpenMMException as error:
        reason = str(error).rstrip(".")
        raise InputError(f"OpenMM has no energy for {structure} ({reason}); give it the box of the System.") from None
    for force_field in force_fields:
        copies = len(find_copies(force_field, read.topology, positions=positions))
        say(f"{force_field.molecule.name}: {copies} {'copy' if copies == 1 else 'copies'}.")
    say(f"Energy of the structure: {before / KCAL_MOL:.2f} kcal/mol before, {after / KCAL_MOL:.2f} now.")
    agree = _table(verify_system(new, positions, box))
    write_system(new, out)
    say(f"Written: {out}.")
    if not agree:
        raise SystemExit(1)


@app.command
def simulate(
    model: Path,
    /,
    *,
    temperature: Annotated[float, Parameter(help="Temperature in K.")],
    time: Annotated[str, Parameter(help='Length, such as "10 ps".')],
    out: Out,
    platform: Annotated[
        str, Parameter(help="OpenMM platform; Reference is fastest for one small molecule.")
    ] = "Reference",
    route: Annotated[
        RouteOption,
        Parameter(help="Forces of OpenMM's own, or a compiled function; auto takes the faster one."),
    ] = "auto",
    overwrite: Overwrite = False,
    options: Annotated[SimulationOptions | None, Flat] = None,
) -> None:
    """Minimise, then run dynamics of the isolated molecule."""
    check_new_folder(out, overwrite=overwrite)
    saved = read_model(model)
    get_platform(platform)
    with new_folder(out, overwrite=overwrite) as folder:
        result = _simulate(saved, folder, temperature, time, platform, options, route)
    for sentence in simulation_section(result, temperature, platform).sentences:
        say(sentence)
    say(f"Written to {out}.")


@app.command
def verify(
    model: Path,
    /,
    *,
    dynamics: Annotated[
        bool, Parameter(help="Look for holes too: hot dynamics, quenches of it, and scans.", negative="")
    ] = False,
    options: Annotated[StabilityOptions | None, Flat] = None,
) -> None:
    """Compare torch with every OpenMM platform present, and forces with energy differences.

    Exits with code 1 if they differ, or if the force field is not stable.
    """
    if options is not None and not dynamics:
        raise InputError("options of the dynamics mean nothing without it; add --dynamics.")
    force_field = read_model(model).force_field
    agree = _compare(force_field)
    if dynamics:
        with progress("stability") as advance:
            report = stability(force_field, options, advance)
        for sentence in report.sentences():
            say(sentence)
        agree = agree and report.passed
    if not agree:
        raise SystemExit(1)


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


def _compare(force_field: ForceField) -> bool:
    """Print how far the routes agree; whether they all do."""
    return _table(verify_model(force_field))


def _table(comparisons: Sequence[Comparison]) -> bool:
    say(f"{'largest relative deviation':44s} {'energy':>9s} {'force':>9s} {'allowed':>9s}")
    for item in comparisons:
        energy = "–" if item.energy is None else f"{item.energy:.1e}"
        verdict = "agrees" if item.passed else "DIFFERS"
        say(f"{item.name:44s} {energy:>9s} {item.force:9.1e} {item.tolerance:9.1e}  {verdict}")
    return all(item.passed for item in comparisons)


@app.command
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
            result = _simulate(item.model, place, 300.0, "10 ps", "Reference", None)
            request = Request("fit", (path,), (report,), {"out": out / place.name})
            (document,) = _fit_documents([item], request, report)
            document = replace(document, sections=(*document.sections, simulation_section(result, 300.0, "Reference")))
            _write_fit(item, document, place)
            show(replace(document, sections=(document.sections[0], document.sections[-1])))
    say(f"Written to {out}: open report.html in each of its folders.")


app.command(analyse)
app.command(compare)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[Path | None, Parameter(help="TOML file with a table of options for each command.")] = None,
) -> None:
    if config is not None:
        _check_toml(config)
    app.config = () if config is None else (Toml(config),)
    app(tokens)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's error is one sentence and exit code 2; 130 and 143 are an interruption and a kill.

    ``arguments`` are those of the command line, if not given.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app.meta(sys.argv[1:] if arguments is None else arguments)
    except HybridFFError as error:
        _fail(str(error), 2)
    except CycloptsError as error:
        command = " ".join(["hybridff", *(error.command_chain or ())])
        _fail(f"{' '.join(str(error).split())} See '{command} --help'.", 2)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        _fail("interrupted; nothing was written.", 128 + number)


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


def _fail(sentence: str, code: int) -> None:
    error_console.print(f"hybridff: {sentence}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _check_toml(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no TOML file {path}; give --config an existing one.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is no TOML file: {error}; correct it.") from None
    commands = [name for name in app if not name.startswith("-")]
    for name, value in content.items():
        if not isinstance(value, dict):
            raise InputError(
                f"{path}: the option {name} stands in no table; write it below the name of its command, such as [fit]."
            )
        if name not in commands:
            raise InputError(f"{path}: [{name}] is no command; known are {', '.join(commands)}.")


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

        def judged(fraction: float) -> None:
            advance(fraction, "kernels")

        return fit_data(
            data, start, split, form, options, visited, say, sources, gate, corrections or (), kernels, judged
        )


def _simulate(
    saved: SavedModel,
    folder: Path,
    temperature: float,
    duration: str,
    platform: str,
    options: SimulationOptions | None,
    route: RouteOption = "auto",
) -> SimulationResult:
    force_field = saved.force_field
    if options is not None and options.stop_beyond is not None and not force_field.corrections:
        raise InputError(
            "option stop_beyond: a model without corrections does not know its training data; leave it out."
        )
    chosen = best_route(force_field, platform) if route == "auto" else route
    with progress("dynamics") as advance:
        return run_simulation(
            to_openmm(force_field, chosen),
            force_field.molecule.to_openmm_topology(),
            _positions(force_field.molecule),
            folder,
            temperature=temperature,
            duration=duration,
            platform=platform,
            options=options,
            progress=advance,
            distance=force_field.distance if force_field.corrections else None,
        )


def _positions(molecule: Molecule) -> np.ndarray:
    placed = molecule.placed()
    assert placed.positions is not None
    return placed.positions


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
