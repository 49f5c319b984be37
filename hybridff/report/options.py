"""Options of a report: the argument in Python, the table in a TOML file and the flags on the command line."""

from dataclasses import dataclass
from typing import Literal

from hybridff.comparison.run import check_names


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report holds."""

    report: Literal["full", "brief"] = "full"
    """What report.html shows: full also has torsion scans, frequencies, free energies and speed, which take up to half
    a minute; brief leaves out what has to be computed after the fit."""

    compare: tuple[str, ...] = ()
    """Methods beside which the report shows the model: stock, mmff94, gfn2-xtb, sgdml … as in hybridff compare. Give it
    several times for several."""

    learning_curve: bool = False
    """Fit again to 1/8, 1/4 and 1/2 of the training frames, without the stability gate, to show what more frames would
    be worth."""

    def __post_init__(self) -> None:
        check_names(self.compare)
