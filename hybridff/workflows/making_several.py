"""Force fields of many molecules, each made in its folder; what fails is a row of the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybridff.document.blocks import Table
from hybridff.errors import HybridFFError, InputError
from hybridff.making.job import MakeJob
from hybridff.making.summary import HEADER, Summary
from hybridff.molecules.lists import Listed, listed_molecules
from hybridff.output import new_file
from hybridff.progress import Progress, Say, parts, quiet, silent
from hybridff.workflows.making import make_force_field

TABLE = "molecules.csv"
"""Name of the file of the table."""


@dataclass(frozen=True)
class MadeSeveral:
    """What has become of many molecules."""

    folder: Path
    """Folder with one folder for each molecule."""
    found: tuple[tuple[str, Summary | str], ...]
    """Name of each molecule, with what was made in numbers, or why nothing was."""

    @property
    def failures(self) -> tuple[str, ...]:
        """Names of the molecules of which nothing was made."""
        return tuple(name for name, own in self.found if isinstance(own, str))

    def table(self) -> Table:
        """A row for each molecule."""
        none = ("",) * (len(HEADER) - 1)
        rows = [(name, *none, own) if isinstance(own, str) else (name, *own.cells[1:], "") for name, own in self.found]
        return Table((*HEADER, "failure"), tuple(rows))


def make_force_fields(
    molecules: str | Path | Sequence[Listed],
    level: str,
    out: str | Path,
    job: MakeJob | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> MadeSeveral:
    """Make a force field of each molecule of a file, as ``make_force_field`` does, in a folder of its name.

    The file has a SMILES on each line, and a name behind it, or is an SDF file of several records. One molecule that
    fails does not stop the others. Raises ``InputError`` for a file of another kind.
    """
    job = job or MakeJob()
    listed = listed_molecules(str(molecules)) if isinstance(molecules, str | Path) else list(molecules)
    if listed is None:
        raise InputError(f"{molecules} is no file of several molecules: give SMILES line by line as .smi, or an SDF.")
    if not listed:
        raise InputError(f"{molecules} holds no molecule.")
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {out} ({error.strerror}); choose another place.") from None
    found = {own.name: _known(Path(out) / own.name) for own in listed}
    for own, share in zip(listed, parts(progress, [1] * len(listed)), strict=True):
        try:
            made = make_force_field(own.read(), level, Path(out) / own.name, job, say=say, progress=share)
            found[own.name] = made.summary
            say(made.summary.sentence)
        except HybridFFError as error:
            found[own.name] = str(error)
            say(f"{own.name}: {error}")
        except Exception as error:  # noqa: BLE001 (whatever a program makes of a molecule, it does not stop the others)
            found[own.name] = f"{type(error).__name__}: {error}"
            say(f"{own.name}: {found[own.name]}")
        whole = MadeSeveral(Path(out), tuple(found.items()))
        with new_file(Path(out) / TABLE) as part:
            part.write_text(whole.table().csv(), encoding="utf-8")
    return whole


def _known(folder: Path) -> Summary | str:
    """What an earlier call made in a folder."""
    try:
        return Summary.read(folder) or "not begun"
    except InputError as error:
        return str(error)
