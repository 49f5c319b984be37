"""Parameters of several molecules in one vector: those that molecules share by type are one."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from hybridff.errors import FitError
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters, Quantity, numbered_labels, plain_label, same_value

_Key = tuple[str, str, float, int, int]


def common_parameters(
    force_fields: Sequence[ForceField],
) -> tuple[Parameters, tuple[Int[np.ndarray, " _"], ...]]:
    """The parameters of several force fields in one vector, and where each one's parameters stand in it.

    Raises ``FitError`` where a quantity has different priors or bounds in two of them.
    """
    index: dict[_Key, int] = {}
    kinds: dict[str, Quantity] = {}
    for force_field in force_fields:
        for name in dict.fromkeys(force_field.parameter_table.quantities):
            kind = force_field.parameter_table.kinds[name]
            if kinds.setdefault(name, kind) != kind:
                raise FitError(
                    f"{name!r} has another prior or other bounds in {force_field.molecule.name}; use one form."
                )
    positions = tuple(
        np.array([index.setdefault(key, len(index)) for key in _keys(force_field, i)], dtype=np.int64)
        for i, force_field in enumerate(force_fields)
    )
    quantities, labels, *_ = zip(*index, strict=True)
    values = np.empty(len(index))
    for force_field, own in zip(reversed(force_fields), reversed(positions), strict=True):
        values[own] = force_field.parameter_table.values
    return Parameters(values, tuple(quantities), numbered_labels(quantities, labels), kinds), positions


def _keys(force_field: ForceField, molecule: int) -> Iterator[_Key]:
    """What makes parameters of two molecules one: quantity, label without its number, value; and which of several.

    Parameters that are shared by symmetry belong to their molecule alone.
    """
    table, seen = force_field.parameter_table, Counter[tuple[str, str, float]]()
    owner = molecule if force_field.share == "symmetry" else -1
    values = map(same_value, table.values.tolist())
    for key in zip(table.quantities, map(plain_label, table.labels), values, strict=True):
        yield *key, seen[key], owner
        seen[key] += 1
