"""The class II form: anharmonic diagonal terms, couplings between internal coordinates, local pair terms.

After J. R. Maple et al., J. Comput. Chem. 15, 162 (1994), with longer-range and cubic couplings, pair interactions that
change with the bonds and angles at their ends, and forms that stay regular wherever hot molecules go: couplings fade
where a bond is stretched and are bounded where an angle is bent, torsions vanish at linear angles, pair corrections are
local on a repulsive baseline. A pair couples by the deviation from its mean: its mean times a stretch would be part of
the bond's own energy, but fade, and leave a bond that takes too little to break.

Atoms in line have a bend of two components and no torsion: the square of the bend stands in for the angle, and scalar
products of two bends couple those of a line with each other and with what is beside it. The two ends of a line have a
torsion across it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise

import numpy as np
import torch
from jaxtyping import Float
from rdkit.Chem import GetPeriodicTable

from hybridff.gaff.class2_kinds import KINDS
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.environments import EnvironmentLabels
from hybridff.gaff.features import FEATURES, MORSE_RANGE
from hybridff.gaff.nonbonded import all_pairs
from hybridff.gaff.parameters import Parameters, Share
from hybridff.gaff.products import Factor, Label, ProductRow, product_table, type_label
from hybridff.gaff.rest_geometry import Reference, reference_of, start_values, topology_of
from hybridff.gaff.terms import TermTable
from hybridff.gaff.topology import Topology
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, KCAL_MOL

_CENTRES = [0.20, 0.25, 0.30, 0.35, 0.40, 0.45]
"""Centres of the Gaussians of each pair [nm]."""
_COUPLED = 0.45
"""Distance [nm] that a pair has to come below to couple with the coordinates at its ends."""
_WALL = 2 * KCAL_MOL
"""Energy of the wall at its radius [kJ/mol]."""
_WALL_RADIUS = 0.6
"""Distance at which the wall reaches ``_WALL``, in units of the sum of Bondi's radii."""


def class2_form(
    molecule: Molecule,
    start: ClassOneParameters,
    geometries: Float[np.ndarray, "frames atoms 3"] | None,
    *,
    share: Share = "symmetry",
) -> tuple[TermTable, Parameters]:
    """All rows of the class II form, with the bonds, angles and torsions of ``start`` as starting values.

    Impropers and torsions of more than four periods have no rows of their own: out-of-plane terms start from zero.

    Reference lengths and angles are means over ``geometries``, or those of ``start`` where there are none or where rows
    of several molecules ``share`` their coefficients, which then have the same reference in every molecule.
    """
    rows = Class2Rows.of(molecule, start, geometries, share=share)
    every = [*rows.baseline(), *rows.diagonal(), *rows.couplings()]
    shared: Label | None = None
    if share == "types":
        shared = partial(type_label, rows.topology, start.types)
    elif share == "environment":
        shared = EnvironmentLabels(rows.topology, start.types)
    return product_table(rows.topology, every, KINDS, shared)


