"""Commands that make force fields and judge them: parametrize, fit, apply, correct, evaluate, demo."""

import json
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.cli.common import Flat, Out, Overwrite
from hybridff.cli.openmm_commands import run
from hybridff.cli.terminal import console, progress, say, show
from hybridff.gaff.start import StartOptions
from hybridff.jobs.job import CorrectionJob, FitJob
from hybridff.jobs.options import DataOptions, ReportOptions
from hybridff.jobs.parameter_sets import apply_parameter_set
from hybridff.jobs.set_files import SET
from hybridff.jobs.stock import parametrize as make_stock
from hybridff.output import check_new_file, check_new_folder, new_file, new_folder
from hybridff.report.documents import simulation_section, stock_document
from hybridff.report.fitted_parameters import PARAMETERS
from hybridff.workflows.corrections import correct_model
from hybridff.workflows.evaluations import evaluate_model
from hybridff.workflows.fits import FitRun, fit_molecule, write_fitted
from hybridff.workflows.folder import write_documented
from hybridff.workflows.parameter_sets import write_applied


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
        SMILES, or an SDF, MOL2 or prmtop file; FILE.sdf:2 is the second molecule of a file of several.
    """
    check_new_folder(out, overwrite=overwrite, read=[molecule, *(start.files if start else ())])
    with console.status("charges and atom types …"):
        model = make_stock(molecule, start, say=say)
    document = stock_document(model)
    with new_folder(out, overwrite=overwrite) as folder:
        write_documented(model, document, folder)
    show(document)
    say(f"Written to {out}.")


def fit(
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    out: Out,
    overwrite: Overwrite = False,
    job: Annotated[FitJob | None, Flat] = None,
) -> None:
    """Refit a force field to reference energies and forces, and show the errors before and after.

    Parameters
    ----------
    data
        npz, extended XYZ, or any file that ASE reads; several of one molecule, or of several molecules fitted at once.
    """
    check_new_folder(out, overwrite=overwrite, read=[*data, *_read_beside(job or FitJob())])
    with progress("fit") as advance:
        found = fit_molecule(data, job, say=say, progress=advance)
    with progress("report") as advance:
        documents = found.write(out, overwrite=overwrite, progress=advance)
    _say_of_posterior(found)
    for document in documents:
        show(document.without("Provenance", "Data"))
    also = f", and the parameter set {SET} of all" if found.makes_set else ""
    say(f"Written to {out}: model.json, summary.md, report.html, {PARAMETERS}{also}.")


def apply(
    parameter_set: Path,
    molecule: str,
    /,
    *,
    out: Out,
    overwrite: Overwrite = False,
    keep_posterior: Annotated[bool, Parameter(negative="")] = False,
    start: Annotated[StartOptions | None, Flat] = None,
) -> None:
    """Make a model of a molecule without data by a parameter set.

    Parameters
    ----------
    parameter_set
        Folder that fit --share environment wrote.
    molecule
        SMILES, or an SDF or MOL2 file; FILE.sdf:2 is the second molecule of a file of several.
    keep_posterior
        Write the posterior beside the model, by which evaluate predicts errors.
    """
    check_new_folder(out, overwrite=overwrite, read=[molecule, parameter_set / SET])
    with console.status("charges, atom types and rows …"):
        found = apply_parameter_set(parameter_set, molecule, start, say=say)
    document = write_applied(found, out, keep_posterior=keep_posterior, overwrite=overwrite)
    show(document.without("Provenance"))
    say(f"Written to {out}.")


def correct(
    model: Path,
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    out: Out,
    overwrite: Overwrite = False,
    job: Annotated[CorrectionJob | None, Flat] = None,
) -> None:
    """Add an sGDML kernel on some or all atoms to a model, trained on what its terms leave.

    Parameters
    ----------
    model
        Folder that parametrize or fit wrote. With what fit --keep-posterior leaves there, the terms move too.
    data
        Files of the model's molecule. Where they are those of its fit, the same frames train and test, unless options
        ask for another split.
    """
    check_new_folder(out, overwrite=overwrite, read=data)
    with progress("kernels") as advance:
        found = correct_model(model, data, job or CorrectionJob(), say=say, progress=advance)
    with progress("report") as advance:
        document = found.write(out, overwrite=overwrite, progress=advance)
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
    if json_file is not None:
        check_new_file(json_file)
    result = evaluate_model(model, data, reading, say)
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
    job = FitJob(report=report or ReportOptions(learning_curve=True))
    with new_folder(out, overwrite=overwrite) as folder:
        for resource in sorted(files("hybridff").joinpath("data").iterdir(), key=lambda entry: entry.name):
            if not resource.name.endswith(".npz"):
                continue
            place = folder / Path(resource.name).stem
            place.mkdir()
            with as_file(resource) as path, progress("fit") as advance:
                found = fit_molecule(path, job, say=say, progress=advance)
            result = run(found.model, place, 300.0, "10 ps", "Reference", None)
            with progress("report") as advance:
                (document,) = found.documents(out / place.name, advance)
            document = replace(document, sections=(*document.sections, simulation_section(result, 300.0, "Reference")))
            write_fitted(found.molecules[0], document, place)
            show(replace(document, sections=(document.sections[0], document.sections[-1])))
    say(f"Written to {out}: open report.html in each of its folders.")


def _read_beside(job: FitJob) -> list[str | Path | None]:
    """What a fit reads beside its data."""
    return [job.molecule, *job.start.files, *job.pretraining.files]


def _say_of_posterior(found: FitRun) -> None:
    """Why a posterior that was asked for is not there."""
    if not found.job.keep_posterior:
        return
    if any(item.model.force_field.corrections for item in found.molecules):
        say("Note: the posterior is that of the terms alone, so that with kernels it is not kept.")
    elif any(item.posterior is None for item in found.molecules):
        say("Note: this form is not linear in its parameters, so there is no posterior to keep.")
