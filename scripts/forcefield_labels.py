"""Labels of the shipped force fields, computed where they are missing and kept beside them."""

from collections.abc import Sequence
from pathlib import Path

from common import say, write_arrays

import hybridff as hf
from hybridff.sampling.kinds import Kind

LEVEL = "pbe-d3bj/def2-svp"
BUNDLED = ("ethanol", "methoxymethylacetamide")
"""The package has their labels."""
MADE = {"N-methylacetamide": ("CC(=O)NC", 30), "aspirin": ("CC(=O)Oc1ccccc1C(=O)O", 60)}
"""SMILES, and labels at most, those of the test among them."""
ALKANES: dict[str, tuple[str, int, tuple[Kind, ...]]] = {
    "butane": ("CCCC", 60, ("conformers", "torsions", "dynamics")),
    "pentane": ("CCCCC", 10, ("dynamics",)),
}
"""SMILES, geometries and how they are sampled."""


def chosen_labels(name: str, path: Path, work: Path) -> tuple[int, str]:
    """Have labels in a file that ``make`` chose, its test last; returns the number of these, and the command."""
    smiles, budget = MADE[name]
    job, how = hf.MakeJob.of(budget=budget), f'hybridff make "{smiles}" --level {LEVEL} --budget {budget}'
    if not path.is_file():
        hf.make_force_field(smiles, LEVEL, work / name, job, say=say)
        _keep(name, [work / name / "labels", work / name / "test"], path, how)
    return job.choosing.n_test, how


def sampled_labels(name: str, path: Path, work: Path) -> str:
    """Have labels of sampled geometries in a file; returns the commands."""
    smiles, n_frames, kinds = ALKANES[name]
    how = f"hybridff sample {smiles} --frames {n_frames} --by {' '.join(kinds)}; hybridff label --level {LEVEL}"
    if not path.is_file():
        geometries, work = work / f"{name}.xyz", work / name
        if not geometries.is_file():
            geometries.parent.mkdir(parents=True, exist_ok=True)
            hf.sample_frames(smiles, "gaff", geometries, hf.SampleOptions(by=kinds, frames=n_frames), say=say)
        hf.label_frames(geometries, LEVEL, work, say=say)
        _keep(name, [work], path, how)
    return how


def _keep(name: str, folders: Sequence[Path], path: Path, how: str) -> None:
    """Write labels of some folders, one after the other, as a file of data that says how they were made."""
    write_arrays(path, **{**hf.read_frames(folders).arrays(), "name": name, "source": how, "license": "CC0-1.0"})
