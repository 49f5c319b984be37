"""``hybridff compare``: models and other methods side by side."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.analysis.methods import NAMES, STOCK
from hybridff.cli.common import Flat, Out, Overwrite
from hybridff.cli.terminal import progress, say, show
from hybridff.comparison.options import TRAINED, ComparisonOptions, TrainingOptions, read_options
from hybridff.comparison.present import write
from hybridff.comparison.run import ComparisonJob
from hybridff.comparison.run import compare as compare_methods
from hybridff.document.blocks import Document, Section
from hybridff.export.modelfile import FILE_NAME, read_model
from hybridff.jobs.options import DataOptions, SplitOptions
from hybridff.jobs.reading import read_data
from hybridff.output import check_new_folder, new_folder


def compare(
    models: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    data: Annotated[list[Path], Parameter(negative="", consume_multiple=True)],
    out: Out,
    methods: Annotated[
        list[str],
        Parameter(
            name="--with",
            negative="",
            consume_multiple=True,
            help=f"Other methods: {', '.join((*NAMES, *TRAINED))}, model files of the program sgdml (.npz), or "
            "module:Class of any calculator of ASE.",
        ),
    ] = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    options_file: Annotated[
        Path | None, Parameter(name="--options", help="TOML file with a table of options for each method.")
    ] = None,
    overwrite: Overwrite = False,
    split: Annotated[SplitOptions | None, Flat] = None,
    reading: Annotated[DataOptions | None, Flat] = None,
    options: Annotated[ComparisonOptions | None, Flat] = None,
) -> None:
    """Accuracy, training time, speed and stability of models and other methods, in one table and picture.

    Parameters
    ----------
    models
        Folders that fit, correct or parametrize wrote. The frames that trained the first train sgdml, gap and mace too,
        and those that tested it test all.
    data
        Files of reference data, those of the first model's fit.
    """
    check_new_folder(out, overwrite=overwrite, read=[*data, *(model / FILE_NAME for model in models)])
    training = TrainingOptions() if options_file is None else read_options(options_file, methods)
    (item,) = read_data(data, read_model(models[0]).force_field.molecule, reading)
    for message in item.report.messages():
        say(f"Note: {message}")
    with new_folder(out, overwrite=overwrite) as folder, progress("comparison") as advance:
        job = ComparisonJob(methods=methods, split=split, options=options or ComparisonOptions(), training=training)
        comparison = compare_methods(models, item, job, folder=folder / "models", progress=advance)
        write(comparison, folder)
    section = Section("Comparison", (), comparison.table())
    show(Document(comparison.molecule, (section,)))
    for sentence in comparison.sentences():
        say(sentence)
    say(f"Written to {out}: comparison.csv, comparison.json, comparison.png, report.html.")
