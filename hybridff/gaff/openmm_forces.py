"""A term table as OpenMM forces: native ones where OpenMM has the form, a few fused custom ones for everything else.

A ``CustomCompoundBondForce`` per term would compute every distance and angle anew for every term. So all terms on the
same atoms are *fused* into one bond. Sets of atoms that are alike (same bonds, angles and torsions among them) get
their atoms in the same order and share a force: one expression with the terms of all of them, whose coefficients and
constants are per-bond parameters, zero where a set lacks a term. Unlike sets are then joined until there are few forces
(``joining``), and functions of a distance alone are one ``CustomBondForce``."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.expressions.expression import Expression
from hybridff.gaff.blocks import split
from hybridff.gaff.cosines import Cosines
from hybridff.gaff.features import Feature
from hybridff.gaff.fused import AtomSetTerms, Slot, alike_atom_sets, list_factors
from hybridff.gaff.joining import fewer
from hybridff.gaff.nonbonded import PAIR_FEATURES
from hybridff.gaff.openmm_native import NATIVE_OF_FEATURE, NO_LENGTH, add_feature
from hybridff.gaff.terms import TermTable

FEW = 8
"""Number of custom forces that terms are joined into, if they can be without too long expressions."""
_MOST_TORSIONS = 6
"""Largest number of terms with torsions in an expression that reads these by way of distances."""


def bonded_forces(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[openmm.Force]:
    """The forces of all terms but plain pair terms; a term with a coefficient of exactly zero is left out."""
    factors = list_factors(table, values)
    native: dict[str, openmm.Force] = {}
    custom: dict[tuple[int, ...], float] = defaultdict(float)
    coefficients = values[table.coefficients] * table.multipliers
    for row, coefficient in zip(table.products.tolist(), coefficients.tolist(), strict=True):
        if coefficient == 0.0:
            continue
        term = tuple(sorted(i for i in row if i >= 0))
        first = factors[term[0]]
        if len(term) == 1 and first.feature.name in PAIR_FEATURES:
            continue
        if len(term) == 1 and first.feature.name in NATIVE_OF_FEATURE:
            name = first.feature.name
            force = native.setdefault(name, NATIVE_OF_FEATURE[name].force())
            add_feature(force, name, first.atoms, coefficient, first.parameters)
        else:
            custom[term] += coefficient
    features = {rows.feature.name: rows.feature for rows in table.features}
    groups = [group for alike in alike_atom_sets(table, factors, custom) for group in split(features, alike)]
    distances = [group for group in groups if len(group[0].atoms) == 2]
    others = [group for group in groups if len(group[0].atoms) > 2]
    few = [*fewer(features, distances, 1), *fewer(features, others, FEW - bool(distances))]
    forces = [_force(features, group) for group in few]
    if forces:
        _connect(native.setdefault("harmonic_bond", openmm.HarmonicBondForce()), table)
    return [*native.values(), *forces]


def _connect(force: openmm.HarmonicBondForce, table: TermTable) -> None:
    """Add the table's bonds that are missing, without energy: custom forces do not tell OpenMM what a molecule is."""
    present = {frozenset(force.getBondParameters(i)[:2]) for i in range(force.getNumBonds())}
    for i, j in table.coordinates["bond"].tolist():
        if frozenset((i, j)) not in present:
            force.addBond(i, j, NO_LENGTH, 0.0)


