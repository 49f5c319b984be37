"""A term table as OpenMM forces: native ones where OpenMM has the form, custom ones for every other product."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.gaff.features import FEATURES
from hybridff.gaff.nonbonded import PAIR_FEATURES
from hybridff.gaff.terms import TermTable
from hybridff.geometry import COORDINATES


@dataclass(frozen=True)
class _Factor:
    """One feature of one term, with numbers in place of indices."""

    feature: str
    atoms: tuple[int, ...]
    parameters: Mapping[str, float]


@dataclass(frozen=True)
class _Native:
    """OpenMM's own force for a single feature times a coefficient."""

    force: Callable[[], openmm.Force]
    add: Callable[[openmm.Force, tuple[int, ...], float, Mapping[str, float]], object]


_NATIVE: Mapping[str, _Native] = MappingProxyType(
    {
        "harmonic_bond": _Native(
            openmm.HarmonicBondForce, lambda force, atoms, k, values: force.addBond(*atoms, values["r0"], k)
        ),
        "harmonic_angle": _Native(
            openmm.HarmonicAngleForce, lambda force, atoms, k, values: force.addAngle(*atoms, values["theta0"], k)
        ),
        "fourier": _Native(
            openmm.PeriodicTorsionForce,
            lambda force, atoms, k, values: force.addTorsion(*atoms, round(values["n"]), values["phase"], k),
        ),
    }
)


def bonded_forces(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[openmm.Force]:
    """The forces of all terms but plain pair terms; a term with a coefficient of exactly zero is left out."""
    factors = _factors(table, values)
    native: dict[str, openmm.Force] = {}
    custom: dict[str, openmm.CustomCompoundBondForce] = {}
    for product, index in zip(table.products, table.coefficients, strict=True):
        coefficient = float(values[index])
        if coefficient == 0.0:
            continue
        term = [factors[i] for i in product if i >= 0]
        if len(term) == 1 and term[0].feature in PAIR_FEATURES:
            continue
        if len(term) == 1 and term[0].feature in _NATIVE:
            kind = _NATIVE[term[0].feature]
            force = native.setdefault(term[0].feature, kind.force())
            kind.add(force, term[0].atoms, coefficient, term[0].parameters)
        else:
            _add_custom_term(custom, term, coefficient)
    return [*native.values(), *custom.values()]


def _add_custom_term(
    custom: dict[str, openmm.CustomCompoundBondForce], term: list[_Factor], coefficient: float
) -> None:
    """Add one product to the force that has its expression, made when there is none yet."""
    atoms = tuple(dict.fromkeys(atom for factor in term for atom in factor.atoms))
    expression, parameters = ["coefficient"], {"coefficient": coefficient}
    for i, factor in enumerate(term):
        feature = FEATURES[factor.feature]
        places = ",".join(f"p{atoms.index(atom) + 1}" for atom in factor.atoms)
        replacements = {feature.variable: f"{COORDINATES[feature.coordinate].openmm}({places})"}
        for name, value in factor.parameters.items():
            # A per-bond parameter called x1, y1, z1, x2 … would silently mean a particle's coordinate.
            replacements[name] = f"f{i}_{name}"
            parameters[f"f{i}_{name}"] = value
        expression.append(f"({feature.expression.openmm(replacements)})")
    text = "*".join(expression)
    if text not in custom:
        force = openmm.CustomCompoundBondForce(len(atoms), text)
        for name in parameters:
            force.addPerBondParameter(name)
        custom[text] = force
    custom[text].addBond(atoms, list(parameters.values()))


def _factors(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[_Factor]:
    factors = []
    for rows in table.features:
        atoms = table.coordinates[FEATURES[rows.feature].coordinate]
        for i, coordinate in enumerate(rows.coordinate):
            parameters = {name: float(values[index[i]]) for name, index in rows.parameters.items()}
            factors.append(_Factor(rows.feature, tuple(int(a) for a in atoms[coordinate]), parameters))
    return factors
