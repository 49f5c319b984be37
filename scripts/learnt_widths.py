"""The evidence of many molecules with few frames each, which no table uses, on the widths of class II's priors."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from common import DATA, say
from jaxtyping import Float
from rdkit.Chem.rdPartialCharges import ComputeGasteigerCharges

import hybridff as hf
from hybridff.errors import HybridFFError
from hybridff.export.hot_geometries import hot_geometries
from hybridff.fitting.estimate import Hyperparameters, solve
from hybridff.fitting.evidence import noise_left
from hybridff.fitting.fits import fit
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.pruning import pruned_system
from hybridff.frames.checks import usable_frames
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.class2_kinds import KINDS
from hybridff.molecules.conformers import embedded_conformers
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.level_frames import LevelSampling, level_frames
from hybridff.reference.xtb import XTBLevel
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

FEWEST = 9
"""Fewest frames of a molecule with all bonds."""
TEMPERATURE = 500.0
"""Temperature of dynamics with stock GAFF [K]."""
RANGE = (0.01, 10.0)
"""Smallest and largest factor."""


@dataclass
class Moves:
    """How far the rows of one family moved, over all molecules."""

    rows: int = 0
    determined: float = 0.0
    squares: float = 0.0
    logarithms: float = 0.0
    """Logarithms of the molecules' own mean squares, each times how many rows its data determine."""

    def add(self, moves: Float[np.ndarray, " rows"], determined: float, usual: float) -> None:
        """Add the rows of one molecule."""
        squares = float((moves**2).sum())
        self.rows += len(moves)
        self.determined += determined
        self.squares += squares
        self.logarithms += determined * math.log((squares + 0.5 * usual**2) / (determined + 0.5))

    def factor(self, usual: float, *, by_molecule: bool) -> float:
        """The factor that the evidence prefers, with half a row's worth of the usual one.

        ``by_molecule`` asks for the geometric mean of the molecules' own, which no molecule's large moves rule,
        and which takes many frames of each.
        """
        if by_molecule:
            return float(np.clip(math.exp(self.logarithms / max(self.determined, 1e-9) / 2), *RANGE))
        return float(np.clip(math.sqrt((self.squares + 0.5 * usual**2) / (self.determined + 0.5)), *RANGE))


def systems_of_qm7x(wanted: int, n_frames: int, seed: int) -> Iterator[LinearSystem]:
    """The equations of some molecules' frames, around fits to so many frames of the cheap level, or around GAFF."""
    with np.load(DATA / "qm7x_200x10.npz") as file:
        arrays = {key: file[key] for key in ("z", "R", "E", "F", "smiles", "topo_ok")}
    done = 0
    for place in np.random.default_rng(seed).permutation(len(arrays["z"])):
        whole = arrays["topo_ok"][place]
        if done == wanted or whole.sum() < FEWEST:
            continue
        try:
            system = system_of({key: value[place] for key, value in arrays.items()}, n_frames)
        except HybridFFError as error:
            say(f"{arrays['smiles'][place]} is left out: {error}")
            continue
        done += 1
        say(f"{done} of {wanted}: {arrays['smiles'][place]}, {len(system.problem.fitted)} rows")
        yield system


def system_of(entry: Mapping[str, np.ndarray], n_frames: int) -> LinearSystem:
    """The equations of one molecule's frames of QM-7X."""
    molecule, whole = hf.Molecule.from_smiles(str(entry["smiles"])), entry["topo_ok"]
    n_atoms = len(molecule.numbers)
    frames = hf.Frames(
        molecule.numbers,
        entry["R"][whole][:, :n_atoms] * ANGSTROM,
        entry["E"][whole] * KCAL_MOL,
        entry["F"][whole][:, :n_atoms].astype(float) * FORCE_KCAL,
    )
    placed = replace(molecule, positions=frames.positions[frames.energies.argmin()])
    return system_around(placed, frames, n_frames)


def system_around(placed: hf.Molecule, frames: hf.Frames, n_frames: int) -> LinearSystem:
    """The equations of a molecule's frames around a fit to so many frames of the cheap level, or around stock GAFF."""
    parameters = gaff_parameters(placed, gasteiger_charges(placed))
    start = hf.ForceField.build(placed, parameters, form="class2", geometries=frames.positions)
    if n_frames:
        stock = hf.ForceField.build(placed, parameters)
        cheap = level_frames(LevelSampling(stock, start, frames, n_frames), XTBLevel("gfn2-xtb"))
        start = hf.ForceField.build(placed, parameters, form="class2", geometries=cheap.positions)
        start = fit(start, cheap).force_field
    return pruned_system([(start, frames)], hf.FitOptions())


def system_of_level(smiles: str, n_frames: int, seed: int) -> LinearSystem:
    """The equations of a molecule's frames of dynamics with stock GAFF, labelled by GFN2-xTB."""
    molecule = hf.Molecule.from_smiles(smiles)
    conformers = embedded_conformers(molecule, 10, seed)
    placed = replace(molecule, positions=conformers[0])
    stock = hf.ForceField.build(placed, gaff_parameters(placed, gasteiger_charges(placed)))
    hot = hot_geometries(stock, conformers, n_frames, TEMPERATURE, seed)
    frames, _ = usable_frames(labelled_frames(XTBLevel("gfn2-xtb"), placed, hot), placed)
    say(f"{smiles}: {len(frames)} frames of GFN2-xTB")
    return system_around(placed, frames, 0)


def gasteiger_charges(molecule: hf.Molecule) -> Float[np.ndarray, " atoms"]:
    """Charges [e] that cost nothing; class II hardly depends on them."""
    mol = molecule.to_rdkit()
    ComputeGasteigerCharges(mol)
    return np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])


def learnt(
    systems: list[LinearSystem], rounds: int, usual: float, *, by_molecule: bool = False
) -> dict[str, tuple[float, Moves]]:
    """The factor of each family that the molecules have, by turns with the moves and the noise, from a usual one."""
    factors, noise = dict.fromkeys(KINDS, usual), [system.noise for system in systems]
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
                own = families == family
                found[family].add(estimate.moves[own], float(share[own].sum()), usual)
        factors |= {family: moves.factor(usual, by_molecule=by_molecule) for family, moves in found.items()}
        forces = np.median([own.force for own in noise]) / FORCE_KCAL
        say(
            f"median noise of forces {forces:.3f} kcal/mol/Å, mean factor {mean([factors[name] for name in found]):.3f}"
        )
    return {family: (factors[family], moves) for family, moves in found.items()}


def mean(factors: list[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(factors))))
