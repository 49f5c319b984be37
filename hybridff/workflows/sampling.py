"""Sampling a molecule without data: from a SMILES or a structure file to a file of geometries that labelling reads."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from hybridff.errors import InputError
from hybridff.export.dynamics import parse_time
from hybridff.frames.geometry_files import check_suffix, write_geometries
from hybridff.gaff.start import DEFAULT_CHARGES
from hybridff.molecules.molecule import Molecule
from hybridff.output import check_new_file
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.sampling.kinds import ORDER, Kind, Sampled, Wanted, sampled
from hybridff.workflows.samplers import AskedSampler, sampler_of

_GATE = 0.2
"""Share of the progress that the gate takes."""


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """How a molecule is sampled."""

    frames: int = 100
    """Number of geometries; some less where bonds break."""

    by: tuple[Kind, ...] = ("conformers", "torsions", "modes", "dynamics")
    """Kinds of sampling, each with an equal share of the geometries: conformers (embedded, relaxed), torsions (driven,
    one and two at a time), modes (along normal modes), metadynamics (on torsions), dynamics."""

    temperature: tuple[float, ...] = (300.0, 600.0)
    """Temperatures of dynamics and normal modes [K]; metadynamics run at the lowest."""

    solvent: str = "auto"
    """Solvent against the collapse of ions and zwitterions, such as water: ALPB for xTB, scaled charges for force
    fields. auto is water where there are ions, and none elsewhere; none is vacuum."""

    charge_scale: float = 0.25
    """What charges of force fields are multiplied with in a solvent."""

    charges: str = DEFAULT_CHARGES
    """Partial charges of gaff: resp (HF/6-31G*), am1bcc, or a file with one charge per line or a MOL2."""

    step: str = "1 fs"
    """Time step of dynamics."""

    spacing: str = "0.2 ps"
    """Time between two geometries of dynamics."""

    options: Path | None = None
    """TOML file with a table of options for the level module:Class."""

    check: bool = True
    """Whether a fitted model has to pass the short stability gate before it samples."""

    seed: int = 0
    """Seed of everything."""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise InputError(f"option frames has to be at least 1, not {self.frames}.")
        unknown = [kind for kind in self.by if kind not in get_args(Kind)]
        if unknown or not self.by:
            raise InputError(f"option by has to be of {', '.join(ORDER)}, not {', '.join(unknown) or 'nothing'}.")
        if not self.temperature or not all(0 < kelvin < math.inf for kelvin in self.temperature):
            raise InputError(f"option temperature has to be of positive numbers, not {self.temperature}.")
        if not 0 < self.charge_scale <= 1:
            raise InputError(f"option charge_scale has to be above 0 and at most 1, not {self.charge_scale:g}.")
        if not 0 <= self.seed < 2**30:
            raise InputError(f"option seed has to be from 0 to {2**30 - 1}, not {self.seed}.")
        if parse_time(self.spacing, "the spacing") < parse_time(self.step, "the step"):
            raise InputError(f"a geometry every {self.spacing} does not go with steps of {self.step}.")


@dataclass(frozen=True, eq=False)
class SampleRun:
    """What was sampled."""

    path: Path
    """The file."""
    molecule: Molecule
    """The molecule, in the order of its atoms in the file."""
    method: str
    """The method in words."""
    samples: tuple[Sampled, ...]
    """Geometries by kind and temperature, in the order of the file."""

    @property
    def sentence(self) -> str:
        """What was made."""
        counts = Counter[str]()
        for own in self.samples:
            at = "" if own.temperature is None else f" at {own.temperature:g} K"
            counts[f"{own.kind}{at}"] += len(own.positions)
        made = ", ".join(f"{number} {name}" for name, number in counts.items())
        return f"{self.path}: {counts.total()} geometries of {self.molecule.name} by {self.method}: {made}."


def sample_frames(
    molecule: str | Path | Molecule,
    method: str,
    out: str | Path,
    options: SampleOptions | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> SampleRun:
    """Sample a molecule, as ``hybridff sample`` does, into a file of geometries that ``label_frames`` reads.

    ``molecule`` is a SMILES, the name of an SDF, MOL2 or prmtop file, or was read already; ``method`` is ``gaff``, the
    folder of a model, whose order of atoms the geometries have, or the name of a level such as ``gfn2-xtb``. ``out``
    ends in .npz, .xyz or .extxyz, and is written whole or not at all. The same for a seed. ``say`` is told what a user
    should know, ``progress`` how far the work is.

    Raises ``InputError`` for what cannot be used, for a model that fails the gate and where no geometry keeps the bonds
    of the molecule; ``MissingProgramError`` without the program of a level.
    """
    options, out = options or SampleOptions(), Path(out)
    check_suffix(out)
    check_new_file(out)
    asked = AskedSampler(
        method=method,
        solvent=options.solvent,
        charge_scale=options.charge_scale,
        charges=options.charges,
        options=options.options,
        check=options.check,
    )
    own = sampler_of(molecule, asked, say, part(progress, 0.0, _GATE, "stability"))
    say(f"{own.molecule.name} by {own.words} …")
    wanted = Wanted(
        frames=options.frames,
        kinds=options.by,
        temperatures=tuple(dict.fromkeys(options.temperature)),
        charged=not own.screened,
        step=parse_time(options.step, "the step"),
        apart=parse_time(options.spacing, "the spacing"),
        seed=options.seed,
    )
    found = sampled(own.molecule, own.calculator, wanted, say, part(progress, _GATE, 1.0))
    if not found:
        raise InputError(f"no geometry of {own.molecule.name} was made; ask for other kinds with option by.")
    origins = [(some.kind, some.temperature) for some in found for _ in some.positions]
    write_geometries(out, own.molecule, np.concatenate([some.positions for some in found]), origins)
    return SampleRun(out, own.molecule, own.words, tuple(found))
