"""Functional forms: which rows a force field has. So far GAFF's own, ``harmonic``."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np

from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.features import PAIR_DISTANCE
from hybridff.gaff.nonbonded import all_pairs
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.molecule import Molecule
from hybridff.units import DEGREE

Share = Literal["symmetry", "types"]

_LINEAR = 175 * DEGREE


class _ParameterBuilder:
    """Collects the parameter vector; the same quantity, group of atoms and value give the same entry."""

    def __init__(self) -> None:
        self._index: dict[tuple, int] = {}
        self._values: list[float] = []
        self._quantities: list[str] = []
        self._labels: list[str] = []
        self._taken: set[tuple[str, str]] = set()

    def index(self, quantity: str, group: tuple, value: float, label: str) -> int:
        key = (quantity, group, value)
        if key not in self._index:
            taken = {
                label_
                for quantity_, label_ in zip(self._quantities, self._labels, strict=True)
                if quantity_ == quantity
            }
            names = itertools.chain([label], (f"{label} #{i}" for i in itertools.count(2)))
            self._index[key] = len(self._values)
            self._values.append(value)
            self._quantities.append(quantity)
            self._labels.append(next(name for name in names if name not in taken))
        return self._index[key]

    def parameters(self) -> Parameters:
        return Parameters(np.array(self._values, dtype=float), tuple(self._quantities), tuple(self._labels))


def harmonic(
    molecule: Molecule, start: ClassOneParameters, *, share: Share, fourier: int = 0
) -> tuple[TermTable, Parameters]:
    """GAFF's form: harmonic bonds and angles, Fourier torsions and impropers, Lennard-Jones and Coulomb pairs.

    ``share`` says which rows have their parameters in common: those whose atoms are equivalent in the molecular graph
    ("symmetry"), or those whose atoms have the same types ("types"). Rows that start from different values never share.
    ``fourier`` adds, with amplitude zero, the torsion terms n = 1 … ``fourier`` that GAFF does not have.

    Torsions without amplitude about a linear group of atoms are left out: they have no defined angle.
    """
    keys: Sequence = start.types if share == "types" else molecule.equivalent_atoms().tolist()
    name = _namer(molecule, start.types, share)
    builder = _ParameterBuilder()

    def group(atoms: Iterable[int]) -> tuple:
        key = tuple(keys[a] for a in atoms)
        return min(key, key[::-1])

    bonds, angles = start.bonds, start.angles
    bond_r0, bond_k, angle_theta0, angle_k = [], [], [], []
    for atoms, r0, k in zip(bonds.atoms, bonds.r0, bonds.k, strict=True):
        where = (group(atoms), r0, k)
        bond_r0.append(builder.index("bond r0", where, r0, name(atoms)))
        bond_k.append(builder.index("bond k", where, k, name(atoms)))
    for atoms, theta0, k in zip(angles.atoms, angles.theta0, angles.k, strict=True):
        where = (group(atoms), theta0, k)
        angle_theta0.append(builder.index("angle theta0", where, theta0, name(atoms)))
        angle_k.append(builder.index("angle k", where, k, name(atoms)))

    torsion_atoms, n_index, phase_index, torsion_k, torsion_groups = [], [], [], [], []
    for atoms, n, phase, k, improper in _torsions(start, fourier):
        kind = "improper k" if improper else "torsion k"
        key = (keys[atoms[2]], *sorted(keys[a] for a in np.delete(atoms, 2))) if improper else group(atoms)
        torsion_atoms.append(atoms)
        n_index.append(builder.index("torsion n", (), float(n), f"{n}"))
        phase_index.append(builder.index("torsion phase", (), phase, f"{phase / DEGREE:.1f}"))
        torsion_k.append(builder.index(kind, (key, n, phase), k, f"{name(atoms)} n={n}"))
        torsion_groups.append("improper" if improper else "torsion")

    pairs = all_pairs(start.nonbonded)
    present = np.flatnonzero(pairs.epsilon), np.flatnonzero(pairs.charge_product)
    repulsion, dispersion, charge = [], [], []
    for row in present[0]:
        atoms, power = pairs.atoms[row], (pairs.sigma[row] / PAIR_DISTANCE) ** 6
        where = (group(atoms), pairs.sigma[row], pairs.epsilon[row])
        height = float(4 * pairs.epsilon[row] * power)
        repulsion.append(builder.index("pair repulsion", where, height * float(power), name(atoms)))
        dispersion.append(builder.index("pair dispersion", where, height, name(atoms)))
    for row in present[1]:
        atoms, product = pairs.atoms[row], float(pairs.charge_product[row])
        charge.append(builder.index("pair charge product", (group(atoms),), product, name(atoms)))

    coordinates = {
        "bond": bonds.atoms,
        "angle": angles.atoms,
        "torsion": np.array(torsion_atoms, dtype=np.int64).reshape(-1, 4),
        "pair": pairs.atoms,
    }
    features = (
        FeatureRows("harmonic_bond", np.arange(len(bond_r0)), {"r0": _array(bond_r0)}),
        FeatureRows("harmonic_angle", np.arange(len(angle_theta0)), {"theta0": _array(angle_theta0)}),
        FeatureRows("fourier", np.arange(len(n_index)), {"n": _array(n_index), "phase": _array(phase_index)}),
        FeatureRows("repulsion", present[0], {}),
        FeatureRows("dispersion", present[0], {}),
        FeatureRows("coulomb", present[1], {}),
    )
    coefficients = _array(bond_k + angle_k + torsion_k + repulsion + dispersion + charge)
    groups = ["bond"] * len(bond_k) + ["angle"] * len(angle_k) + torsion_groups
    groups += ["lennard_jones"] * 2 * len(repulsion) + ["coulomb"] * len(charge)
    table = TermTable(
        coordinates,
        features,
        products=np.arange(len(coefficients))[:, None],
        coefficients=coefficients,
        groups=tuple(groups),
    )
    return table, builder.parameters()


def _array(indices: list[int]) -> np.ndarray:
    return np.array(indices, dtype=np.int64)


def _torsions(start: ClassOneParameters, fourier: int) -> list[tuple[np.ndarray, int, float, float, bool]]:
    """The torsion rows: those of ``start``, then those that ``fourier`` adds; none about a linear group."""
    t = start.torsions
    linear = {
        (a, b, c)
        for (i, j, k), theta0 in zip(start.angles.atoms.tolist(), start.angles.theta0, strict=True)
        if theta0 > _LINEAR
        for a, b, c in ((i, j, k), (k, j, i))
    }
    rows = [
        (atoms, int(n), float(phase), float(k), bool(improper))
        for atoms, n, phase, k, improper in zip(t.atoms, t.periodicity, t.phase, t.k, t.improper, strict=True)
        if improper or k != 0 or not _passes(atoms, linear)
    ]
    propers = {tuple(atoms.tolist()): atoms for atoms, _, _, _, improper in rows if not improper}
    present = {(*atoms.tolist(), n) for atoms, n, _, _, improper in rows if not improper}
    extra = [
        (array, n, 0.0, 0.0, False)
        for atoms, array in propers.items()
        for n in range(1, fourier + 1)
        if (*atoms, n) not in present and not _passes(array, linear)
    ]
    return rows + extra


def _passes(atoms: np.ndarray, linear: set[tuple]) -> bool:
    i, j, k, m = (int(a) for a in atoms)
    return (i, j, k) in linear or (j, k, m) in linear


def _namer(molecule: Molecule, types: tuple[str, ...], share: Share) -> Callable[[Iterable[int]], str]:
    """Labels: "c3-oh" for parameters shared by type, "C1-O3 (c3-oh)" for those of one environment."""

    def name(atoms: Iterable[int]) -> str:
        by_type = "-".join(types[a] for a in atoms)
        if share == "types":
            return by_type
        return "-".join(f"{molecule.symbols[a]}{a + 1}" for a in atoms) + f" ({by_type})"

    return name
