"""Term tables of products, each summed over the symmetries of the molecule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool

from hybridff.gaff.features import Feature
from hybridff.gaff.parameters import Parameters, Quantity, numbered_labels, same_value
from hybridff.gaff.terms import FeatureRows, Term, TermTable, integers, term_table
from hybridff.gaff.topology import Topology
from hybridff.units import ANGSTROM


class Factor(NamedTuple):
    """A feature of one coordinate, with the values of its parameters in the order of their declaration."""

    feature: Feature
    coordinate: int
    """Row of the coordinate in the topology."""
    constants: tuple[float, ...] = ()


@dataclass(frozen=True)
class ProductRow:
    """A product of up to three factors with its coefficient; equivalent products share it and need not be given."""

    quantity: str
    factors: tuple[Factor, ...]
    value: float = 0.0
    """Coefficient at the start [kJ/mol]."""
    group: str = "class2"


def parity(factor: Factor) -> int:
    """What a mirror image, which turns phi and s into minus themselves, multiplies a feature by; 0 if no number."""
    feature, flips = factor.feature, {"phi": -1.0, "s": -1.0}
    if flips.keys().isdisjoint(feature.variables):
        return 1
    sizes = torch.tensor([0.11, 0.37, 0.74, 0.93], dtype=torch.float64)
    numbers = {
        name: torch.tensor(value, dtype=torch.float64)
        for name, value in zip(feature.parameters, factor.constants, strict=True)
    }
    here = feature.evaluate(dict.fromkeys(feature.variables, sizes), numbers)
    there = feature.evaluate({name: flips.get(name, 1.0) * sizes for name in feature.variables}, numbers)
    slack = 1e-9 * float(here.abs().max())
    for sign in (1, -1):
        if bool(((there - sign * here).abs() <= slack).all()):
            return sign
    return 0


class _Products:
    """Products as sorted tuples of numbered factors."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.factors: list[Factor] = []
        self._index: dict[tuple, int] = {}
        self._images: list[dict[int, tuple[int, int]]] = []

    def number(self, factor: Factor) -> int:
        key = (factor.feature.name, factor.coordinate, factor.constants)
        found = self._index.get(key)
        if found is None:
            found = self._index[key] = len(self.factors)
            self.factors.append(factor)
        return found

    def images(self, number: int) -> dict[int, tuple[int, int]]:
        """Number and sign of a factor's image by each generator of the symmetries that does not leave it as it is."""
        while len(self._images) <= number:
            own, images = len(self._images), {}
            factor = self.factors[own]
            for generator, maps in enumerate(self.topology.images):
                rows, signs = maps[factor.feature.coordinate]
                sign = 1 if signs[factor.coordinate] > 0 else parity(factor)
                image = self.number(factor._replace(coordinate=rows[factor.coordinate])), sign
                if image != (own, 1):
                    images[generator] = image
            self._images.append(images)
        return self._images[number]

    def orbit(self, product: tuple[int, ...]) -> dict[tuple[int, ...], int]:
        """All images of a product with their signs; nothing if it is an image of minus itself."""
        signs, front, vanishes = {product: 1}, [product], False
        while front:
            here = front.pop()
            moved = [self.images(number) for number in here]
            for generator in sorted(set().union(*moved)):
                images = [own.get(generator, (number, 1)) for number, own in zip(here, moved, strict=True)]
                there = tuple(sorted(number for number, _ in images))
                sign = signs[here]
                for _, own in images:
                    sign *= own
                if there not in signs:
                    signs[there] = sign
                    front.append(there)
                vanishes |= signs[there] != sign
        return {} if vanishes else signs


Label = Callable[[Sequence[Factor]], tuple[str, int]]
"""The label of a product, whose rows share a coefficient, and the sign with which they have it."""


def product_table(
    topology: Topology, rows: Sequence[ProductRow], kinds: Mapping[str, Quantity], shared: Label | None = None
) -> tuple[TermTable, Parameters]:
    """The table of some rows and all their images under the symmetries of the molecule.

    Rows that are images of an earlier one, or that vanish by symmetry, are left out. The coefficients are labelled by
    the atoms of the row that was given first.

    Rows of the same ``shared`` label share their coefficient too, in this molecule and, by their labels, in others.
    """
    products = _Products(topology)
    index: dict[tuple, int] = {}
    names: list[str] = []
    labels: list[str] = []
    values: list[float] = []
    terms: list[Term] = []
    seen: set[tuple[str, tuple[int, ...]]] = set()
    for row in rows:
        factors = tuple(sorted(products.number(factor) for factor in row.factors))
        if (row.quantity, factors) in seen:
            continue
        orbit = products.orbit(factors)
        seen.update((row.quantity, image) for image in (orbit or {factors: 1}))
        if not orbit:
            continue
        label, own = (numbered_label(topology, row.factors), 1) if shared is None else shared(row.factors)
        key = len(names) if shared is None else (row.quantity, label, same_value(row.value))
        coefficient = index.setdefault((key,), len(names))
        terms += [Term(image, coefficient, row.group, own * sign) for image, sign in orbit.items()]
        if coefficient == len(names):
            names.append(row.quantity)
            labels.append(label)
            values.append(row.value)
    return _assemble(products, terms, Parameters(np.array(values), tuple(names), tuple(labels), kinds))


