import math
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from helpers import openmm_energy_forces
from models import EXAMPLES, class_one_of, distorted, force_field, lone_atom, molecule
from rdkit import Chem
from scipy.spatial.transform import Rotation

from hybridff.gaff.assign import class_one
from hybridff.gaff.class2 import class2_form
from hybridff.gaff.class2_kinds import KINDS
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.compiled import CompiledEnergy
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.table import gaff_table
from hybridff.geometry import torsion
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, COULOMB, KCAL_MOL

DIAGONAL = ("bond ", "angle ", "torsion ", "out of plane 2", "pair local", "pair soft")


MOLECULES = tuple(name for name in EXAMPLES if name != "reversed ethanol")


@cache
def random_model(name: str, seed: int = 0) -> ForceField:
    """Every coefficient moved from its start by a deviation of a tenth of its prior width."""
    model = force_field(name, form="class2")
    parameters = model.parameter_table
    moves = np.random.default_rng(seed).normal(0, 0.1, len(parameters))
    return model.with_values(parameters.values + moves * parameters.prior_widths)


def energies(model: ForceField, x: np.ndarray) -> np.ndarray:
    return model.energy(torch.as_tensor(x)).numpy()


def only(model: ForceField, *quantities: str) -> ForceField:
    """The model with all coefficients zero but those of some families."""
    parameters = model.parameter_table
    kept = [q == "constant" or q.startswith(quantities) for q in parameters.quantities]
    return model.with_values(np.where(kept, parameters.values, 0.0))


@pytest.mark.parametrize("route", ["torch", "compiled", "OpenMM"])
def test_linear_angles_are_regular(route: str) -> None:
    """Propyne with its four atoms exactly in line, and on the way there: energy and forces finite and continuous."""
    model = random_model("propyne")
    straight = molecule("propyne").positions
    assert straight is not None
    straight = straight.copy()
    line = [0, 1, 2, 6]
    straight[line] = np.outer(np.linalg.norm(straight[line] - straight[0], axis=1), [0.0, 0.0, 1.0])
    x = np.array([straight] * 3)
    x[1, 2, 0] += 1e-9
    x[2, 2, 0] += 1e-6
    if route == "torch":
        energy, forces = (part.numpy() for part in model.energy_forces(torch.as_tensor(x)))
    elif route == "compiled":
        found = [CompiledEnergy(model.table, model.parameter_table.values)(frame) for frame in x]
        energy, forces = np.array([e for e, _ in found]), np.array([f for _, f in found])
    else:
        energy, forces = openmm_energy_forces(model.openmm_forces(), x)
    assert np.isfinite(forces).all()
    # Slopes of at most 1e5 kJ/mol/nm.
    assert np.abs(energy - energy[0]).max() < 0.1 + 1e5 * 1e-6
    assert np.abs(forces).max() < 1e6


def threefold_propyne() -> np.ndarray:
    """Propyne of threefold symmetry with its line along z [nm]."""
    turns = np.radians([0.0, 120.0, 240.0])
    hydrogens = [[0.103 * np.cos(turn), 0.103 * np.sin(turn), -0.037] for turn in turns]
    return np.array([[0, 0, 0], [0, 0, 0.146], [0, 0, 0.267], *hydrogens, [0, 0, 0.374]])


@pytest.mark.parametrize("route", ["torch", "compiled", "OpenMM"])
def test_bends_of_atoms_in_line_are_degenerate(route: str) -> None:
    """Stiffness is the same in every direction about a threefold axis, where a cusp would make it infinite."""
    model, x, h = random_model("propyne"), threefold_propyne(), 1e-5
    steps = h * np.eye(21).reshape(21, 7, 3)
    frames = np.concatenate([x - steps, x + steps])
    if route == "torch":
        forces = model.energy_forces(torch.as_tensor(frames))[1].numpy()
    elif route == "compiled":
        evaluate = CompiledEnergy(model.table, model.parameter_table.values)
        forces = np.array([evaluate(frame)[1] for frame in frames])
    else:
        forces = openmm_energy_forces(model.openmm_forces(), frames)[1]
    hessian = (forces[:21] - forces[21:]).reshape(21, 21) / (2 * h)
    line = [0, 1, 2, 6]
    across = hessian.reshape(7, 3, 7, 3)[line][:, :, line]
    # Differences at 1e-5 nm are good to some 1e-7 of the stiffest bond's 5e5 kJ/mol/nm²; a cusp would give 1e6 here.
    np.testing.assert_allclose(across[:, 0, :, 0], across[:, 1, :, 1], rtol=0, atol=0.5)
    np.testing.assert_allclose(across[:, 0, :, 1], 0.0, atol=0.5)
    assert np.abs(across[:, 0, :, 0]).max() > 1e3


