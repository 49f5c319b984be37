"""``hybridff label``: reference data by a level of theory."""

import signal
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.cli.common import Flat
from hybridff.cli.terminal import progress, say
from hybridff.reference.levels import KNOWN
from hybridff.workflows.labelling import LabelOptions, label_frames

Flat(LabelOptions)


def label(
    frames: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    level: Annotated[str, Parameter(help=f"Level of theory: {KNOWN}.")],
    out: Annotated[Path, Parameter(help="Folder of labels; made, or added to where it has labels of the same level.")],
    options: Annotated[LabelOptions | None, Flat] = None,
) -> None:
    """Energies and forces of geometries at a level of theory, into a folder that fit reads.

    What is done is kept, whatever ends the command: the same command goes on, and several may run at once. Exits with
    code 1 where frames have no label.

    Parameters
    ----------
    frames
        Geometries of one molecule: npz, SDF with conformers, extended XYZ, or any file that ASE reads.
    """
    try:
        with progress("labels") as advance:
            found = label_frames(frames, level, out, options, say=say, progress=advance)
    except KeyboardInterrupt as stop:
        say(f"interrupted; labels that are done are kept in {out}: the same command goes on.")
        raise SystemExit(128 + (stop.args[0] if stop.args else signal.SIGINT)) from None
    say(found.sentence)
    if found.failures:
        raise SystemExit(1)