def without(
    table: TermTable, parameters: Parameters, dropped: Bool[np.ndarray, " parameters"]
) -> tuple[TermTable, Parameters]:
    """The table without the terms of some coefficients, nor anything that only they need."""
    kept = ~dropped[table.coefficients]
    rows_used = np.unique(table.products[kept])
    rows_used = rows_used[rows_used >= 0]
    new_row = np.full(table.n_features + 1, -1)
    new_row[rows_used] = np.arange(len(rows_used))
    blocks, first = [], 0
    for rows in table.features:
        own = rows_used[(rows_used >= first) & (rows_used < first + len(rows))] - first
        first += len(rows)
        if len(own):
            indices = {name: index[own] for name, index in rows.parameters.items()}
            blocks.append(FeatureRows(rows.feature, rows.coordinate[own], indices))
    used = np.unique(np.concatenate([table.coefficients[kept], *(i for b in blocks for i in b.parameters.values())]))
    new_parameter = np.full(len(parameters), -1)
    new_parameter[used] = np.arange(len(used))
    blocks = [
        replace(block, parameters={name: new_parameter[index] for name, index in block.parameters.items()})
        for block in blocks
    ]
    pruned = TermTable(
        table.coordinates,
        tuple(blocks),
        new_row[table.products[kept]],
        table.multipliers[kept],
        new_parameter[table.coefficients[kept]],
        tuple(np.array(table.groups, dtype=object)[kept]),
    )
    return pruned, Parameters(
        parameters.values[used],
        tuple(parameters.quantities[i] for i in used),
        tuple(parameters.labels[i] for i in used),
        parameters.kinds,
    )


def _assemble(products: _Products, terms: Sequence[Term], coefficients: Parameters) -> tuple[TermTable, Parameters]:
    """Tables of terms whose rows are numbers of factors; the constants follow the coefficients in the vector."""
    constants: dict[float, int] = {}
    blocks: dict[str, list[int]] = {}
    for number, factor in enumerate(products.factors):
        blocks.setdefault(factor.feature.name, []).append(number)
    features, place = [], np.empty(len(products.factors), dtype=np.int64)
    n_rows, first = 0, len(coefficients)
    for numbers in blocks.values():
        own = [products.factors[number] for number in numbers]
        feature = own[0].feature
        indices = {
            name: integers([first + constants.setdefault(factor.constants[i], len(constants)) for factor in own])
            for i, name in enumerate(feature.parameters)
        }
        features.append(FeatureRows(feature, integers([factor.coordinate for factor in own]), indices))
        place[numbers] = n_rows + np.arange(len(numbers))
        n_rows += len(numbers)
    placed = [term._replace(rows=place[list(term.rows)].tolist()) for term in terms]
    table = term_table(products.topology.atoms, features, placed)
    quantities = (*coefficients.quantities, *["constant"] * len(constants))
    labels = (*coefficients.labels, *(f"{value:.6g}" for value in constants))
    values = np.concatenate([coefficients.values, np.array(list(constants), dtype=float)])
    return table, Parameters(values, quantities, numbered_labels(quantities, labels), coefficients.kinds)


def numbered_label(topology: Topology, factors: Sequence[Factor]) -> str:
    """Atoms of every factor, and its constants where they are not the coordinate's own: "C1-O3 · C2-C1-O3-H9 n=2"."""
    symbols = topology.molecule.symbols
    parts = []
    for factor in factors:
        kind = factor.feature.coordinate
        text = "-".join(f"{symbols[atom]}{atom + 1}" for atom in topology.atoms[kind][factor.coordinate])
        parts.append(text + constants_text(factor))
    return " · ".join(parts)


def constants_text(factor: Factor) -> str:
    """Constants of a factor that are not its coordinate's own, as labels have them."""
    text = ""
    for (name, parameter), value in zip(factor.feature.parameters.items(), factor.constants, strict=True):
        if name == "mean":
            continue
        if parameter.unit == "1":
            text += f" {name}={value:g}"
        elif factor.feature.coordinate == "pair":
            text += f" {value / ANGSTROM:.2f} Å"
    return text


def type_label(topology: Topology, types: Sequence[str], factors: Sequence[Factor]) -> tuple[str, int]:
    """Types of every factor's atoms and which of them are one: "c3-oh (1-2) · c3-c3-oh n=1 (3-1-2)".

    The least of all ways to write it, so that it is the same in every molecule. Signed coordinates stay with theirs.
    """
    if any(factor.feature.coordinate == "out_of_plane" for factor in factors):
        return numbered_label(topology, factors), 1
    ways = []
    for factor in factors:
        atoms = topology.atoms[factor.feature.coordinate][factor.coordinate]
        name = factor.feature.name, factor.constants
        ways.append([(name, tuple(types[a] for a in way), way) for way in dict.fromkeys((atoms, atoms[::-1]))])
    least = None
    for order in permutations(ways):
        for chosen in product(*order):
            first: dict[int, int] = {}
            found = tuple((name, own, tuple(first.setdefault(a, len(first)) for a in way)) for name, own, way in chosen)
            least = found if least is None else min(least, found)
    assert least is not None
    constants = {(factor.feature.name, factor.constants): constants_text(factor) for factor in factors}
    text = " · ".join(
        f"{'-'.join(own)}{constants[name]} ({'-'.join(str(place + 1) for place in places)})"
        for name, own, places in least
    )
    return text, 1