def allene() -> tuple[Molecule, ClassOneParameters]:
    own = Molecule.from_smiles("C=C=C", "allene").with_embedded_positions(seed=1)
    types = ["c2", "c1", "c2", "ha", "ha", "ha", "ha"]
    return own, class_one(own, types, gaff_table("gaff-2.2.20"), np.array([-0.3, 0.2, -0.3, 0.1, 0.1, 0.1, 0.1]))


def test_the_ends_of_a_line_have_a_torsion_across_it() -> None:
    own, start = allene()
    model = only(ForceField.build(own, start, form="class2"), "torsion 2")
    twisted = [i for i, q in enumerate(model.parameter_table.quantities) if q == "torsion 2"]
    assert len(twisted) == 1
    values = model.parameter_table.values.copy()
    values[twisted] = 1.0
    positions = own.positions
    assert positions is not None
    axis = (positions[2] - positions[0]) / np.linalg.norm(positions[2] - positions[0])
    start_at = float(torsion(torch.as_tensor(positions[[3, 0, 2, 5]])))
    turned = np.array([positions] * 3)
    for frame, angle in zip(turned, np.radians([0.0, 30.0, 90.0]), strict=True):
        rotation = Rotation.from_rotvec((angle - start_at) * axis)
        frame[[5, 6]] = rotation.apply(positions[[5, 6]] - positions[2]) + positions[2]
    found = energies(model.with_values(values), turned)
    # cos 2φ of the four torsions, times the sines of the angles at the ends, which turning leaves as they are.
    np.testing.assert_allclose((found[1] - found[2]) / (found[0] - found[2]), (0.5 + 1) / 2, rtol=0.05)
    assert found[0] > found[2] + 1.0


def test_torsions_fade_where_three_atoms_are_in_line() -> None:
    """At a linear angle only the sines of the one-dimensional terms count, and these are zero."""
    model = only(random_model("propane"), "torsion ")
    x = molecule("propane").positions
    assert x is not None
    bent = x.copy()
    hydrogen = next(j for i, j in model.molecule.bonds.tolist() if i == 0 and j > 2)
    bent[hydrogen] = bent[0] + (bent[0] - bent[1])
    through = [row for row in model.table.coordinates["torsion"].tolist() if hydrogen in row]
    assert len(through) == 3
    rest = np.array([hydrogen not in row for row in model.table.coordinates["torsion"].tolist()])
    terms = model.term_energies(torch.as_tensor(bent[None]))[0].numpy()
    blocks = np.concatenate([rows.coordinate for rows in model.table.features])
    names = np.array([rows.feature.name for rows in model.table.features for _ in range(len(rows))])
    single = (model.table.products >= 0).sum(1) == 1
    rows = model.table.products.max(1)
    torsions = single & (names[rows] == "regular_cos")
    faded = torsions & ~rest[np.where(torsions, blocks[rows], 0)]
    assert faded.sum() == 12
    # The angle's smoothed kink leaves 1.6e-10 rad of 180°.
    assert np.abs(terms[faded]).max() < 1e-7
    assert np.abs(terms[torsions & ~faded]).max() > 1e-3


