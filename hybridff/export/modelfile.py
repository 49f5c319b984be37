"""The model file: one JSON with all that a force field is and where it comes from; loading it runs nothing."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError
from hybridff.expressions.expression import Expression
from hybridff.foreign import read_json, reason_of
from hybridff.gaff.classone import NonbondedParameters
from hybridff.gaff.features import FEATURES, Feature, Parameter
from hybridff.gaff.forcefield import ForceField, Origin
from hybridff.gaff.openmm_native import OPENMMS_OWN
from hybridff.gaff.parameters import QUANTITIES, Parameters, Quantity
from hybridff.gaff.rows import Share
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.geometry import COORDINATES
from hybridff.model import Correction
from hybridff.molecules.molecule import Molecule

FILE_NAME = "model.json"
FORMAT = 3


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A force field with the energy offset of its fit and its provenance."""

    force_field: ForceField
    energy_offset: float | None
    """Reference minus model energy [kJ/mol]; None for a force field that was not fitted."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Program version, options, inputs with their hashes, level of theory, seeds, errors."""


Model = ForceField | SavedModel | str | Path
"""A force field, what ``read_model`` returns, or the folder of a model."""


def force_field_of(model: Model) -> ForceField:
    """The force field of a model, read from a folder if need be."""
    if isinstance(model, ForceField):
        return model
    return (model if isinstance(model, SavedModel) else read_model(model)).force_field


