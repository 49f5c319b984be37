"""Lennard-Jones and Coulomb: pairs inside the molecule, and OpenMM's ``NonbondedForce``.

Inside the molecule every pair is a row of the term table, which a fit may change. Towards other molecules the atoms
keep the charges and Lennard-Jones parameters of the start, untouched by any fit; pairs that no longer follow from
these become exceptions of the ``NonbondedForce``.
"""

from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float, Int

from hybridff.gaff.classone import NonbondedParameters
from hybridff.gaff.terms import TermTable

PAIR_FEATURES = ("lennard_jones", "repulsion", "coulomb")
"""Features that, alone in a term, belong into a ``NonbondedForce``."""

_UNIT = 0.3
"""Length [nm] that keeps its twelfth power within the range of floating-point numbers."""
_LEAST_DISPERSION = 1e-12
"""A pure repulsion has no Lennard-Jones parameters; this much dispersion, relative to it at 0.3 nm, gives it some."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of atoms with their interaction."""

    atoms: Int[np.ndarray, "pairs 2"]
    charge_product: Float[np.ndarray, " pairs"]
    """Product of the charges [e²]."""
    sigma: Float[np.ndarray, " pairs"]
    """Distance of zero Lennard-Jones energy [nm]."""
    epsilon: Float[np.ndarray, " pairs"]
    """Lennard-Jones depth [kJ/mol]."""


def combined_pairs(p: NonbondedParameters) -> Pairs:
    """All pairs by the combination rules of Lorentz and Berthelot, whatever the exceptions say."""
    first, second = np.triu_indices(len(p.charge), k=1)
    return Pairs(
        np.stack([first, second], -1),
        p.charge[first] * p.charge[second],
        0.5 * (p.sigma[first] + p.sigma[second]),
        np.sqrt(p.epsilon[first] * p.epsilon[second]),
    )


def all_pairs(p: NonbondedParameters) -> Pairs:
    """All pairs of the molecule, with the exceptions in place of the combination rules."""
    pairs = combined_pairs(p)
    rows = _rows(len(p.charge), p.exceptions)
    for target, values in (
        (pairs.charge_product, p.exception_charge_product),
        (pairs.sigma, p.exception_sigma),
        (pairs.epsilon, p.exception_epsilon),
    ):
        target[rows] = values
    return pairs


def nonbonded_force(
    table: TermTable, values: Float[np.ndarray, " parameters"], start: NonbondedParameters
) -> openmm.NonbondedForce:
    """One ``NonbondedForce`` without cutoff: the atoms of ``start``, and the pairs of the table as exceptions."""
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.NoCutoff)
    for particle in zip(start.charge.tolist(), start.sigma.tolist(), start.epsilon.tolist(), strict=True):
        force.addParticle(*particle)
    rule = combined_pairs(start)
    actual = _table_pairs(table, values, rule)
    differs = np.zeros(len(rule.atoms), dtype=bool)
    for name in ("charge_product", "sigma", "epsilon"):
        differs |= ~np.isclose(getattr(rule, name), getattr(actual, name), rtol=1e-12, atol=0.0)
    for row in np.flatnonzero(differs):
        i, j = actual.atoms[row].tolist()
        force.addException(
            i, j, float(actual.charge_product[row]), float(actual.sigma[row]), float(actual.epsilon[row])
        )
    return force


def _table_pairs(table: TermTable, values: Float[np.ndarray, " parameters"], rule: Pairs) -> Pairs:
    """What the term table says about the pairs of ``rule``: no energy where it says nothing.

    A pair without Lennard-Jones energy keeps its sigma, which then means nothing.
    """
    n_atoms = int(rule.atoms.max(initial=0)) + 1
    charge_product, repulsion, dispersion = np.zeros((3, len(rule.atoms)))
    for feature, targets in (
        ("coulomb", ((charge_product, 1.0, 0),)),
        ("lennard_jones", ((repulsion, 4.0, 12), (dispersion, 4.0, 6))),
        ("repulsion", ((repulsion, 1.0, 12),)),
    ):
        for terms in table.single_feature_terms(feature):
            rows = _rows(n_atoms, table.coordinates["pair"][terms.coordinates])
            for target, factor, power in targets:
                scale = (values[terms.parameters["sigma"]] / _UNIT) ** power if power else 1.0
                np.add.at(target, rows, factor * terms.multipliers * values[terms.coefficients] * scale)
    interacting = repulsion != 0
    repulsion = np.where(interacting, repulsion, 1.0)
    dispersion = np.maximum(dispersion, _LEAST_DISPERSION * repulsion)
    return Pairs(
        rule.atoms,
        charge_product,
        np.where(interacting, _UNIT * (repulsion / dispersion) ** (1 / 6), rule.sigma),
        np.where(interacting, dispersion**2 / (4 * repulsion), 0.0),
    )


def _rows(n_atoms: int, atoms: Int[np.ndarray, "pairs 2"]) -> Int[np.ndarray, " pairs"]:
    """Row of each pair in the order of ``numpy.triu_indices``."""
    i, j = atoms.min(1), atoms.max(1)
    return i * (2 * n_atoms - i - 1) // 2 + j - i - 1