@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde"])
def test_the_start_is_gaffs_diagonal_on_the_baseline(name: str) -> None:
    model, start = force_field(name, form="class2"), class_one_of(name)
    p = model.parameter_table
    moving = p.values[p.adjustable]
    started = {q for q, v in zip(np.array(p.quantities)[p.adjustable], moving, strict=True) if v != 0}
    assert started <= {"bond 2", "angle 2", "torsion 1", "torsion 2", "torsion 3", "torsion 4"}
    h = 1e-4

    def curvature(values: list[float]) -> float:
        return (values[0] - 2 * values[1] + values[2]) / h**2

    found = {q: only(model, q) for q in ("bond", "angle")}
    for (i, j), r0, k in zip(start.bonds.atoms.tolist(), start.bonds.r0, start.bonds.k, strict=True):
        others = far_away(len(model.molecule.numbers))
        x = np.array([others] * 3)
        x[:, [i, j]] = 0.0
        x[:, j, 0] = [r0 - h, r0, r0 + h]
        terms = own_terms(found["bond"], x, "bond", (i, j))
        # Quartic terms of the Morse bond: 7/12 (20 h)² of it.
        assert curvature(terms) == pytest.approx(k, rel=1e-5)
        assert terms[1] == 0.0
    for (i, j, k_), theta0, k in zip(start.angles.atoms.tolist(), start.angles.theta0, start.angles.k, strict=True):
        x = np.array([far_away(len(model.molecule.numbers))] * 3)
        x[:, [i, j, k_]] = 0.0
        x[:, i, 0] = 0.1
        angles = theta0 + np.array([-h, 0.0, h])
        x[:, k_, :2] = 0.1 * np.stack([np.cos(angles), np.sin(angles)], -1)
        terms = own_terms(found["angle"], x, "angle", (i, j, k_))
        # Rounding: 1e-16 rad of 2 rad in h² of 1e-8.
        assert curvature(terms) == pytest.approx(k, rel=1e-5)


def far_away(n_atoms: int) -> np.ndarray:
    """Atoms in no special arrangement."""
    return np.random.default_rng(0).normal(0, 5.0, (n_atoms, 3))


def own_terms(model: ForceField, x: np.ndarray, kind: str, atoms: tuple[int, ...]) -> list[float]:
    """Energy of the terms of one coordinate on some frames [kJ/mol]."""
    rows = [i for i, row in enumerate(model.table.coordinates[kind].tolist()) if set(row) == set(atoms)]
    rows = [i for i in rows if kind == "bond" or model.table.coordinates[kind][i][1] == atoms[1]]
    blocks = np.concatenate([block.coordinate for block in model.table.features])
    kinds = np.array([block.feature.coordinate for block in model.table.features for _ in range(len(block))])
    first = model.table.products[:, 0]
    own = (kinds[first] == kind) & (blocks[first] == rows[0])
    return model.term_energies(torch.as_tensor(x))[:, torch.as_tensor(own)].sum(-1).tolist()


def test_torsions_start_with_the_amplitudes_of_gaff_at_its_angles() -> None:
    model, start = force_field("ethanol", form="class2"), class_one_of("ethanol")
    angles = {
        tuple(order): theta0
        for atoms, theta0 in zip(start.angles.atoms.tolist(), start.angles.theta0, strict=True)
        for order in (atoms, atoms[::-1])
    }
    p = model.parameter_table
    found = {(q, label.partition(" · ")[0]): v for q, label, v in zip(p.quantities, p.labels, p.values, strict=True)}
    symbols = molecule("ethanol").symbols
    t = start.torsions
    for atoms, n, phase, k in zip(t.atoms.tolist(), t.periodicity, t.phase, t.k, strict=True):
        sines = math.sin(angles[tuple(atoms[:3])]) * math.sin(angles[tuple(atoms[1:])])
        labels = ["-".join(f"{symbols[a]}{a + 1}" for a in order) for order in (atoms, atoms[::-1])]
        value = next((found[f"torsion {n}", label] for label in labels if (f"torsion {n}", label) in found), None)
        if value is not None:  # the first of its class
            assert value * sines == pytest.approx(k * math.cos(phase))
    assert sum(value != 0 for (q, _), value in found.items() if q.startswith("torsion ")) >= 3


