"""Options of a job that no other folder has: how data are read and split, and what the report shows."""

from dataclasses import dataclass
from typing import Literal

from hybridff.analysis.methods import check_method_names
from hybridff.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How to read reference data."""

    length_unit: str | None = None
    """Unit of positions where the file names none: angstrom, bohr, nm."""

    energy_unit: str | None = None
    """Unit of energies where the file names none: kcal/mol, kJ/mol, eV, hartree."""

    force_unit: str | None = None
    """Unit of forces if not energy/length: hartree/bohr, say."""

    keep_bond_changes: bool = False
    """Use frames whose bonds differ from the molecule's; they are left out otherwise."""

    max_energy: float | None = None
    """Leave out frames whose energy is further above the lowest frame's [kcal/mol]."""

    trust_data: bool = False
    """Go on when units, sign of the forces or order of atoms look wrong."""

    def __post_init__(self) -> None:
        if self.max_energy is not None and not self.max_energy > 0:
            raise InputError(f"option max_energy has to be a positive number, not {self.max_energy}.")


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Which frames train, choose and test."""

    train: int | None = None
    """Training frames of each molecule; 80 % if not given."""

    validation: int | None = None
    """Validation frames of each molecule; 10 % if not given."""

    seed: int = 0
    """Seed of the random split."""

    def __post_init__(self) -> None:
        limits = {"train": 2, "validation": 0, "seed": 0}
        for name, lowest in limits.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise InputError(f"option {name} has to be at least {lowest}, not {value}.")


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
        check_method_names(self.compare)