def write_model(model: SavedModel, folder: Path) -> None:
    """Write the model file into a folder."""
    text = json.dumps(_to_json(model), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read_model(folder: str | Path) -> SavedModel:
    """Read the model of a folder that ``parametrize`` or ``fit`` wrote.

    Raises ``InputError`` when there is none, when it is of a format this version does not know, or damaged.
    """
    path = Path(folder)
    path = path / FILE_NAME if path.is_dir() else path
    if not path.is_file():
        several = [str(found.parent) for found in sorted(Path(folder).glob(f"*/{FILE_NAME}"))]
        if several:
            raise InputError(f"{folder} holds the models of {len(several)} molecules; name one: {', '.join(several)}.")
        raise InputError(f"no model in {folder}: there is no {FILE_NAME}. Make one with 'hybridff fit'.")
    content = read_json(path, "a complete model", "it is damaged: restore it, or fit again")
    if not isinstance(content, dict) or content.get("program") != "hybridff":
        raise InputError(f"{path} is not a hybridff model; give the folder that 'hybridff fit' wrote.")
    if content.get("format") not in range(1, FORMAT + 1) or isinstance(content.get("format"), bool):
        raise InputError(
            f"{path} has format {content.get('format')!r}; this version of hybridff reads formats up to {FORMAT}. "
            "Update hybridff, or fit again."
        )
    try:
        for upgrade in _UPGRADES[content["format"] - 1 :]:
            content = upgrade(content)
        return _from_json(content)
    except KeyError as error:
        raise InputError(f"{path} is damaged: {error} is missing. Restore it, or fit again.") from None
    except InputError as error:
        raise InputError(f"{path} is damaged: {str(error).rstrip('.')}. Restore it, or fit again.") from None
    except (TypeError, ValueError, IndexError, AttributeError, RecursionError, MemoryError, OverflowError) as error:
        raise InputError(f"{path} is damaged: {reason_of(error)}. Restore it, or fit again.") from None


def _to_json(model: SavedModel) -> dict[str, Any]:
    force_field = model.force_field
    table, parameters = force_field.table, force_field.parameter_table
    return {
        "program": "hybridff",
        "format": FORMAT,
        "units": "nm, kJ/mol, rad, e; energies k/2 x² (bond, angle), k (1 + cos(n phi - phase)) (torsion)",
        "provenance": model.provenance,
        "energy_offset": model.energy_offset,
        "form": force_field.form,
        "share": force_field.share,
        "types": force_field.types,
        "source": force_field.source,
        "estimated": force_field.estimated,
        "molecule": _arrays(force_field.molecule),
        "parameters": {key: value for key, value in _arrays(parameters).items() if key != "kinds"},
        "quantities": {name: _finite(parameters.kinds[name]) for name in dict.fromkeys(parameters.quantities)},
        "coordinates": {kind: atoms.tolist() for kind, atoms in table.coordinates.items()},
        "definitions": {rows.feature.name: _definition(rows.feature) for rows in table.features},
        "features": [
            {
                "feature": rows.feature.name,
                "coordinate": rows.coordinate.tolist(),
                "parameters": {name: index.tolist() for name, index in rows.parameters.items()},
            }
            for rows in table.features
        ],
        "terms": {
            "products": table.products.tolist(),
            "multipliers": table.multipliers.tolist(),
            "coefficients": table.coefficients.tolist(),
            "groups": table.groups,
        },
        "nonbonded": _arrays(force_field.nonbonded),
        "corrections": [_correction_json(correction) for correction in force_field.corrections],
    }


def _correction_json(correction: Correction) -> dict[str, Any]:
    if not isinstance(correction, KernelTerm):
        raise InputError(f"a {type(correction).__name__} cannot be kept in a model file, only a KernelTerm.")
    expansion = correction.expansion
    return {
        "atoms": correction.atoms,
        "descriptor": _arrays(expansion.descriptor),
        "points": expansion.points.tolist(),
        "force_weights": expansion.force_weights.tolist(),
        "energy_weights": None if expansion.energy_weights is None else expansion.energy_weights.tolist(),
        "permutations": expansion.permutations.tolist(),
        "width": expansion.width,
        "constant": expansion.constant,
    }


def _definition(feature: Feature) -> dict[str, Any]:
    return {
        "coordinate": feature.coordinate,
        "expression": feature.expression.text,
        "parameters": {name: asdict(parameter) for name, parameter in feature.parameters.items()},
        "source": feature.source,
    }


def _finite(quantity: Quantity) -> dict[str, Any]:
    """A quantity as JSON can hold it: without infinite bounds."""
    return {name: None if value in (-math.inf, math.inf) else value for name, value in asdict(quantity).items()}


def _from_json(content: Mapping[str, Any]) -> SavedModel:
    molecule = _molecule(content["molecule"])
    raw = content["parameters"]
    kinds = {name: _quantity(entries) for name, entries in content["quantities"].items()}
    parameters = Parameters(_numbers(raw["values"], float), _texts(raw["quantities"]), _texts(raw["labels"]), kinds)
    definitions = {name: _feature(name, entries) for name, entries in content["definitions"].items()}
    terms = content["terms"]
    if set(content["coordinates"]) != set(COORDINATES):
        raise ValueError(f"its coordinates are not {', '.join(COORDINATES)}")
    table = TermTable(
        coordinates={
            kind: _numbers(atoms, int, COORDINATES[kind].n_atoms) for kind, atoms in content["coordinates"].items()
        },
        features=tuple(_feature_rows(rows, definitions) for rows in content["features"]),
        products=_numbers(terms["products"], int, len(terms["products"][0]) if terms["products"] else 1),
        multipliers=_numbers(terms["multipliers"], float),
        coefficients=_numbers(terms["coefficients"], int),
        groups=_texts(terms["groups"]),
    )
    raw = content["nonbonded"]
    nonbonded = NonbondedParameters(
        **{
            entry.name: _numbers(raw[entry.name], int, 2)
            if entry.name == "exceptions"
            else _numbers(raw[entry.name], float)
            for entry in fields(NonbondedParameters)
        }
    )
    force_field = ForceField(
        molecule,
        table,
        parameters,
        nonbonded,
        Origin(
            form=_text(content["form"]),
            share=cast(Share, _text(content["share"])),
            types=_texts(content["types"]),
            source=_text(content["source"]),
            estimated=_texts(content["estimated"]),
        ),
        corrections=tuple(_correction(raw, len(molecule.numbers)) for raw in content["corrections"]),
    )
    _check_lengths(force_field)
    _check_indices(force_field)
    offset, provenance = content["energy_offset"], content["provenance"]
    if not isinstance(provenance, dict):
        raise TypeError("the provenance is no table")
    return SavedModel(force_field, None if offset is None else float(_numbers([offset], float)[0]), provenance)


def _correction(raw: Mapping[str, Any], n_atoms: int) -> KernelTerm:
    own = raw["descriptor"]
    angles, torsions = (
        tuple(map(tuple, _numbers(own[name], int, size).tolist())) for name, size in (("angles", 3), ("torsions", 4))
    )
    atoms = _numbers(raw["atoms"], int)
    scale, width, constant = _numbers([own["angular_scale"], raw["width"], raw["constant"]], float).tolist()
    descriptor = Descriptor(len(atoms), angles, torsions, scale)
    points, weights = (_numbers(raw[name], float, len(descriptor)) for name in ("points", "force_weights"))
    energies = None if raw["energy_weights"] is None else _numbers(raw["energy_weights"], float)
    permutations = _numbers(raw["permutations"], int, len(atoms))
    limits = [(atoms, n_atoms), (np.array([*sum(angles, ()), *sum(torsions, ())], dtype=int), len(atoms))]
    if any(index.size and (index.min() < 0 or index.max() >= limit) for index, limit in limits):
        raise ValueError("an atom of a correction is out of range")
    if not len(permutations) or (np.sort(permutations, 1) != np.arange(len(atoms))).any():
        raise ValueError("a permutation of a correction is none")
    if len({len(array) for array in (points, weights, points if energies is None else energies)}) != 1 or width <= 0:
        raise ValueError("the points and weights of a correction do not fit together")
    expansion = KernelExpansion(
        descriptor,
        torch.as_tensor(points),
        torch.as_tensor(weights),
        None if energies is None else torch.as_tensor(energies),
        torch.as_tensor(permutations),
        width,
        constant,
    )
    expansion.expanded()  # raises KeyError for permutations that the descriptor's angles do not have
    return KernelTerm(atoms.tolist(), expansion)


def _molecule(raw: Mapping[str, Any]) -> Molecule:
    total = raw["total_charge"]
    return Molecule(
        name=_text(raw["name"]),
        numbers=_numbers(raw["numbers"], int),
        bonds=_numbers(raw["bonds"], int, 2),
        bond_orders=_numbers(raw["bond_orders"], int),
        formal_charges=_numbers(raw["formal_charges"], int),
        positions=None if raw["positions"] is None else _numbers(raw["positions"], float, 3),
        smiles=None if raw["smiles"] is None else _text(raw["smiles"]),
        total_charge=None if total is None else int(_numbers([total], int)[0]),
    )


def _quantity(raw: Mapping[str, Any]) -> Quantity:
    numbers = ("scale", "prior_width", "lower", "upper")
    values = {name: None if raw[name] is None else float(_numbers([raw[name]], float)[0]) for name in numbers}
    if values["scale"] is None or not isinstance(raw["relative"], bool):
        raise TypeError("a quantity is not complete")
    if values["scale"] <= 0:
        raise ValueError("the unit of a quantity has no size")
    lower, upper = values["lower"], values["upper"]
    return Quantity(
        unit=_text(raw["unit"]),
        scale=values["scale"],
        prior_width=values["prior_width"],
        lower=-math.inf if lower is None else lower,
        upper=math.inf if upper is None else upper,
        relative=raw["relative"],
    )


def _feature(name: str, raw: Mapping[str, Any]) -> Feature:
    """The feature as the file defines it: this version's own, with its span, where it is the same."""
    feature = Feature(
        name,
        _text(raw["coordinate"]),
        Expression(_text(raw["expression"])),
        {key: Parameter(_text(p["unit"]), _text(p["meaning"])) for key, p in raw["parameters"].items()},
        _text(raw["source"]),
    )
    own = FEATURES.get(name)
    if own and (own.coordinate, own.expression) == (feature.coordinate, feature.expression):
        return own
    if own and name in OPENMMS_OWN:
        raise ValueError(
            f"it defines {name} as {feature.expression.text!r}, which is {own.expression.text!r} in OpenMM"
        )
    return feature


def _feature_rows(raw: Mapping[str, Any], definitions: Mapping[str, Feature]) -> FeatureRows:
    feature = definitions[_text(raw["feature"])]
    parameters = {key: _numbers(raw["parameters"][key], int) for key in feature.parameters}
    return FeatureRows(feature, _numbers(raw["coordinate"], int), parameters)


def _upgrade_1_to_2(content: Mapping[str, Any]) -> dict[str, Any]:
    """Format 1 left definitions of features and quantities to the program; no multipliers, nothing out of plane."""
    rows, terms = content["features"], content["terms"]
    known = {
        name: FEATURES[name] for name in dict.fromkeys(_text(block["feature"]) for block in rows) if name in FEATURES
    }
    quantities = dict.fromkeys(content["parameters"]["quantities"])
    unknown = [name for name in quantities if name not in QUANTITIES]
    unknown += [block["feature"] for block in rows if block["feature"] not in FEATURES]
    if unknown:
        raise ValueError(f"it has a {unknown[0]!r}, which is not known")
    return {
        **content,
        "definitions": {name: _definition(feature) for name, feature in known.items()},
        "quantities": {name: _finite(QUANTITIES[name]) for name in quantities},
        "coordinates": {**content["coordinates"], "out_of_plane": []},
        "terms": {**terms, "multipliers": [1.0] * len(terms["coefficients"])},
    }


def _upgrade_2_to_3(content: Mapping[str, Any]) -> dict[str, Any]:
    """Format 2 had no corrections."""
    return {**content, "corrections": []}


_UPGRADES = (_upgrade_1_to_2, _upgrade_2_to_3)
"""What makes the content of each format that of the next one."""


def _check_lengths(model: ForceField) -> None:
    """Arrays that belong together have to be of one length."""
    molecule, table, parameters, nonbonded = model.molecule, model.table, model.parameter_table, model.nonbonded
    per_atom = [molecule.numbers, molecule.formal_charges, model.types]
    per_atom += [nonbonded.charge, nonbonded.sigma, nonbonded.epsilon]
    together: list[Sequence[Any]] = [
        per_atom if molecule.positions is None else [*per_atom, molecule.positions],
        [molecule.bonds, molecule.bond_orders],
        [parameters.values, parameters.quantities, parameters.labels],
        [table.products, table.multipliers, table.coefficients, table.groups],
        [
            nonbonded.exceptions,
            nonbonded.exception_charge_product,
            nonbonded.exception_sigma,
            nonbonded.exception_epsilon,
        ],
        *([rows.coordinate, *rows.parameters.values()] for rows in table.features),
    ]
    if any(len({len(array) for array in arrays}) != 1 for arrays in together):
        raise ValueError("lists that belong together differ in length")


def _check_indices(model: ForceField) -> None:
    """Every name and index has to exist."""
    molecule, table, parameters = model.molecule, model.table, model.parameter_table
    unknown = set(parameters.quantities) - set(parameters.kinds)
    if unknown:
        raise ValueError(f"it has a quantity {min(unknown)!r}, which is not known")
    n_atoms = len(molecule.numbers)
    limits = [(atoms, n_atoms) for atoms in (*table.coordinates.values(), molecule.bonds, model.nonbonded.exceptions)]
    for rows in table.features:
        limits.append((rows.coordinate, len(table.coordinates[rows.feature.coordinate])))
        limits.extend((index, len(parameters)) for index in rows.parameters.values())
    limits += [(table.products + 1, table.n_features + 1), (table.coefficients, len(parameters))]
    limits += [(table.products.max(1, initial=-1), table.n_features), (molecule.numbers - 1, 118)]
    if any(index.size and (index.min() < 0 or index.max() >= limit) for index, limit in limits):
        raise ValueError("an index is out of range")


def _arrays(data: Any) -> dict[str, Any]:
    values = {entry.name: getattr(data, entry.name) for entry in fields(data)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def _numbers(values: Any, kind: type[int] | type[float], width: int | None = None) -> np.ndarray:
    """Finite numbers (rows,), or (rows, width)."""
    array = np.array(values) if values else np.empty(0 if width is None else (0, width), kind)
    if array.dtype.kind not in ("iu" if kind is int else "iuf") or not np.isfinite(array).all():
        raise ValueError("something else stands where numbers should be")
    if array.shape[1:] != (() if width is None else (width,)) or array.ndim == 0:
        raise ValueError("a table of numbers has the wrong shape")
    return array.astype(np.int64 if kind is int else np.float64)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError("something else stands where a list of names should be")
    return tuple(map(_text, values))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} stands where a name should be")
    return value