def test_pairs_start_with_the_soft_baseline_of_gaffs_parameters() -> None:
    """Buffered exp-6 and Coulomb and wall, written out here."""
    model, start = force_field("ethanol", form="class2"), class_one_of("ethanol")
    baseline = only(model, "pair baseline")
    x = distorted("ethanol", 3)
    nb, table = start.nonbonded, Chem.GetPeriodicTable()
    radii = [table.GetRvdw(int(number)) for number in model.molecule.numbers]
    distances = Chem.GetDistanceMatrix(model.molecule.to_rdkit())
    expected = np.zeros(3)
    for i in range(9):
        for j in range(i):
            if distances[i, j] < 3:
                continue
            close = distances[i, j] == 3
            r = np.linalg.norm(x[:, i] - x[:, j], axis=1)
            epsilon = math.sqrt(nb.epsilon[i] * nb.epsilon[j]) / (2 if close else 1)
            minimum = 2 ** (1 / 6) * 0.5 * (nb.sigma[i] + nb.sigma[j])
            zeta = 12
            attraction = zeta / (zeta - 6) * minimum**6 / (r**6 + (0.6 * minimum) ** 6)
            expected += epsilon * (6 / (zeta - 6) * np.exp(zeta * (1 - r / minimum)) - attraction)
            product = nb.charge[i] * nb.charge[j] / (1.2 if close else 1)
            expected += COULOMB * product / np.sqrt(r**2 + ANGSTROM**2)
            wall = 0.6 * (radii[i] + radii[j]) * ANGSTROM
            expected += 2 * KCAL_MOL * np.exp(-4 * (r - wall) / ANGSTROM)
    np.testing.assert_allclose(energies(baseline, x), expected, rtol=1e-10)  # rounding


def shuffled(name: str, seed: int) -> tuple[Molecule, ClassOneParameters]:
    """A molecule with its atoms in another order."""
    owner, start = molecule(name), class_one_of(name)
    order = np.random.default_rng(seed).permutation(len(owner.numbers)).tolist()
    moved = Molecule.from_rdkit(Chem.RenumberAtoms(owner.to_rdkit(), order))
    types = [start.types[i] for i in order]
    return moved, class_one(moved, types, gaff_table("gaff-2.2.20"), start.nonbonded.charge[order])


@pytest.mark.parametrize("name", MOLECULES)
def test_the_rows_do_not_depend_on_the_order_of_atoms(name: str) -> None:
    def families(owner: Molecule, start: ClassOneParameters) -> tuple[int, Counter[str]]:
        table, parameters = class2_form(owner, start, None)
        adjustable = [q for q in parameters.quantities if q != "constant"]
        return len(table.products), Counter(adjustable)

    expected = families(molecule(name), class_one_of(name))
    assert families(*shuffled(name, seed=1)) == expected


def test_equivalent_coordinates_with_unlike_parameters_do_not_count_twice() -> None:
    start = class_one_of("propane")
    distinct_minima = 1 + 0.02 * np.random.default_rng(0).normal(size=200)
    bonds = replace(start.bonds, r0=start.bonds.r0 * distinct_minima[: len(start.bonds.r0)])
    angles = replace(start.angles, k=start.angles.k * distinct_minima[: len(start.angles.k)])
    nonbonded = replace(start.nonbonded, sigma=start.nonbonded.sigma * distinct_minima[: len(start.nonbonded.sigma)])
    table, parameters = class2_form(
        molecule("propane"), replace(start, bonds=bonds, angles=angles, nonbonded=nonbonded), None
    )
    same, expected = class2_form(molecule("propane"), start, None)
    assert len(table.products) == len(same.products)
    kept = parameters.adjustable
    np.testing.assert_allclose(parameters.values[kept], expected.values[expected.adjustable], rtol=0.1)


def test_reference_lengths_and_angles_are_means_over_the_geometries() -> None:
    x = distorted("ethanol", 20)
    table, parameters = class2_form(molecule("ethanol"), class_one_of("ethanol"), x)
    rows = next(rows for rows in table.features if rows.feature.name == "morse")
    values = parameters.values[rows.parameters["r0"]]
    atoms = table.coordinates["bond"][rows.coordinate]
    lengths = np.linalg.norm(x[:, atoms[:, 0]] - x[:, atoms[:, 1]], axis=-1).mean(0)
    oxygen = [set(pair) == {1, 2} for pair in atoms.tolist()]
    np.testing.assert_allclose(values[oxygen], lengths[oxygen], rtol=1e-14)
    assert values.sum() == pytest.approx(lengths.sum(), rel=1e-14)


