"""The model file: one JSON with all that a force field is and where it comes from; loading it runs nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.errors import InputError
from hybridff.gaff.classone import NonbondedParameters
from hybridff.gaff.features import FEATURES
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import QUANTITIES, Parameters
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.molecule import Molecule

FILE_NAME = "model.json"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A force field with the energy offset of its fit and its provenance."""

    force_field: ForceField
    energy_offset: float | None
    """Reference minus model energy [kJ/mol]; None for a force field that was not fitted."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Program version, options, inputs with their hashes, level of theory, seeds, errors."""


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
        raise InputError(f"no model in {folder}: there is no {FILE_NAME}. Make one with 'hybridff fit'.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is damaged: {error}. Restore it, or fit again.") from None
    if not isinstance(content, dict) or content.get("program") != "hybridff":
        raise InputError(f"{path} is not a hybridff model.")
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path} has format {content.get('format')!r}; this version of hybridff reads format {FORMAT}. "
            "Update hybridff, or fit again."
        )
    try:
        return _from_json(content)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged: {type(error).__name__}: {error}. Restore it, or fit again.") from None


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
        "types": force_field.types,
        "source": force_field.source,
        "estimated": force_field.estimated,
        "molecule": _arrays(force_field.molecule),
        "parameters": _arrays(parameters),
        "coordinates": {kind: atoms.tolist() for kind, atoms in table.coordinates.items()},
        "features": [
            {
                "feature": rows.feature,
                "coordinate": rows.coordinate.tolist(),
                "parameters": {name: index.tolist() for name, index in rows.parameters.items()},
            }
            for rows in table.features
        ],
        "terms": {
            "products": table.products.tolist(),
            "coefficients": table.coefficients.tolist(),
            "groups": table.groups,
        },
        "nonbonded": _arrays(force_field.nonbonded),
    }


def _from_json(content: Mapping[str, Any]) -> SavedModel:
    raw = content["molecule"]
    molecule = Molecule(
        **{
            **raw,
            "numbers": _int(raw["numbers"]),
            "bonds": _int(raw["bonds"], 2),
            "bond_orders": _int(raw["bond_orders"]),
            "formal_charges": _int(raw["formal_charges"]),
            "positions": None if raw["positions"] is None else _float(raw["positions"], 3),
        }
    )
    raw = content["parameters"]
    parameters = Parameters(_float(raw["values"]), tuple(raw["quantities"]), tuple(raw["labels"]))
    terms = content["terms"]
    table = TermTable(
        coordinates={
            kind: _int(atoms, len(atoms[0]) if atoms else 2) for kind, atoms in content["coordinates"].items()
        },
        features=tuple(
            FeatureRows(
                rows["feature"],
                _int(rows["coordinate"]),
                {name: _int(index) for name, index in rows["parameters"].items()},
            )
            for rows in content["features"]
        ),
        products=_int(terms["products"], 1 if not terms["products"] else len(terms["products"][0])),
        coefficients=_int(terms["coefficients"]),
        groups=tuple(terms["groups"]),
    )
    _check(molecule, table, parameters)
    raw = content["nonbonded"]
    nonbonded = NonbondedParameters(
        **{name: _int(raw[name], 2) if name == "exceptions" else _float(raw[name]) for name in raw}
    )
    force_field = ForceField(
        molecule,
        table,
        parameters,
        nonbonded,
        form=content["form"],
        types=tuple(content["types"]),
        source=content["source"],
        estimated=tuple(content["estimated"]),
    )
    return SavedModel(force_field, content["energy_offset"], content["provenance"])


def _check(molecule: Molecule, table: TermTable, parameters: Parameters) -> None:
    """Every name and index of a loaded table has to exist."""
    unknown = {rows.feature for rows in table.features} - set(FEATURES) | set(parameters.quantities) - set(QUANTITIES)
    if unknown:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}")
    limits = [(atoms, len(molecule.numbers)) for atoms in table.coordinates.values()]
    for rows in table.features:
        limits.append((rows.coordinate, len(table.coordinates[FEATURES[rows.feature].coordinate])))
        limits.extend((index, len(parameters)) for index in rows.parameters.values())
    limits += [(table.products + 1, table.n_features + 1), (table.coefficients, len(parameters))]
    if any(index.size and (index.min() < 0 or index.max() >= limit) for index, limit in limits):
        raise ValueError("an index is out of range")


def _arrays(data: Any) -> dict[str, Any]:
    values = {entry.name: getattr(data, entry.name) for entry in fields(data)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}


def _int(values: list, width: int | None = None) -> np.ndarray:
    array = np.array(values, dtype=np.int64)
    return array if width is None else array.reshape(-1, width)


def _float(values: list, width: int | None = None) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    return array if width is None else array.reshape(-1, width)
