"""Functional forms: which rows a force field has. So far GAFF's own, ``harmonic``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np

from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.features import PAIR_DISTANCE
from hybridff.gaff.nonbonded import all_pairs
from hybridff.gaff.parameters import Parameters, numbered_labels
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

    def index(self, quantity: str, group: tuple, value: float, label: str) -> int:
        key = (quantity, group, value)
        if key not in self._index:
            self._index[key] = len(self._values)
            self._values.append(value)
            self._quantities.append(quantity)
            self._labels.append(label)
        return self._index[key]

    def parameters(self) -> Parameters:
        labels = numbered_labels(self._quantities, self._labels)
        return Parameters(np.array(self._values, dtype=float), tuple(self._quantities), labels)


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
    for atoms, r0, k in zip(bonds.atoms.tolist(), bonds.r0.tolist(), bonds.k.tolist(), strict=True):
        where = (group(atoms), r0, k)
        bond_r0.append(builder.index("bond r0", where, r0, name(atoms)))
        bond_k.append(builder.index("bond k", where, k, name(atoms)))
    for atoms, theta0, k in zip(angles.atoms.tolist(), angles.theta0.tolist(), angles.k.tolist(), strict=True):
        where = (group(atoms), theta0, k)
        angle_theta0.append(builder.index("angle theta0", where, theta0, name(atoms)))
        angle_k.append(builder.index("angle k", where, k, name(atoms)))

    torsion_atoms, n_index, phase_index, torsion_k, torsion_groups = [], [], [], [], []
    for atoms, n, phase, k, improper in _torsions(start, fourier):
        kind = "improper k" if improper else "torsion k"
        key = (keys[atoms[2]], *sorted(keys[a] for a in _outer(atoms))) if improper else group(atoms)
        torsion_atoms.append(atoms)
        n_index.append(builder.index("torsion n", (), float(n), f"{n}"))
        phase_index.append(builder.index("torsion phase", (), phase, f"{phase / DEGREE:.1f}"))
        torsion_k.append(builder.index(kind, (key, n, phase), k, f"{name(atoms, improper)} n={n}"))
        torsion_groups.append("improper" if improper else "torsion")

    pairs = all_pairs(start.nonbonded)
    present = np.flatnonzero(pairs.epsilon), np.flatnonzero(pairs.charge_product)
    repulsion, dispersion, charge = [], [], []
    for row in present[0]:
        atoms, power = pairs.atoms[row].tolist(), (pairs.sigma[row] / PAIR_DISTANCE) ** 6
        where = (group(atoms), float(pairs.sigma[row]), float(pairs.epsilon[row]))
        height = float(4 * pairs.epsilon[row] * power)
        repulsion.append(builder.index("pair repulsion", where, height * float(power), name(atoms)))
        dispersion.append(builder.index("pair dispersion", where, height, name(atoms)))
    for row in present[1]:
        atoms, product = pairs.atoms[row].tolist(), float(pairs.charge_product[row])
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


def _torsions(start: ClassOneParameters, fourier: int) -> list[tuple[list[int], int, float, float, bool]]:
    """The torsion rows: those of ``start``, then those that ``fourier`` adds; none about a linear group."""
    t = start.torsions
    linear = {
        (a, b, c)
        for (i, j, k), theta0 in zip(start.angles.atoms.tolist(), start.angles.theta0, strict=True)
        if theta0 > _LINEAR
        for a, b, c in ((i, j, k), (k, j, i))
    }
    columns = (t.atoms, t.periodicity, t.phase, t.k, t.improper)
    rows = [
        (atoms, n, phase, k, improper)
        for atoms, n, phase, k, improper in zip(*(column.tolist() for column in columns), strict=True)
        if improper or k != 0 or not _passes(atoms, linear)
    ]
    propers = dict.fromkeys(tuple(atoms) for atoms, _, _, _, improper in rows if not improper)
    present = {(*atoms, n) for atoms, n, _, _, improper in rows if not improper}
    extra = [
        (list(atoms), n, 0.0, 0.0, False)
        for atoms in propers
        for n in range(1, fourier + 1)
        if (*atoms, n) not in present and not _passes(atoms, linear)
    ]
    return rows + extra


def _passes(atoms: Sequence[int], linear: set[tuple]) -> bool:
    i, j, k, m = atoms
    return (i, j, k) in linear or (j, k, m) in linear


def _outer(atoms: Sequence[int]) -> list[int]:
    i, j, _, k = atoms
    return [i, j, k]


def _namer(molecule: Molecule, types: tuple[str, ...], share: Share) -> Callable[..., str]:
    """Labels: "c3-oh" for parameters shared by type, "C1-O3 (c3-oh)" for those of one environment.

    Chains run towards the later types and the outer atoms of impropers are sorted by type, so that equal groups of
    types have equal labels in every molecule.
    """

    def chain(atoms: Sequence[int]) -> list[str]:
        return [types[a] for a in atoms]

    def name(atoms: Sequence[int], improper: bool = False) -> str:
        if improper:
            i, j, k = sorted(_outer(atoms), key=lambda atom: types[atom])
            atoms = [i, j, atoms[2], k]
        else:
            atoms = min(atoms, atoms[::-1], key=chain)
        by_type = "-".join(chain(atoms))
        if share == "types":
            return by_type
        return "-".join(f"{molecule.symbols[a]}{a + 1}" for a in atoms) + f" ({by_type})"

    return name
