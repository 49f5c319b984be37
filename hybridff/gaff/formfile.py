"""The TOML file of a user's own functional form: strictly read, every mistake named with its table and key."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, cast, get_args

import torch

from hybridff.errors import InputError
from hybridff.expressions.expression import bounded_expression
from hybridff.foreign import read_toml
from hybridff.gaff.features import Feature, Parameter
from hybridff.gaff.parameters import Quantity, plain_label
from hybridff.gaff.patterns import Pattern
from hybridff.gaff.products import Factor, parity
from hybridff.gaff.rest_geometry import VARIABLES
from hybridff.gaff.userform import Base, UserFeature, UserForm, UserRow
from hybridff.geometry import COORDINATES
from hybridff.units import ANGSTROM, BOHR, DEGREE, KCAL_MOL

_UNITS = {
    "1": 1.0,
    "nm": 1.0,
    "angstrom": ANGSTROM,
    "Å": ANGSTROM,
    "bohr": BOHR,
    "rad": 1.0,
    "degree": DEGREE,
    "°": DEGREE,
}
_MOST_FACTORS = 3
_PLAUSIBLE: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "bond": {"r": (0.07, 0.1, 0.15, 0.25)},
    "angle": {"theta": (1.0, 1.6, 2.1, 3.0)},
    "torsion": {
        "phi": (-3.1, -1.3, 0.2, 2.3),
        "theta1": (1.2, 1.7, 2.2, 2.9),
        "theta2": (1.9, 2.6, 1.3, 2.0),
        "bends": (-0.9, -0.2, 0.1, 0.7),
    },
    "out_of_plane": {"s": (-0.9, -0.2, 0.1, 0.7)},
    "pair": {"r": (0.15, 0.25, 0.4, 1.0)},
}
"""Values where every expression has to be a number."""
_PLAUSIBLE_REFERENCE = {"bond": 0.12, "angle": 1.9, "pair": 0.3}


def read_form(path: Path) -> UserForm:
    """Read and check a form; raises ``InputError`` that names the file, the table and the key."""
    if not path.exists():
        raise InputError(f"there is no form {path}; name an existing TOML file.")
    content = read_toml(path)
    top = _Table(str(path), content)
    name, base = top.text("name"), top.one_of("base", ("none", *get_args(Base)))
    if name in ("none", "neural", *get_args(Base)):
        top.fail(f"hybridff has a form of the name {name!r}; choose another name")
    raw_features, raw_rows = top.table("features"), top.tables("rows")
    top.finish()
    features = {
        key: _read_feature(name, key, _Table(f"{path}, [features.{key}]", raw_features.table(key).content))
        for key in raw_features.content
    }
    rows: list[UserRow] = []
    for number, raw in enumerate(raw_rows, start=1):
        rows.append(_read_row(_Table(f"{path}, [[rows]] number {number}", raw), features))
        if rows[-1].name in [row.name for row in rows[:-1]]:
            raise InputError(
                f"{path}, [[rows]] number {number}: an earlier row is called {rows[-1].name!r} too; "
                "give one of them another name."
            )
    unused = [key for key in features if not any(key in row.features for row in rows)]
    if unused:
        raise InputError(f"{path}, [features.{unused[0]}]: no row uses it; add a row, or leave it out.")
    form = UserForm(path, name, None if base == "none" else cast(Base, base), features, tuple(rows))
    quantities = [quantity for row in rows for quantity, _ in form.variants(row)]
    for i, quantity in enumerate(quantities):
        if quantity in quantities[:i] or quantity == "constant":
            raise InputError(f"{path}: the name {quantity!r} would stand for two quantities; rename a row.")
    return form


@dataclass
class _Table:
    """A table of the file, of which every key has to be asked for."""

    where: str
    content: dict[str, Any]

    def __post_init__(self) -> None:
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Whether an optional key is there."""
        self._known.append(key)
        return key in self.content

    def value(self, key: str) -> Any:
        """What a key says, whatever it is."""
        if not self.has(key):
            self.fail(f"the key {key!r} is missing; add it")
        return self.content[key]

    def text(self, key: str) -> str:
        """A text on one line."""
        value = self.value(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.fail(f"{key} has to be a text in quotes, not {value!r}")
        return value

    def one_of(self, key: str, known: Sequence[str]) -> str:
        """One of some words."""
        value = self.value(key)
        if value not in known:
            self.fail(f"{key} has to be one of {', '.join(known)}, not {value!r}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        return self._number(key, self.value(key))

    def numbers(self, key: str) -> tuple[float, ...]:
        """One number, or a list of different ones."""
        value = self.value(key)
        values = value if isinstance(value, list) else [value]
        found = tuple(self._number(key, each) for each in values)
        if not found or len(set(found)) < len(found):
            self.fail(f"{key} has to be a number or a list of different numbers, not {value!r}")
        return found

    def counts(self, key: str) -> tuple[int, ...]:
        """Whole numbers from 0 on."""
        found = self.numbers(key)
        if any(value < 0 or value != int(value) for value in found):
            self.fail(f"{key} has to be a whole number of at least 0, or a list of such, not {self.content[key]!r}")
        return tuple(map(int, found))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.value(key)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
            self.fail(f"{key} has to be a list of texts in quotes, not {value!r}")
        return tuple(value)

    def table(self, key: str) -> "_Table":
        """A table inside."""
        value = self.value(key)
        if not isinstance(value, dict) or not value:
            self.fail(f"{key} has to be a table with something in it, such as [{key}.NAME], not {value!r}")
        return _Table(f"{self.where}, {key}", value)

    def tables(self, key: str) -> list[dict[str, Any]]:
        """An array of tables."""
        value = self.value(key)
        if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
            self.fail(f"{key} has to be one or more tables, each below a line [[{key}]], not {value!r}")
        return value

    def finish(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self.content:
            if key not in self._known:
                near = get_close_matches(key, self._known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(dict.fromkeys(self._known))}."
                raise InputError(f"{self.where}: {key!r} is no key; {hint.rstrip('.?')}.")

    def fail(self, problem: str) -> NoReturn:
        """Raise with the place in front."""
        raise InputError(f"{self.where}: {problem}.")

    def _number(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fail(f"{key} has to be a number, not {value!r}")
        return float(value)


def _read_feature(form: str, name: str, raw: _Table) -> UserFeature:
    if not (name.isascii() and name.isidentifier()):
        raw.fail("a feature's name has to be letters, digits and _, beginning with a letter")
    kind, text = raw.one_of("coordinate", tuple(COORDINATES)), raw.text("expression")
    constants: dict[str, tuple[float, ...] | None] = {}
    declared: dict[str, Parameter] = {}
    if raw.has("parameters"):
        parameters = raw.table("parameters")
        for key in parameters.content:
            constants[key], declared[key] = _read_parameter(key, parameters, kind)
    raw.finish()
    try:
        feature = Feature(f"{form}.{name}", kind, bounded_expression(text), declared, "the user's own form")
    except InputError as error:
        raw.fail(str(error).removeprefix(f"feature {form}.{name}: ").rstrip("."))
    unvaried = UserFeature(feature, constants, 1)
    signs = {_checked(feature, choice, raw) for choice in unvaried.choices(_PLAUSIBLE_REFERENCE.get(kind, 0.0))}
    if len(signs) > 1:
        raw.fail("for some of its values a mirror image changes its sign, for others not; make two features of it")
    return replace(unvaried, parity=signs.pop())


def _read_parameter(name: str, table: _Table, kind: str) -> tuple[tuple[float, ...] | None, Parameter]:
    """Values [internal units] and declaration; None for the reference value."""
    raw = table.value(name)
    if not (name.isascii() and name.isidentifier()):
        table.fail(f"a parameter's name has to be letters, digits and _, beginning with a letter, not {name!r}")
    if raw == "reference":
        if kind not in VARIABLES:
            table.fail(f'{name}: only bonds, angles and pairs have a "reference"; give a number')
        return None, Parameter("rad" if kind == "angle" else "nm", "reference value")
    if isinstance(raw, int | float | list) and not isinstance(raw, bool):
        return table.numbers(name), Parameter("1", "given without unit")
    if not isinstance(raw, dict):
        table.fail(f'{name} has to be a number, {{value = …, unit = "…"}} or "reference", not {raw!r}')
    inner = _Table(f"{table.where}.{name}", raw)
    values, text = inner.numbers("value"), inner.text("unit")
    size, unit = _unit(text, inner)
    inner.finish()
    return tuple(value * size for value in values), Parameter(unit, f"given in {text}")


def _unit(text: str, table: _Table) -> tuple[float, str]:
    """Size and name of a unit in internal ones: "angstrom", "1/nm", "degree^2" …"""
    over = text.startswith("1/")
    base, hat, power = text.removeprefix("1/").partition("^")
    exponent = int(power) if power in ("1", "2", "3", "4", "6", "12") else 0 if hat else 1
    if base not in _UNITS or exponent == 0 or (base == "1" and text != "1"):
        table.fail(
            f"unit {text!r} is not known; give one of {', '.join(_UNITS)}, or its inverse or power such as "
            "1/angstrom, nm^2"
        )
    internal = "1" if base == "1" else "rad" if _UNITS[base] in (DEGREE,) or base == "rad" else "nm"
    name = internal + (f"^{exponent}" if exponent > 1 else "")
    return _UNITS[base] ** (-exponent if over else exponent), f"1/{name}" if over else name


def _checked(feature: Feature, constants: tuple[float, ...], raw: _Table) -> int:
    """The parity of a feature with some constants, which has to be a sound function of its coordinate."""
    if not feature.variables:
        raw.fail(f"the expression depends on none of {', '.join(COORDINATES[feature.coordinate].variables)}; use one")
    plausible = _PLAUSIBLE[feature.coordinate]
    x = {name: torch.tensor(plausible[name], dtype=torch.float64, requires_grad=True) for name in feature.variables}
    numbers = {
        name: torch.tensor(value, dtype=torch.float64)
        for name, value in zip(feature.parameters, constants, strict=True)
    }
    try:
        value = feature.evaluate(x, numbers)
        slopes = torch.autograd.grad(value.sum(), list(x.values()))
    except (OverflowError, ZeroDivisionError, RecursionError) as error:
        raw.fail(f"the expression cannot be evaluated: {error}")
    fine = torch.isfinite(torch.stack([value, *slopes])).all(0)
    if not fine.all():
        bad = int(fine.int().argmin())
        where = ", ".join(f"{name} = {plausible[name][bad]:g}" for name in feature.variables)
        raw.fail(f"the expression or its slope is no finite number at {where} (nm, rad); change it")
    if feature.coordinate == "torsion":
        other = {"theta1": "theta2", "theta2": "theta1"}
        back = {other.get(name, name): values for name, values in x.items()}
        if set(back) != set(x) or not torch.allclose(feature.evaluate(back, numbers), value, rtol=1e-9):
            raw.fail("the expression changes when theta1 and theta2 are exchanged, which depends on the order of atoms")
        around = {name: values + 2 * math.pi if name == "phi" else values for name, values in x.items()}
        if not torch.allclose(feature.evaluate(around, numbers), value, rtol=1e-9):
            raw.fail("the expression is not the same after a full turn of phi; make it of sin and cos of multiples")
    found = parity(Factor(feature, 0, constants))
    if found == 0:
        variable = "phi" if feature.coordinate == "torsion" else "s"
        raw.fail(
            f"a mirror image turns {variable} into -{variable}, and the expression into neither itself nor minus "
            f"itself; make it even or odd in {variable}"
        )
    return found


def _read_row(raw: _Table, features: Mapping[str, UserFeature]) -> UserRow:
    names = raw.texts("features")
    if len(names) > _MOST_FACTORS:
        raw.fail(f"features has {len(names)} names; {_MOST_FACTORS} is the most")
    for name in names:
        if name not in features:
            near = get_close_matches(name, features, 1)
            raw.fail(f"features: there is no [features.{name}]; {f'did you mean {near[0]}' if near else 'add it'}")
    label = raw.text("name") if raw.has("name") else "·".join(names)
    if plain_label(label) != label:
        raw.fail('name must not have " #" in it')
    kinds = [features[name].feature.coordinate for name in names]
    pattern = _read_pattern(raw, kinds)
    width = raw.number("prior")
    if width <= 0:
        raw.fail(f"prior has to be a positive width in kcal/mol, not {width:g}")
    limits = {
        key: raw.number(key) if raw.has(key) else default
        for key, default in (("lower", -math.inf), ("upper", math.inf), ("start", 0.0))
    }
    raw.finish()
    if not limits["lower"] <= limits["start"] <= limits["upper"] or limits["lower"] == limits["upper"]:
        raw.fail(f"start ({limits['start']:g}) has to lie between lower and upper")
    if math.prod(features[name].parity for name in names) < 0:
        raw.fail(
            "a mirror image of the molecule changes the sign of this product, so its energy would have a handedness; "
            "take an even number of functions that are odd in phi or s"
        )
    lower, upper, start = (limits[key] * KCAL_MOL for key in ("lower", "upper", "start"))
    return UserRow(label, names, pattern, Quantity("kcal/mol", KCAL_MOL, width * KCAL_MOL, lower, upper), start)


def _read_pattern(raw: _Table, kinds: Sequence[str]) -> Pattern:
    relation: Any = raw.one_of("relation", ("same", "inside")) if raw.has("relation") else None
    counts = {key: raw.counts(key) if raw.has(key) else None for key in ("apart", "shared")}
    far = [key for key, value in counts.items() if value is not None]
    if len(kinds) == 1 and (relation or far):
        raw.fail(f"{'relation' if relation else far[0]} is said of several features, and this row has one")
    if len(kinds) > 1 and bool(relation) == bool(far):
        raw.fail('a row of several features needs relation = "same" or "inside", or else apart or shared')
    if relation == "same" and len(set(kinds)) > 1:
        raw.fail(f'relation = "same" puts all features on one coordinate, but these are of {" and ".join(kinds)}')
    if relation == "inside" and any(COORDINATES[k].n_atoms > COORDINATES[kinds[-1]].n_atoms for k in kinds):
        raw.fail(f'relation = "inside" puts all features inside the last, and a {kinds[-1]} is not the largest')
    labels = {key: _read_labels(key, raw, kinds, relation) if raw.has(key) else None for key in ("types", "elements")}
    within = None
    if raw.has("within"):
        inner = raw.table("within")
        inner.where = f"{raw.where}, within"
        value = inner.number("value")
        size, unit = _unit(inner.text("unit"), inner)
        inner.finish()
        if unit != "nm" or value <= 0 or "pair" not in kinds:
            raw.fail("within has to be a positive distance, in a row with a pair")
        within = value * size
    return Pattern(relation, counts["apart"], counts["shared"], labels["types"], labels["elements"], within)


def _read_labels(key: str, raw: _Table, kinds: Sequence[str], relation: str | None) -> tuple[str, ...]:
    found = raw.texts(key)
    if relation == "same" and len(found) == 1:
        found *= len(kinds)
    if len(found) != len(kinds):
        raw.fail(f'{key} has {len(found)} entries for {len(kinds)} features; give one for each, "*-*" for any bond')
    for text, kind in zip(found, kinds, strict=True):
        parts = text.split("-")
        if len(parts) != COORDINATES[kind].n_atoms or not all(
            part and all(c.isalnum() or c in "*+" for c in part) for part in parts
        ):
            raw.fail(
                f"{key}: {text!r} is no {kind}; write {COORDINATES[kind].n_atoms} names with - between them, "
                "* for any letters"
            )
    return found
