"""Force field files of OpenMM: templates for the generator, and files that need nothing but OpenMM.

Every atom has a type of its own, so that nothing in a file is ambiguous.
"""

import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from openmm import app

from hybridff.errors import InputError
from hybridff.gaff.assign import COULOMB_14, LENNARD_JONES_14
from hybridff.gaff.features import Feature
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.fused import feature_rows
from hybridff.gaff.nonbonded import PAIR_FEATURES
from hybridff.gaff.openmm_native import HARMONIC_ANGLES, HARMONIC_BONDS, NATIVE_OF_FEATURE, NativeForce, numbers
from hybridff.molecules.molecule import Molecule

_CUSTOM: Mapping[str, NativeForce] = MappingProxyType({"bond": HARMONIC_BONDS, "angle": HARMONIC_ANGLES})
"""Coordinates whose other features can be written out, and OpenMM's force on the same atoms."""
_COEFFICIENT = "coefficient"


def template(
    force_field: ForceField, name: str, coulomb14: float = COULOMB_14, lennard_jones14: float = LENNARD_JONES_14
) -> ET.Element:
    """Types, a residue, charges and Lennard-Jones parameters; nothing of what is inside the molecule."""
    molecule, nonbonded = force_field.molecule, force_field.nonbonded
    root = ET.Element("ForceField")
    types, residues = ET.SubElement(root, "AtomTypes"), ET.SubElement(root, "Residues")
    residue = ET.SubElement(residues, "Residue", name=name)
    force = ET.SubElement(root, "NonbondedForce", coulomb14scale=repr(coulomb14), lj14scale=repr(lennard_jones14))
    ET.SubElement(force, "UseAttributeFromResidue", name="charge")
    for i, number in enumerate(molecule.numbers.tolist()):
        element, kind = app.Element.getByAtomicNumber(number), f"{name}-{i}"
        mass = repr(numbers([element.mass])[0])
        ET.SubElement(types, "Type", {"name": kind, "class": kind, "element": element.symbol, "mass": mass})
        charge, sigma, epsilon = (
            repr(float(values[i])) for values in (nonbonded.charge, nonbonded.sigma, nonbonded.epsilon)
        )
        ET.SubElement(residue, "Atom", name=f"A{i}", type=kind, charge=charge)
        ET.SubElement(force, "Atom", type=kind, sigma=sigma, epsilon=epsilon)
    for i, j in molecule.bonds.tolist():
        ET.SubElement(residue, "Bond", atomName1=f"A{i}", atomName2=f"A{j}")
    return root


def standalone(force_field: ForceField, name: str) -> str:
    """A file with everything, for Python with OpenMM alone.

    Raises ``InputError`` for what such files have no form for without running code: couplings, kernels, and terms but
    those on single bonds and angles, and Fourier torsions. Pairs are those of GAFF, whatever the model's are.
    """
    if force_field.corrections:
        raise InputError(
            "a file for OpenMM's ForceField has no form for kernels; use HybridFFTemplateGenerator, or export --system."
        )
    root = template(force_field, name)
    forces: dict[str, ET.Element] = {}
    torsions: dict[tuple[int, ...], list[tuple[float, float, float]]] = defaultdict(list)
    bonded = {frozenset(bond) for bond in force_field.molecule.bonds.tolist()}
    bonds = set(bonded)
    for feature, atoms, coefficient, values in _terms(force_field):
        if feature.name == "fourier":
            torsions[min(atoms, atoms[::-1])].append((values["n"], values["phase"], coefficient))
        elif feature.name in NATIVE_OF_FEATURE:
            native = NATIVE_OF_FEATURE[feature.name]
            own = _force(root, forces, native.force.__name__)
            attributes = dict(zip(native.parameters, map(repr, (*values.values(), coefficient)), strict=True))
            ET.SubElement(own, native.term, _types(name, atoms) | attributes)
            bonds.discard(frozenset(atoms))
        else:
            _custom(root, forces, name, feature, atoms, {_COEFFICIENT: coefficient, **values})
            if "r0" in values and frozenset(atoms) in bonds:  # a length for constraints, and no energy
                own = _force(root, forces, "HarmonicBondForce")
                ET.SubElement(own, "Bond", _types(name, atoms) | {"length": repr(values["r0"]), "k": "0.0"})
                bonds.discard(frozenset(atoms))
    _one_improper_each(force_field.molecule, (atoms for atoms in torsions if not _proper(atoms, bonded)))
    for atoms, terms in torsions.items():
        _torsion(_force(root, forces, "PeriodicTorsionForce"), name, force_field.molecule, bonded, atoms, terms)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _terms(force_field: ForceField) -> Iterator[tuple[Feature, tuple[int, ...], float, dict[str, float]]]:
    """Feature, atoms, coefficient and parameters of each term but pairs; couplings are refused."""
    table, vector = force_field.table, force_field.parameter_table.values
    rows = feature_rows(table, vector)
    coefficients = (vector[table.coefficients] * table.multipliers).tolist()
    for product, coefficient in zip(table.products.tolist(), coefficients, strict=True):
        own = [row for row in product if row >= 0]
        feature, atoms, values = rows[own[0]]
        if coefficient == 0.0 or (len(own) == 1 and feature.name in PAIR_FEATURES):
            continue
        known = feature.name in NATIVE_OF_FEATURE or (
            feature.coordinate in _CUSTOM and set(feature.variables) <= _CUSTOM[feature.coordinate].variables.keys()
        )
        if len(own) > 1 or not known:
            what = "couplings" if len(own) > 1 else feature.name
            raise InputError(
                f"a file for OpenMM's ForceField has no form for terms of this model ({what}); use "
                "HybridFFTemplateGenerator, or export --system."
            )
        yield feature, atoms, coefficient, values