def _force(features: Mapping[str, Feature], bonds: Sequence[AtomSetTerms]) -> openmm.Force:
    """One force for bonds with the same products."""
    products = list(bonds[0].coefficients)
    slots = sorted({slot for term in products for slot in term})
    used = sorted({atom for slot in slots for atom in slot.atoms})
    # A per-bond parameter called x1, y1, z1, x2 … would silently mean a particle's coordinate.
    columns: dict[tuple[float, ...], str] = {}
    definitions: dict[str, str] = {}
    parts: dict[Slot, tuple[str, ...]] = {}
    with_torsions = [term for term in products if any(features[slot.feature].coordinate == "torsion" for slot in term)]
    cosines, short = Cosines(), len(with_torsions) <= _MOST_TORSIONS
    for slot in slots:
        feature = features[slot.feature]
        names, fixed = {}, {}
        for name in feature.parameters:
            known = [bond.constants[slot][name] for bond in bonds if slot in bond.constants]
            values = tuple(bond.constants[slot][name] if slot in bond.constants else known[0] for bond in bonds)
            if len(set(values)) == 1:
                names[name], fixed[name] = f"({values[0]!r})", values[0]
            else:
                names[name] = columns.setdefault(values, f"constant{len(columns)}")
        places = [used.index(atom) + 1 for atom in slot.atoms]
        by_distances = short and feature.coordinate == "torsion"
        texts = [
            (by_distances and cosines.factor(part, places, fixed))
            or _text(feature, part, [f"p{place}" for place in places], names)
            for part in feature.expression.factors()
        ]
        parts[slot] = tuple(definitions.setdefault(text, f"f{len(definitions)}") for text in texts)
    terms = [
        (f"coefficient{i}", tuple(part for slot in term for part in parts[slot])) for i, term in enumerate(products)
    ]
    own_definitions = [f"{name}={definition}" for definition, name in definitions.items()]
    text = "; ".join([_sum(terms), *own_definitions, *cosines.definitions()])
    force, add = _empty(len(used), text)
    for name in [*columns.values(), *(name for name, _ in terms)]:
        force.addPerBondParameter(name)
    constants = np.array(list(columns)).reshape(len(columns), len(bonds)).T.tolist()
    for bond, own in zip(bonds, constants, strict=True):
        add([bond.atoms[atom] for atom in used], own + [bond.coefficients[term] for term in products])
    return force


def _empty(n_atoms: int, text: str) -> tuple[Any, Callable[[list[int], list[float]], Any]]:
    """A force of an expression, and how to add a bond to it; OpenMM is fastest with functions of a distance alone."""
    if n_atoms == 2:
        pairs = openmm.CustomBondForce(text.replace("distance(p1,p2)", "r"))
        return pairs, lambda atoms, values: pairs.addBond(*atoms, values)
    force = openmm.CustomCompoundBondForce(n_atoms, text)
    return force, force.addBond


def _text(feature: Feature, part: Expression, atoms: Sequence[str], parameters: Mapping[str, str]) -> str:
    """A factor of a feature's expression in OpenMM's syntax."""
    own = {name: parameter for name, parameter in feature.parameters.items() if name in part.names}
    return _forward(replace(feature, expression=part, parameters=own, span=()).openmm(atoms, parameters))


def _forward(text: str) -> str:
    """An expression with the atoms of every distance, angle and dihedral in the smaller of two equal orders."""

    def smaller(found: re.Match[str]) -> str:
        atoms = [int(atom[1:]) for atom in found[2].split(",")]
        return f"{found[1]}({','.join(f'p{atom}' for atom in min(atoms, atoms[::-1]))})"

    return re.sub(r"(distance|angle|dihedral)\(([^()]*)\)", smaller, text)


def _sum(terms: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """A sum of coefficients times factors, with the most frequent factor taken out first."""
    counts = Counter(factor for _, factors in terms for factor in dict.fromkeys(factors))
    if not counts or max(counts.values()) == 1:
        return "+".join("*".join([name, *factors]) for name, factors in terms)
    common = max(counts, key=lambda factor: counts[factor])
    inner = [(name, _without(factors, common)) for name, factors in terms if common in factors]
    outer = [term for term in terms if common not in term[1]]
    return f"{common}*({_sum(inner)})" + (f"+{_sum(outer)}" if outer else "")


def _without(factors: tuple[str, ...], factor: str) -> tuple[str, ...]:
    place = factors.index(factor)
    return factors[:place] + factors[place + 1 :]
