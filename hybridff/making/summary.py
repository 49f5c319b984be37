"""What was made of a molecule, in numbers that a file keeps and tables show."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hybridff.errors import InputError
from hybridff.foreign import read_json
from hybridff.making.rounds import of_kind
from hybridff.output import new_file
from hybridff.units import FORCE_KCAL, KCAL_MOL

FILE_NAME = "made.json"
"""Name of the file of the numbers, beside the model."""
HEADER = (
    "molecule",
    "labels",
    "force error predicted / actual [kcal/mol/Å]",
    "energy error predicted / actual [kcal/mol]",
    "stability",
    "labels [s]",
    "rest [s]",
)
"""Columns of a table of several molecules."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What was made, in numbers."""

    name: str
    """Name of the molecule."""
    rounds: int
    """Rounds of choosing, labelling and fitting."""
    n_train: int
    """Labels of the fit."""
    n_test: int
    """Labels of the test."""
    predicted_force: float
    """Force error predicted of the test frames, of dynamics at 300 K (RMSE of components) [kJ/mol/nm]."""
    actual_force: float
    """The force error that they have [kJ/mol/nm]."""
    predicted_energy: float
    """Energy error predicted of them (RMSE) [kJ/mol]."""
    actual_energy: float
    """The energy error that they have, less the constant of the training frames [kJ/mol]."""
    stable: bool | None
    """Whether the fit passed the stability gate; None without one."""
    label_seconds: float
    """Time of the labels, added up over processes [s]."""
    wall_seconds: float
    """Time that the labels took by the clock [s]."""
    other_seconds: float
    """Time of all else [s]."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table under ``HEADER``."""
        return (
            self.name,
            f"{self.n_train} + {self.n_test}",
            f"{self.predicted_force / FORCE_KCAL:.2f} / {self.actual_force / FORCE_KCAL:.2f}",
            f"{self.predicted_energy / KCAL_MOL:.2f} / {self.actual_energy / KCAL_MOL:.2f}",
            {True: "stable", False: "not stable", None: "not tested"}[self.stable],
            f"{self.wall_seconds:.0f}",
            f"{self.other_seconds:.0f}",
        )

    @property
    def sentence(self) -> str:
        """The outcome in a line."""
        return (
            f"{self.name}: {self.n_train} labels and {self.n_test} of the test; force error at 300 K predicted "
            f"{self.predicted_force / FORCE_KCAL:.2f}, actual {self.actual_force / FORCE_KCAL:.2f} kcal/mol/Å; energy "
            f"error predicted {self.predicted_energy / KCAL_MOL:.2f}, actual {self.actual_energy / KCAL_MOL:.2f} "
            f"kcal/mol; labels {self.wall_seconds:.0f} s, the rest {self.other_seconds:.0f} s."
        )

    def write(self, folder: Path) -> None:
        """Write the numbers into a folder."""
        with new_file(folder / FILE_NAME) as part:
            part.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Summary | None":
        """The numbers of a folder, None where there are none; raises ``InputError`` for a damaged file."""
        path = folder / FILE_NAME
        if not path.is_file():
            return None
        found = read_json(path, "the numbers of a force field that was made", "remove it, and make it again")
        try:
            return cls(**{own.name: of_kind(found[own.name], own.type) for own in fields(cls)})
        except (KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({error}); remove it, and make the force field again.") from None