def _force(root: ET.Element, forces: dict[str, ET.Element], name: str) -> ET.Element:
    if name not in forces:
        attributes = {"ordering": "amber"} if name == "PeriodicTorsionForce" else {}
        forces[name] = ET.SubElement(root, name, attributes)
    return forces[name]


def _types(name: str, atoms: Sequence[int]) -> dict[str, str]:
    return {f"type{place + 1}": f"{name}-{atom}" for place, atom in enumerate(atoms)}


def _custom(
    root: ET.Element,
    forces: dict[str, ET.Element],
    name: str,
    feature: Feature,
    atoms: Sequence[int],
    values: Mapping[str, float],
) -> None:
    native = _CUSTOM[feature.coordinate]
    if feature.name not in forces:
        own = {variable: native.variables[variable] for variable in feature.variables}
        energy = f"{_COEFFICIENT}*({feature.expression.openmm({**own, **{key: key for key in feature.parameters}})})"
        forces[feature.name] = ET.SubElement(root, native.custom.__name__, energy=energy)
        for key in values:
            ET.SubElement(forces[feature.name], f"Per{native.term}Parameter", name=key)
    attributes = {key: repr(value) for key, value in values.items()}
    ET.SubElement(forces[feature.name], native.term, _types(name, atoms) | attributes)


def _proper(atoms: Sequence[int], bonded: set[frozenset[int]]) -> bool:
    """Whether atoms follow each other."""
    return all(frozenset(pair) in bonded for pair in pairwise(atoms))


def _one_improper_each(molecule: Molecule, impropers: Iterable[tuple[int, ...]]) -> None:
    """Refuse several impropers on the same atoms, of which OpenMM would take one."""
    seen: set[frozenset[int]] = set()
    for atoms in impropers:
        if frozenset(atoms) in seen:
            raise InputError(
                "a file for OpenMM's ForceField has no form for several impropers of the atoms "
                f"{', '.join(molecule.label(atom) for atom in sorted(atoms))}; use HybridFFTemplateGenerator, or "
                "export --system."
            )
        seen.add(frozenset(atoms))


def _torsion(
    force: ET.Element,
    name: str,
    molecule: Molecule,
    bonded: set[frozenset[int]],
    atoms: tuple[int, ...],
    terms: Sequence[tuple[float, float, float]],
) -> None:
    kind, order = "Proper", atoms
    if not _proper(atoms, bonded):
        # AMBER's order: the central atom is the third, and stands first in these files
        i, j, k, m = next(
            (own for own in (atoms, atoms[::-1]) if all(frozenset((own[2], own[x])) in bonded for x in (0, 1, 3))),
            (-1, -1, -1, -1),
        )
        if k < 0:
            raise InputError(
                f"a file for OpenMM's ForceField has no form for a torsion of the atoms "
                f"{', '.join(molecule.label(atom) for atom in atoms)}, which neither follow each other nor surround "
                "one of them; use HybridFFTemplateGenerator, or export --system."
            )
        kind, order = "Improper", (k, i, j, m)
    attributes = {
        f"{key}{number + 1}": value
        for number, (n, phase, k) in enumerate(terms)
        for key, value in (("periodicity", repr(round(n))), ("phase", repr(phase)), ("k", repr(k)))
    }
    ET.SubElement(force, kind, _types(name, order) | attributes)
