"""Options of a report: the argument in Python, the table in a TOML file and the flags on the command line."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report holds."""

    report: Literal["full", "brief"] = "full"
    """What report.html shows: full also has torsion scans, frequencies, free energies and speed, which take up to half
    a minute; brief leaves out what has to be computed after the fit."""

    learning_curve: bool = False
    """Fit again to 1/8, 1/4 and 1/2 of the training frames, without the stability gate, to show what more frames would
    be worth."""
