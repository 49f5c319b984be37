"""The evidence of molecules of QM-7X on what reference data change in class II that a cheap level has taught."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from common import DATA, say
from rdkit.Chem.rdPartialCharges import ComputeGasteigerCharges

import hybridff as hf
from hybridff.errors import HybridFFError
from hybridff.fitting.difference import FACTOR
from hybridff.fitting.estimate import Hyperparameters, solve
from hybridff.fitting.evidence import noise_left
from hybridff.fitting.fits import fit
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.pruning import pruned_system
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.class2 import KINDS
from hybridff.reference.level_frames import LevelSampling, level_frames
from hybridff.reference.xtb import XTBLevel
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

FEWEST = 9
"""Fewest frames of a molecule with all bonds."""
RANGE = (0.01, 10.0)
"""Smallest and largest factor."""


@dataclass
class Moves:
    """How far the rows of one family moved, over all molecules."""

    rows: int = 0
    determined: float = 0.0
    squares: float = 0.0

    def factor(self) -> float:
        """The factor that the evidence prefers, with half a row's worth of the factor in use."""
        return float(np.clip(math.sqrt((self.squares + 0.5 * FACTOR**2) / (self.determined + 0.5)), *RANGE))


def taught_systems(wanted: int, n_frames: int, seed: int) -> Iterator[LinearSystem]:
    """The equations of the frames of some molecules, around fits to the cheap level."""
    with np.load(DATA / "qm7x_200x10.npz") as file:
        arrays = {key: file[key] for key in ("z", "R", "E", "F", "smiles", "topo_ok")}
    done = 0
    for place in np.random.default_rng(seed).permutation(len(arrays["z"])):
        whole = arrays["topo_ok"][place]
        if done == wanted or whole.sum() < FEWEST:
            continue
        try:
            system = taught_system({key: value[place] for key, value in arrays.items()}, n_frames)
        except HybridFFError as error:
            say(f"{arrays['smiles'][place]} is left out: {error}")
            continue
        done += 1
        say(f"{done} of {wanted}: {arrays['smiles'][place]}, {len(system.problem.fitted)} rows")
        yield system


def taught_system(entry: Mapping[str, np.ndarray], n_frames: int) -> LinearSystem:
    """The equations of one molecule's frames."""
    molecule, whole = hf.Molecule.from_smiles(str(entry["smiles"])), entry["topo_ok"]
    n_atoms = len(molecule.numbers)
    frames = hf.Frames(
        molecule.numbers,
        entry["R"][whole][:, :n_atoms] * ANGSTROM,
        entry["E"][whole] * KCAL_MOL,
        entry["F"][whole][:, :n_atoms].astype(float) * FORCE_KCAL,
    )
    placed = replace(molecule, positions=frames.positions[frames.energies.argmin()])
    mol = placed.to_rdkit()
    ComputeGasteigerCharges(mol)
    charges = np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])
    parameters = gaff_parameters(placed, charges)
    stock = hf.ForceField.build(placed, parameters)
    small = hf.ForceField.build(placed, parameters, form="class2", geometries=frames.positions)
    cheap = level_frames(LevelSampling(stock, small, frames, n_frames), XTBLevel("gfn2-xtb"))
    start = hf.ForceField.build(placed, parameters, form="class2", geometries=cheap.positions)
    return pruned_system([(fit(start, cheap).force_field, frames)], hf.FitOptions())


def learnt(systems: list[LinearSystem], rounds: int) -> dict[str, tuple[float, Moves]]:
    """The factor of each family that the molecules have, by turns with the moves and the noise."""
    factors, noise = dict.fromkeys(KINDS, FACTOR), [system.noise for system in systems]
    found: dict[str, Moves] = {}
    for _ in range(rounds):
        found = defaultdict(Moves)
        for k, system in enumerate(systems):
            families = np.array([system.problem.start.quantities[i] for i in system.problem.fitted])
            precision = np.array([factors[family] ** -2 for family in families])
            estimate = solve(system, Hyperparameters(noise[k], precision))
            noise[k] = noise_left(system.data, estimate)
            share = 1 - precision * estimate.covariance.variances
            for family in np.unique(families).tolist():
                own, moves = families == family, found[family]
                moves.rows += int(own.sum())
                moves.determined += float(share[own].sum())
                moves.squares += float((estimate.moves[own] ** 2).sum())
        factors |= {family: moves.factor() for family, moves in found.items()}
        forces = np.median([own.force for own in noise]) / FORCE_KCAL
        say(
            f"median noise of forces {forces:.3f} kcal/mol/Å, mean factor {mean([factors[name] for name in found]):.3f}"
        )
    return {family: (factors[family], moves) for family, moves in found.items()}


def mean(factors: list[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(factors))))