@pytest.mark.parametrize("name", ["pair_inverse", "pair_contact"])
def test_a_pair_at_its_mean_distance_couples_to_nothing(name: str) -> None:
    x = distorted("ethanol", 20)
    table, parameters = class2_form(molecule("ethanol"), class_one_of("ethanol"), x)
    rows = next(rows for rows in table.features if rows.feature.name == name)
    atoms = table.coordinates["pair"][rows.coordinate]
    unique = [set(pair) <= {0, 1, 2, 8} for pair in atoms.tolist()]  # all others have equivalent ones
    means = torch.as_tensor(np.linalg.norm(x[:, atoms[:, 0]] - x[:, atoms[:, 1]], axis=-1).mean(0))
    constants = {key: torch.as_tensor(parameters.values[index]) for key, index in rows.parameters.items()}
    values = rows.feature.evaluate({"r": means}, constants).numpy()
    assert any(unique)
    np.testing.assert_allclose(values[unique], 0.0, atol=1e-14)


def test_cross_terms_are_bounded_however_far_a_bond_or_angle_goes() -> None:
    """All couplings of intramolecular coordinates: 0.8 to the third power of each, times its coefficient."""
    model = force_field("ethanol", form="class2")
    names = [rows.feature.name for rows in model.table.features for _ in range(len(rows))]
    crossed = np.array(
        [
            sum(row >= 0 for row in product) > 1
            and not {names[row] for row in product if row >= 0} <= {"morse", "morse_square", "bend", "bend_square"}
            for product in model.table.products.tolist()
        ]
    )
    unit = model.with_values(np.where(model.parameter_table.adjustable, 1.0, model.parameter_table.values))
    for width in (0.02, 0.3, 10.0):
        x = distorted("ethanol", 3, width=width)
        largest = unit.term_energies(torch.as_tensor(x))[:, torch.as_tensor(crossed)].abs().max()
        # 1/sqrt(r² + 0.01) is at most 10, the contact function at most 1/0.3, less their means.
        assert float(largest) <= 10 * 0.8 + 1e-9


@pytest.mark.parametrize("name", MOLECULES)
def test_every_family_has_a_prior_and_every_bounded_one_starts_inside(name: str) -> None:
    p = force_field(name, form="class2").parameter_table
    assert set(p.quantities) <= set(KINDS)
    fixed = {q for q, free in zip(p.quantities, p.adjustable, strict=True) if not free}
    assert fixed == {"constant", "pair baseline"}
    lower, upper = p.bounds
    assert (lower <= p.values).all()
    assert (p.values <= upper).all()
    bounded = {q for q, low in zip(p.quantities, lower, strict=True) if np.isfinite(low)}
    assert bounded <= {"bond 2", "bond 4", "angle 2", "angle 4", "out of plane 2"}
    assert len(set(zip(p.quantities, p.labels, strict=True))) == len(p)


def test_a_lone_atom_has_no_rows() -> None:
    none = lone_atom()
    start = replace(class_one_of("ethanol"), types=("ar",), nonbonded=none.nonbonded)
    nothing = replace(
        start,
        bonds=replace(start.bonds, atoms=np.empty((0, 2), int), r0=np.empty(0), k=np.empty(0)),
        angles=replace(start.angles, atoms=np.empty((0, 3), int), theta0=np.empty(0), k=np.empty(0)),
        torsions=replace(
            start.torsions,
            atoms=np.empty((0, 4), int),
            periodicity=np.empty(0, int),
            phase=np.empty(0),
            k=np.empty(0),
            improper=np.empty(0, bool),
        ),
    )
    table, parameters = class2_form(none.molecule, nothing, None)
    assert len(table.products) == 0
    assert len(parameters) == 0
