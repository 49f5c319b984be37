"""``hybridff sample``: geometries of a molecule without data."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.cli.common import Flat
from hybridff.cli.terminal import progress, say
from hybridff.workflows.samplers import STOCK
from hybridff.workflows.sampling import SampleOptions, sample_frames

Parameter(name="*", negative_iterable=(), consume_multiple=True)(SampleOptions)


def sample(
    molecule: str,
    /,
    *,
    method: Annotated[
        str,
        Parameter(
            name="--with",
            help="What samples: gaff (stock), the folder of a model, or the name of a level as for label.",
        ),
    ] = STOCK,
    out: Annotated[Path, Parameter(help="File for the geometries, .xyz (extended) or .npz, which label reads.")],
    options: Annotated[SampleOptions | None, Flat] = None,
) -> None:
    """Geometries of a molecule without data: conformers, driven torsions, normal modes, metadynamics, dynamics.

    What has lost or formed a bond is left out. The same command gives the same geometries.

    Parameters
    ----------
    molecule
        A SMILES, or an SDF, MOL2 or prmtop file; FILE.sdf:2 is the second molecule of a file of several.
    """
    with progress("sampling") as advance:
        found = sample_frames(molecule, method, out, options, say=say, progress=advance)
    say(found.sentence)
