"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.fitting.options import FitOptions
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions
from hybridff.hybrid.options import CorrectionOptions
from hybridff.jobs.job import CorrectionJob, FitJob
from hybridff.jobs.options import DataOptions, PretrainOptions, ReportOptions, SplitOptions
from hybridff.stability.gate import GateOptions

Flat = Parameter(name="*")
"""The options of a set are flags of their own, without the set's name."""
Out = Annotated[Path, Parameter(help="Folder for the results; made by the command.")]
Overwrite = Annotated[bool, Parameter(help="Replace the folder if it exists.", negative="")]

for _kind in (
    SplitOptions,
    StartOptions,
    DataOptions,
    FormOptions,
    FitOptions,
    GateOptions,
    CorrectionOptions,
    PretrainOptions,
):
    Flat(_kind)
Flat(ReportOptions)
for _job in (FitJob, CorrectionJob):
    Parameter(name="*", negative_iterable=())(_job)
