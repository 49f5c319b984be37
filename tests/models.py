"""Small force fields for tests: GAFF's tables on atom types given by hand, so that no program is needed."""

from functools import cache

import numpy as np
import torch

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.fitting.related_priors import SHARES
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.assign import class_one
from hybridff.gaff.classone import (
    AngleParameters,
    BondParameters,
    ClassOneParameters,
    NonbondedParameters,
    TorsionParameters,
)
from hybridff.gaff.environments import levels_of
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form, Share
from hybridff.gaff.table import gaff_table
from hybridff.jobs.set_files import SavedSet
from hybridff.molecules.molecule import Molecule

# SMILES, GAFF types and charges [e], hydrogens in RDKit's order.
_EXAMPLES: dict[str, tuple[str, str, list[float]]] = {
    "ethanol": (
        "CCO",
        "c3 c3 oh hc hc hc h1 h1 ho",
        [-0.15, 0.14, -0.60, 0.045, 0.045, 0.045, 0.045, 0.045, 0.385],
    ),
    "reversed ethanol": (
        "OCC",
        "oh c3 c3 ho h1 h1 hc hc hc",
        [-0.60, 0.14, -0.15, 0.385, 0.045, 0.045, 0.045, 0.045, 0.045],
    ),
    "propane": ("CCC", "c3 c3 c3 hc hc hc hc hc hc hc hc", [-0.09, -0.1, -0.09, *[0.035] * 8]),
    "acetaldehyde": (
        "CC=O",
        "c3 c o hc hc hc h4",
        [-0.22, 0.56, -0.52, 0.06, 0.06, 0.06, 0.0],
    ),  # improper, neutral atom
    "propyne": ("CC#C", "c3 c1 c1 hc hc hc ha", [-0.2, 0.05, -0.3, 0.07, 0.07, 0.07, 0.24]),  # two linear angles
    "benzene": ("c1ccccc1", "ca ca ca ca ca ca ha ha ha ha ha ha", [-0.13] * 6 + [0.13] * 6),
}
EXAMPLES = tuple(_EXAMPLES)


@cache
def molecule(name: str) -> Molecule:
    """A molecule with the same geometry in every run."""
    return Molecule.from_smiles(_EXAMPLES[name][0], name).with_embedded_positions(seed=1)


@cache
def class_one_of(name: str, version: str = "gaff-2.2.20") -> ClassOneParameters:
    _, types, charges = _EXAMPLES[name]
    return class_one(molecule(name), types.split(), gaff_table(version), np.array(charges))


def force_field(name: str, *, form: Form = "harmonic", share: Share = "symmetry", fourier: int = 0) -> ForceField:
    return ForceField.build(molecule(name), class_one_of(name), form=form, share=share, fourier=fourier)


def lone_atom() -> ForceField:
    """One argon atom: not a single term."""
    none = np.empty(0)
    argon = Molecule(
        "argon", np.array([18]), np.empty((0, 2), int), np.empty(0, int), np.zeros(1, int), np.zeros((1, 3))
    )
    start = ClassOneParameters(
        ("ar",),
        BondParameters(np.empty((0, 2), int), none, none),
        AngleParameters(np.empty((0, 3), int), none, none),
        TorsionParameters(np.empty((0, 4), int), np.empty(0, int), none, none, np.empty(0, bool)),
        NonbondedParameters(np.zeros(1), np.full(1, 0.34), np.ones(1), np.empty((0, 2), int), none, none, none),
        source="by hand",
    )
    return ForceField.build(argon, start)


def distorted(name: str, n_frames: int, width: float = 0.01, seed: int = 0) -> np.ndarray:
    """Geometries with random displacements of standard deviation ``width`` [nm]."""
    positions = molecule(name).positions
    assert positions is not None
    return positions + np.random.default_rng(seed).normal(0.0, width, (n_frames, *positions.shape))


def corrected(model: ForceField, seed: int = 0) -> ForceField:
    """The model with a kernel on its first four atoms, of three random points and two permutations."""
    positions = model.molecule.positions
    assert positions is not None
    random = np.random.default_rng(seed)
    descriptor = Descriptor(4, angles=((0, 1, 2), (1, 0, 2)))
    x = descriptor.of(torch.as_tensor(positions[:4] + random.normal(0, 0.01, (3, 4, 3))))
    weights, energies = torch.as_tensor(random.normal(0, 20, x.shape)), torch.as_tensor(random.normal(0, 5, 3))
    permutations = torch.tensor([[0, 1, 2, 3], [1, 0, 2, 3]])
    expansion = KernelExpansion(descriptor, x, weights, energies, permutations, 8.0, -3.0)
    return model.with_corrections([KernelTerm(range(4), expansion)])


def perturbed(model: ForceField, size: float, seed: int = 0) -> ForceField:
    """The model with every adjustable parameter moved by up to ``size`` prior widths, within the bounds."""
    parameters = model.parameter_table
    moves = np.random.default_rng(seed).uniform(-size, size, len(parameters))
    return model.with_values(np.clip(parameters.values + moves * parameters.prior_widths, *parameters.bounds))


def write_frames(name: str, path: str, count: int = 50) -> Frames:
    """Data of a stock force field, with a trace of noise so that the fit has something to learn."""
    positions = distorted(name, count, width=0.005)
    energies, forces = predict(force_field(name), positions)
    scale = 1.1 + 0.01 * np.random.default_rng(0).normal(size=count)
    owner = molecule(name)
    frames = Frames(
        owner.numbers, positions, energies * scale, forces * scale[:, None, None], name, owner.smiles, "scaled GAFF"
    )
    frames.write(path)
    return frames


def small_set() -> SavedSet:
    """A parameter set of two coefficients."""
    labels = (f"morse C4-{other} (1-2) | c3-{other} | x | y" for other in ("H1", "C4"))
    rows = tuple(("bond 1", levels_of(label)) for label in labels)
    spread = np.array([[1.0, 0.5], [0.0, 0.25]])
    own = ParameterSet(rows, np.array([1.5, -2.0]), spread, {"bond 1": 46.0}, 2.0, SHARES)
    return SavedSet(own, "gaff-2.2.20", "resp", {"molecules": {"ethane": "CC"}})