@dataclass(frozen=True, eq=False)
class Class2Rows:
    """The rows of the class II form for one molecule, by family."""

    molecule: Molecule
    start: ClassOneParameters
    topology: Topology
    rest: Reference
    """Reference values of the coordinates."""
    stiffness: Sequence[float]
    """Force constant of each bond at the start [kJ/mol/nm²]."""
    bending: Sequence[float]
    """Force constant of each angle at the start [kJ/mol/rad²]."""
    torsions: Sequence[tuple[int, ...]]
    """Atoms of all torsions that have a defined angle, also across atoms in line."""
    bends: Sequence[tuple[int, ...]]
    """Atoms of all torsions with atoms in line, which are two bends in place of an angle."""

    @classmethod
    def of(
        cls,
        molecule: Molecule,
        start: ClassOneParameters,
        geometries: Float[np.ndarray, "frames atoms 3"] | None,
        *,
        share: Share,
    ) -> "Class2Rows":
        """The rows of a molecule, whose references are means over ``geometries`` (see ``class2_form``)."""
        topology = topology_of(molecule, start)
        rest = reference_of(topology, molecule, start, geometries, share=share)
        bonds, angles = start_values(topology, start)
        chains = list(zip(topology.atoms["torsion"], rest.linear, strict=True))
        return cls(
            molecule,
            start,
            topology,
            rest,
            stiffness=topology.shared("bond", [k for _, k in bonds]),
            bending=topology.shared("angle", [k for _, k in angles]),
            torsions=[atoms for atoms, linear in chains if not linear],
            bends=[atoms for atoms, linear in chains if linear],
        )

    def stretch(self, name: str, atoms: Sequence[int]) -> Factor:
        """A feature of a bond."""
        bond = self.topology.index["bond"][min(tuple(atoms), tuple(atoms)[::-1])]
        return Factor(FEATURES[name], bond, (self.rest.values["bond"][bond],))

    def bend(self, name: str, atoms: Sequence[int]) -> Factor:
        """A feature of an angle: where its atoms are in line the square of their bend, whatever the name."""
        key = min(tuple(atoms), tuple(atoms)[::-1])
        angle = self.topology.index["angle"][key]
        if key in self.topology.lines:
            return Factor(FEATURES["linear_bend_square"], angle)
        return Factor(FEATURES[name], angle, (self.rest.values["angle"][angle],))

    def torsion(self, atoms: Sequence[int], n: int, name: str = "regular_cos") -> Factor:
        """A feature of a torsion with a periodicity."""
        torsion = self.topology.index["torsion"][min(tuple(atoms), tuple(atoms)[::-1])]
        return Factor(FEATURES[name], torsion, (float(n),))

    def nearness(self, name: str, pair: int, **constants: float) -> Factor:
        """A function of a pair's distance that is zero at its mean."""
        numbers = {"r": self.rest.values["pair"][pair], **constants, "mean": 0.0}
        values = {key: torch.tensor(value, dtype=torch.float64) for key, value in numbers.items()}
        return Factor(FEATURES[name], pair, (*constants.values(), float(FEATURES[name].evaluate(values, {}))))

    def wall_radius(self, pair: Sequence[int]) -> float:
        """Distance at which the wall of a pair reaches ``_WALL`` [nm]."""
        table = GetPeriodicTable()
        return _WALL_RADIUS * ANGSTROM * sum(table.GetRvdw(int(self.molecule.numbers[atom])) for atom in pair)

    def baseline(self) -> Iterator[ProductRow]:
        """What keeps atoms apart: never fitted."""
        known = all_pairs(self.start.nonbonded)
        parameters = {
            tuple(pair): values
            for pair, *values in zip(
                known.atoms.tolist(), known.charge_product, known.sigma, known.epsilon, strict=True
            )
        }
        pairs = self.topology.atoms["pair"]
        products, sigmas, epsilons = (
            self.topology.shared("pair", [parameters[pair][n] for pair in pairs]) for n in range(3)
        )
        for i, (pair, product, sigma, epsilon) in enumerate(zip(pairs, products, sigmas, epsilons, strict=True)):
            wall = Factor(FEATURES["pair_wall"], i, (self.wall_radius(pair),))
            yield ProductRow("pair baseline", (wall,), _WALL, "pair")
            if epsilon:
                exp6 = Factor(FEATURES["buffered_exp6"], i, (2 ** (1 / 6) * sigma,))
                yield ProductRow("pair baseline", (exp6,), epsilon, "pair")
            if product:
                yield ProductRow("pair baseline", (Factor(FEATURES["soft_coulomb"], i),), product, "pair")

    def diagonal(self) -> Iterator[ProductRow]:
        """Functions of one internal coordinate."""
        atoms = self.topology.atoms
        for bond, k in zip(atoms["bond"], self.stiffness, strict=True):
            x, square = self.stretch("morse", bond), self.stretch("morse_square", bond)
            depth = 0.5 * k / MORSE_RANGE**2
            for n, factors in enumerate([(x,), (square,), (x, square), (square, square)], start=1):
                yield ProductRow(f"bond {n}", factors, depth if n == 2 else 0.0, "bond")
        for angle, k in zip(atoms["angle"], self.bending, strict=True):
            yield from self._bend_powers(angle, k)
        amplitudes = self._amplitudes()
        for torsion in self.torsions:
            for n in range(1, 5):
                yield ProductRow(
                    f"torsion {n}", (self.torsion(torsion, n),), amplitudes.get((torsion, n), 0.0), "torsion"
                )
        for i in range(len(atoms["out_of_plane"])):
            s = Factor(FEATURES["out_of_plane"], i)
            yield ProductRow("out of plane 2", (s, s), 0.0, "improper")
        for i, _ in enumerate(atoms["pair"]):
            for centre in _CENTRES:
                yield ProductRow("pair local", (Factor(FEATURES["pair_gaussian"], i, (centre,)),), group="pair")
            yield ProductRow("pair soft", (Factor(FEATURES["pair_soft"], i),), group="pair")

    def _bend_powers(self, angle: tuple[int, ...], k: float) -> Iterator[ProductRow]:
        """Powers of an angle with the force constant ``k``; of a bend of atoms in line the even ones."""
        x, square = self.bend("bend", angle), self.bend("bend_square", angle)
        for n, factors in enumerate([(x,), (square,), (x, square), (square, square)], start=1):
            if n % 2 == 0 or angle not in self.topology.lines:
                yield ProductRow(f"angle {n}", factors, 0.5 * k if n == 2 else 0.0, "angle")

    def couplings(self) -> Iterator[ProductRow]:
        """Products of functions of several internal coordinates."""
        yield from self._bonds_and_bonds()
        yield from self._bonds_and_angles()
        yield from self._angles_and_angles()
        yield from self._torsions()
        yield from self._touching_torsions()
        yield from self._linear_bends()
        yield from self._pairs()
        yield from self._out_of_plane()

    def _amplitudes(self) -> dict[tuple[tuple[int, ...], int], float]:
        """Coefficients of the regular Fourier terms that have the amplitudes of the start at the reference angles."""
        found: dict[tuple[tuple[int, ...], int], float] = {}
        t = self.start.torsions
        for atoms, n, phase, k, improper in zip(
            t.atoms.tolist(), t.periodicity.tolist(), t.phase.tolist(), t.k.tolist(), t.improper.tolist(), strict=True
        ):
            if improper or k == 0:
                continue
            torsion = min(tuple(atoms), tuple(atoms)[::-1])
            rows = [self.topology.index["angle"][angle] for angle in self.topology.ends(torsion)]
            sines = [math.sin(self.rest.values["angle"][row]) for row in rows]
            key = torsion, n
            found[key] = found.get(key, 0.0) + k * math.cos(phase) / max(math.prod(sines), 0.3)
        return found

    def _bonds_and_bonds(self) -> Iterator[ProductRow]:
        for one, other in combinations(self.topology.atoms["bond"], 2):
            gap = self._gap(one, other)
            x, y = self.stretch("local_stretch", one), self.stretch("local_stretch", other)
            if gap <= 2:
                yield ProductRow(f"bond·bond {gap}", (x, y))
            if gap == 0:
                yield ProductRow("bond²·bond", (x, x, y))
                yield ProductRow("bond²·bond", (x, y, y))

    def _bonds_and_angles(self) -> Iterator[ProductRow]:
        for angle in self.topology.atoms["angle"]:
            i, j, k = angle
            t = self.bend("bounded_bend", angle)
            inside = [self.stretch("local_stretch", bond) for bond in ((i, j), (j, k))]
            for x in inside:
                yield ProductRow("bond·angle in", (x, t))
                yield ProductRow("bond·angle² in", (x, t, t))
                yield ProductRow("bond²·angle in", (x, x, t))
            yield ProductRow("bond·bond·angle in", (*inside, t))
            for bond in self.topology.atoms["bond"]:
                gap = self._gap(bond, (j,))
                if gap <= 3 and not set(bond) <= set(angle):
                    yield ProductRow(f"bond·angle {gap}", (self.stretch("local_stretch", bond), t))

    def _angles_and_angles(self) -> Iterator[ProductRow]:
        for one, other in combinations(self.topology.atoms["angle"], 2):
            gap = int(self.topology.distances[one[1], other[1]])
            x, y = self.bend("bounded_bend", one), self.bend("bounded_bend", other)
            if gap <= 3:
                yield ProductRow(f"angle·angle {gap}", (x, y))
            if gap == 0:
                yield ProductRow("angle²·angle 0", (x, x, y))
                yield ProductRow("angle²·angle 0", (x, y, y))

    def _torsions(self) -> Iterator[ProductRow]:
        for torsion in self.torsions:
            bends = [self.bend("bounded_bend", angle) for angle in self.topology.ends(torsion)]
            middle, ends = self._stretches(torsion)
            for n in (1, 2, 3):
                c = self.torsion(torsion, n)
                yield ProductRow(f"angle·angle·torsion {n}", (*bends, c))
                for t in bends:
                    yield ProductRow(f"angle·torsion {n}", (t, c))
                for x in middle:
                    yield ProductRow(f"middle bond·torsion {n}", (x, c))
                for x in ends:
                    yield ProductRow(f"end bond·torsion {n}", (x, c))
            c = self.torsion(torsion, 1)
            for x in (*middle, *ends):
                for t in bends:
                    yield ProductRow("bond·angle·torsion", (x, t, c))

    def _stretches(self, torsion: tuple[int, ...]) -> tuple[list[Factor], list[Factor]]:
        """Features of the bonds between the middle atoms of a torsion and of those at its ends."""
        i, *_, m = torsion
        path = self.topology.paths[torsion]
        return (
            [self.stretch("local_stretch", bond) for bond in pairwise(path)],
            [self.stretch("local_stretch", bond) for bond in ((i, path[0]), (path[-1], m))],
        )

    def _linear_bends(self) -> Iterator[ProductRow]:
        """Bends of atoms in line: with each other, and towards atoms beside the line, with what these do."""
        neighbours = self.topology.molecule.neighbours
        for torsion in self.bends:
            w = Factor(FEATURES["linear_bends"], self.topology.index["torsion"][torsion])
            yield ProductRow("linear bend", (w,))
            middle, ends = self._stretches(torsion)
            for x in (*middle, *ends):
                yield ProductRow("linear bend·bond", (w, x))
            yield ProductRow("linear bend·linear bend", (w, w))
            for _, j, _ in self.topology.ends(torsion):
                for a, b in combinations(neighbours[j], 2):
                    yield ProductRow("linear bend·angle", (w, self.bend("bounded_bend", (a, j, b))))

    def _touching_torsions(self) -> Iterator[ProductRow]:
        neighbours = self.topology.molecule.neighbours
        for torsion in self.torsions:
            _i, j, k, _m = torsion
            own = {*torsion, *self.topology.paths[torsion]}
            bonds = [(a, b) for a in torsion for b in neighbours[a] if b not in own]
            angles = [(a, c, b) for c in torsion for a, b in combinations(neighbours[c], 2)]
            angles = [a for a in angles if not set(a) <= own and set(a) & {j, k}]
            for n in (1, 2, 3):
                c = self.torsion(torsion, n)
                for bond in bonds:
                    if bond[0] in (j, k):
                        yield ProductRow(f"touching bond·torsion {n}", (self.stretch("local_stretch", bond), c))
                for angle in angles:
                    yield ProductRow(f"touching angle·torsion {n}", (self.bend("bounded_bend", angle), c))
        for one, other in combinations(self.torsions, 2):
            if _consecutive(one, other):
                for name in ("regular_cos", "regular_sin"):
                    yield ProductRow("torsion·torsion", (self.torsion(one, 1, name), self.torsion(other, 1, name)))

    def _pairs(self) -> Iterator[ProductRow]:
        neighbours = self.topology.molecule.neighbours
        for i, pair in enumerate(self.topology.atoms["pair"]):
            if self.rest.contacts[i] > _COUPLED:
                continue
            inverse = self.nearness("pair_inverse", i)
            contact = self.nearness("pair_contact", i, r0=self.wall_radius(pair))
            for torsion in self.torsions:
                if {torsion[0], torsion[3]} & set(pair) or set(pair) <= set(torsion):
                    for n in (1, 2):
                        yield ProductRow("pair·torsion", (inverse, self.torsion(torsion, n)))
            bonds = dict.fromkeys(tuple(sorted((a, b))) for a in pair for b in neighbours[a])
            angles = dict.fromkeys(angle for angle in self.topology.atoms["angle"] if set(angle) & set(pair))
            for name, function in (("pair", inverse), ("contact", contact)):
                for bond in bonds:
                    yield ProductRow(f"{name}·bond", (function, self.stretch("local_stretch", bond)))
                for angle in angles:
                    yield ProductRow(f"{name}·angle", (function, self.bend("bounded_bend", angle)))

    def _out_of_plane(self) -> Iterator[ProductRow]:
        centres = self.topology.atoms["out_of_plane"]
        for i, j in combinations(range(len(centres)), 2):
            if self.topology.distances[centres[i][0], centres[j][0]] <= 2:
                yield ProductRow(
                    "out of plane·out of plane",
                    (Factor(FEATURES["out_of_plane"], i), Factor(FEATURES["out_of_plane"], j)),
                )
        for i, (centre, *_) in enumerate(centres):
            for torsion in self.torsions:
                if centre in torsion[1:3]:
                    s = Factor(FEATURES["out_of_plane"], i)
                    yield ProductRow("out of plane·torsion", (s, self.torsion(torsion, 1, "regular_sin")))

    def _gap(self, one: Sequence[int], other: Sequence[int]) -> int:
        """Bonds between the nearest atoms of two groups."""
        return int(self.topology.distances[np.ix_(one, other)].min())


def _consecutive(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two torsions are those of one chain of five atoms."""
    return any(a[1:] == b[:-1] for a in (one, one[::-1]) for b in (other, other[::-1]))
