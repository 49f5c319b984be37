"""What every force field, route into OpenMM and level of theory holds to: a new one is an entry here, and is tested."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from helpers import system_energy_forces
from models import class_one_of, corrected, distorted, force_field, molecule, perturbed
from sympy.combinatorics import Permutation, PermutationGroup

from hybridff.export.routes import to_openmm
from hybridff.gaff.compiled import CompiledEnergy
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.symmetry import automorphism_generators

EXAMPLE_FORM = Path(__file__).parents[1] / "examples" / "my-form.toml"
Evaluated = tuple[np.ndarray, np.ndarray]
"""Energies [kJ/mol] (frames,) and forces [kJ/mol/nm] (frames, atoms, 3)."""


def compiled_energy(model: ForceField, x: np.ndarray) -> Evaluated:
    """The terms by the compiled evaluator alone, without OpenMM."""
    function = CompiledEnergy(model.table, model.parameter_table.values)
    found = [function(frame) for frame in x]
    energies, forces = (np.array([own[part] for own in found]) for part in (0, 1))
    for correction in model.corrections:
        add = correction.compiled()
        energies += [add(frame, own) for frame, own in zip(x, forces, strict=True)]
    return energies, forces


MODELS: Mapping[str, Callable[[], ForceField]] = MappingProxyType(
    {
        "harmonic": lambda: force_field("ethanol"),
        "harmonic, changed": lambda: perturbed(force_field("ethanol", fourier=4), 0.5),
        "harmonic with an improper": lambda: perturbed(force_field("acetaldehyde", fourier=4), 0.5),
        "harmonic of a chain": lambda: force_field("propane"),
        "harmonic in line": lambda: force_field("propyne"),
        "near pairs": lambda: perturbed(force_field("ethanol", form="near-pairs", fourier=2), 0.3),
        "near pairs in line": lambda: perturbed(force_field("propyne", form="near-pairs", fourier=2), 0.3),
        "morse": lambda: perturbed(force_field("ethanol", form="morse"), 0.3),
        "neural": lambda: perturbed(force_field("ethanol", form="neural"), 0.1),
        "class2": lambda: perturbed(force_field("ethanol", form="class2"), 0.1),
        "class2 with an improper": lambda: perturbed(force_field("acetaldehyde", form="class2"), 0.1),
        "class2 in line": lambda: perturbed(force_field("propyne", form="class2"), 0.1),
        "class2 of a ring": lambda: perturbed(force_field("benzene", form="class2"), 0.1),
        "a user's form": lambda: ForceField.build(molecule("ethanol"), class_one_of("ethanol"), form=EXAMPLE_FORM),
        "kernel": lambda: corrected(force_field("ethanol")),
        "class2 and kernel": lambda: corrected(force_field("ethanol", form="class2")),
    }
)
"""Force fields by what is tested by them: forms, features, corrections."""

ROUTES: Mapping[str, Callable[[ForceField, np.ndarray], Evaluated]] = MappingProxyType(
    {
        "native": lambda model, x: system_energy_forces(to_openmm(model, "native"), x),
        "compiled": lambda model, x: system_energy_forces(to_openmm(model, "compiled"), x),
        "compiled alone": compiled_energy,
    }
)
"""Ways to evaluate a force field beside torch, all in double precision."""

LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "gfn2-xtb": "tblite",
        "gfn1-xtb": "tblite",
        "hf/sto-3g": "pyscf",
        "pbe/sto-3g": "pyscf",
        "ccsd/sto-3g": "pyscf",
        "ccsd(t)/sto-3g": "pyscf",
    }
)
"""Levels of theory with the package that each needs."""


def equal_numberings(own: Molecule, most: int = 24) -> list[list[int]]:
    """Orders of a molecule's atoms in which it is the same molecule, at most so many; the first changes nothing."""
    group = PermutationGroup([Permutation(order.tolist()) for order in automorphism_generators(own)])
    return [own for own, _ in zip((p.array_form for p in group.generate()), range(most), strict=False)]


def geometries(model: ForceField, n: int = 3) -> np.ndarray:
    """Geometries of a model's molecule [nm] that are not at rest."""
    return distorted(model.molecule.name, n)


def differences(energies: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Forces [kJ/mol/nm] of one geometry [nm] by central differences of energies."""
    moves = step * np.eye(x.size).reshape(-1, *x.shape)
    return (energies(x - moves) - energies(x + moves)).reshape(x.shape) / (2 * step)
