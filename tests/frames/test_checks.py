import os
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import unit

from hybridff.errors import InputError
from hybridff.frames.checks import DataReport, usable_frames
from hybridff.frames.consistency import MIN_FRAMES_WORK, energy_slope, force_scale, slips
from hybridff.frames.dataset import Frames
from hybridff.frames.file_units import FileUnits
from hybridff.frames.reading import read_frames
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, BOHR, ENERGIES, EV, FORCE_KCAL, HARTREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", Path(__file__).parents[1] / "../shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the reference data are not at {DATA} (set HYBRIDFF_DATA)")
RIGHT: tuple[str, ...] = (
    "ethanol_rmd17",
    "ethanol_md17",
    "ethanol_ccsdt",
    "ethanol_b3lyp",
    "aspirin_rmd17",
    "3bpa_300k",
    "3bpa_mixedt",
)
RIGHT += ("ethanol_md17_segment", "nma_b3lyp", "tropolone_b3lyp", "acac_300k", "acac_600k")
PROTON_ELSEWHERE = {"acac_300k": 260, "acac_600k": 255}
"""Frames whose proton is on the other oxygen; tropolone's changed frames are all broken or crowded."""
KCAL = FileUnits("angstrom", "kcal/mol", "kcal/mol", "angstrom")

STRETCH = {frozenset("CH"): 700.0, frozenset("OH"): 1080.0, frozenset("C"): 620.0, frozenset("CO"): 640.0}
"""Force constants of the synthetic molecule's bonds [kcal/mol/Å²], as GAFF has them."""


def report_on(frames: Frames, molecule: Molecule | None) -> DataReport:
    """What the checks find, whatever is wrong."""
    return usable_frames(frames, molecule, accept_problem=True)[1]


def ethanol() -> Molecule:
    return Molecule.from_smiles("CCO", "ethanol").with_embedded_positions(seed=1)


@cache
def hot_ethanol(count: int = 80) -> Frames:
    """Langevin dynamics at 500 K of ethanol with harmonic bonds and angles and threefold torsions."""
    molecule = ethanol()
    assert molecule.positions is not None
    system = openmm.System()
    bonds, angles, torsions = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce()
    for symbol in molecule.symbols:
        system.addParticle({"H": 1.0, "C": 12.0, "O": 16.0}[symbol])
    for i, j in molecule.bonds.tolist():
        length = np.linalg.norm(molecule.positions[i] - molecule.positions[j])
        k = STRETCH[frozenset((molecule.symbols[i], molecule.symbols[j]))]
        bonds.addBond(i, j, length, k * FORCE_KCAL / ANGSTROM)
        for a in molecule.neighbours[i]:
            for b in molecule.neighbours[j]:
                if a != j and b != i:
                    torsions.addTorsion(a, i, j, b, 3, 0.0, 0.65)
    for centre, around in enumerate(molecule.neighbours):
        for a, b in combinations(around, 2):
            angles.addAngle(a, centre, b, 1.91, 400.0)
    for force in (bonds, angles, torsions):
        system.addForce(force)
    integrator = openmm.LangevinMiddleIntegrator(500, 10, 0.0005)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(molecule.positions)
    integrator.step(2000)
    states = []
    for _ in range(count):
        integrator.step(200)
        states.append(context.getState(positions=True, energy=True, forces=True))
    return Frames(
        numbers=molecule.numbers,
        positions=np.array([s.getPositions(asNumpy=True).value_in_unit(unit.nanometer) for s in states]),
        energies=np.array([s.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) for s in states]),
        forces=np.array(
            [s.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer) for s in states]
        ),
        source="synthetic.npz",
        file_units=KCAL,
    )


def changed(frames: Frames, energy: float = 1.0, force: float = 1.0) -> Frames:
    """The same data, misread: energies and forces multiplied by factors."""
    assert frames.forces is not None
    return replace(frames, energies=frames.energies * energy, forces=frames.forces * force)


def test_right_data_are_all_used_and_said_to_be_right():
    used, report = usable_frames(hot_ethanol(), ethanol())
    assert len(used) == report.n_used == report.n_frames == len(hot_ethanol())
    (message,) = report.messages()
    assert "both are near 1" in message


def test_other_elements_are_refused_with_the_first_difference():
    with pytest.raises(InputError, match=r"atom 1 is O in the molecule OCC but C in synthetic\.npz"):
        usable_frames(hot_ethanol(), Molecule.from_smiles("OCC", "OCC"))


@pytest.mark.parametrize("where", ["positions", "energies", "forces"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_frames_with_nan_or_infinity_are_left_out_and_named(where, value):
    array = getattr(hot_ethanol(), where).copy()
    array[3] = value
    used, report = usable_frames(replace(hot_ethanol(), **{where: array}), ethanol())
    assert report.non_finite == (3,)
    assert len(used) == len(hot_ethanol()) - 1
    assert "1 frame (4): NaN, infinite" in " ".join(report.messages())


def test_data_without_a_finite_frame_are_refused():
    bad = replace(hot_ethanol(), energies=np.full(len(hot_ethanol()), np.nan))
    with pytest.raises(InputError, match="all 80 frames have NaN"):
        usable_frames(bad, ethanol())


def test_a_repeated_frame_is_used_once():
    rows = np.array([*range(40), 7])
    used, report = usable_frames(hot_ethanol().subset(rows), ethanol())
    assert report.duplicates == ((40, 7),)
    assert len(used) == 40
    assert "41 (= 8)" in " ".join(report.messages())


def stretched() -> Frames:
    """The hydroxyl hydrogen has left in frame 3."""
    positions = hot_ethanol().positions.copy()
    positions[2, 8] += 0.8 * (positions[2, 8] - positions[2, 2])
    return replace(hot_ethanol(), positions=positions)


def test_frames_with_other_bonds_are_left_out_and_named():
    used, report = usable_frames(stretched(), ethanol())
    (change,) = report.bond_changes
    assert (change.frame, change.pair, change.broken) == (2, "O3-H9", True)
    assert change.distance == pytest.approx(0.17, abs=0.02)
    assert len(used) == len(hot_ethanol()) - 1
    assert "left out 1 frame (3): other bonds" in " ".join(report.messages())


def test_frames_with_other_bonds_stay_where_that_is_wanted():
    used, report = usable_frames(stretched(), ethanol(), keep_bond_changes=True)
    assert len(used) == len(hot_ethanol())
    assert "kept 1 frame (3)" in " ".join(report.messages())


def test_frames_that_are_too_high_are_left_out_where_that_is_wanted():
    given = read_frames("hybridff/data/ethanol.npz")
    above = given.energies - given.energies.min()
    used, report = usable_frames(given, given.molecule(), highest=float(np.median(above)))
    assert len(used) == (above <= np.median(above)).sum() == report.n_used
    assert report.high == tuple(np.flatnonzero(above > np.median(above)).tolist())
    assert "further above the lowest in energy than asked for" in " ".join(report.messages())


def test_a_permuted_molecule_is_refused_with_the_first_broken_bond():
    order = [1, 0, 2, 3, 4, 5, 6, 7, 8]
    permuted = replace(hot_ethanol(), positions=hot_ethanol().positions[:, order])
    with pytest.raises(InputError, match=r"the bond C1-H4 of the molecule ethanol is 2\.\d\d Å .*another order"):
        usable_frames(permuted, ethanol())


@pytest.mark.parametrize(("factor", "text"), [(ANGSTROM / BOHR, "bohr, read as angstrom"), (0.1, "nm, read as")])
def test_positions_in_another_unit_are_refused_with_the_likely_one(factor, text):
    with pytest.raises(InputError, match=rf"synthetic\.npz: nearest atoms .*positions look like {text}"):
        usable_frames(replace(hot_ethanol(), positions=hot_ethanol().positions * factor), ethanol())


def test_a_frame_with_two_atoms_in_one_place_is_left_out():
    positions = hot_ethanol().positions.copy()
    positions[0, 1] = positions[0, 0]
    assert report_on(replace(hot_ethanol(), positions=positions), ethanol()).non_finite == (0,)


def test_positions_that_fit_no_unit_are_refused():
    with pytest.raises(InputError, match="these positions are no molecule; check their unit"):
        usable_frames(replace(hot_ethanol(), positions=hot_ethanol().positions * 300), ethanol())


def test_atoms_in_one_place_are_refused():
    with pytest.raises(InputError, match="two atoms in one place"):
        usable_frames(replace(hot_ethanol(), positions=np.zeros_like(hot_ethanol().positions)), ethanol())


def test_gradients_in_place_of_forces_are_refused_unless_accepted():
    gradients = changed(hot_ethanol(), force=-1)
    with pytest.raises(InputError, match="the forces point uphill, so they are gradients"):
        usable_frames(gradients, ethanol())
    used, report = usable_frames(gradients, ethanol(), accept_problem=True)
    assert len(used) == len(gradients)
    assert "uphill" in report.messages()[0]


def test_five_frames_are_enough_to_see_gradients():
    report = report_on(changed(hot_ethanol(), force=-1).subset(np.arange(5)), ethanol())
    assert "uphill" in str(report.problem)


@pytest.mark.parametrize(
    ("energy", "force", "text"),
    [
        (KCAL_MOL / EV, 1, "energies look like eV, read as kcal/mol"),
        (KCAL_MOL, 1, "energies look like kJ/mol, read as kcal/mol"),
        (KCAL_MOL / HARTREE, 1, "energies look like Hartree, read as kcal/mol"),
        (1, KCAL_MOL / EV, "forces look like eV/Å, read as kcal/mol/Å"),
        (1, BOHR / ANGSTROM, "forces look like kcal/mol/bohr"),
        (KCAL_MOL / EV, KCAL_MOL / EV, "energies look like eV and the forces like eV/Å"),
        (KCAL_MOL / HARTREE, KCAL_MOL / HARTREE * BOHR / ANGSTROM, "like Hartree and the forces like Hartree/bohr"),
        (KCAL_MOL / HARTREE, -KCAL_MOL / HARTREE * BOHR / ANGSTROM, "uphill.*Besides.*Hartree/bohr"),
        (-1, 1, "energies have the wrong sign"),
    ],
)
def test_a_slip_of_units_is_named(energy, force, text):
    with pytest.raises(InputError, match=text):
        usable_frames(changed(hot_ethanol(), energy, force), ethanol())


def test_a_few_frames_cannot_be_judged_and_are_not_refused():
    for count in (1, 2, 4):
        used, report = usable_frames(changed(hot_ethanol(), energy=23).subset(np.arange(count)), ethanol())
        assert len(used) == count
        assert "cannot be judged" in " ".join(report.messages())


def test_the_work_of_forces_needs_enough_frames():
    assert energy_slope(hot_ethanol().subset(np.arange(MIN_FRAMES_WORK - 1))) == (None, None)


def test_energies_of_other_frames_do_not_count_as_a_slip_of_units():
    shuffled = replace(hot_ethanol(), energies=np.random.default_rng(0).permutation(hot_ethanol().energies))
    slope, correlation = energy_slope(shuffled)
    assert slope is None
    assert correlation is not None
    assert abs(correlation) < 0.4  # 80 frames: a standard error of 0.11


def test_the_stiffness_of_bonds_to_hydrogen_is_recovered():
    scale, has_ch = force_scale(hot_ethanol())
    assert has_ch
    assert scale == pytest.approx(1.0, abs=0.1)  # the synthetic C-H bond has the expected constant; angles pull too


def test_data_without_forces_are_used_and_said_to_be_unchecked():
    used, report = usable_frames(replace(hot_ethanol(), forces=None), ethanol())
    assert used.forces is None
    assert report.messages() == ("the data have no forces, so that energies alone are used, unchecked.",)


def test_forces_that_do_not_add_up_to_zero_are_reported():
    frames = hot_ethanol()
    assert frames.forces is not None
    pulled = replace(frames, forces=frames.forces + 5 * FORCE_KCAL)
    report = report_on(pulled, ethanol())
    assert report.net_force == pytest.approx(45 * FORCE_KCAL, rel=1e-6)  # nine atoms, pulled alike
    assert "do not add up to zero (45 kcal/mol/Å" in " ".join(report.messages())


def test_forces_in_another_orientation_are_refused():
    frames = hot_ethanol()
    assert frames.forces is not None
    turned = replace(frames, forces=frames.forces[:, :, [1, 2, 0]])
    with pytest.raises(InputError, match="different orientations"):
        usable_frames(turned, ethanol())


def test_every_slip_has_its_own_factors_where_the_units_are_known():
    found = [(round(slip.energy, 9), round(slip.force, 9)) for slip in slips(KCAL)]
    assert len(set(found)) == len(found)
    assert len(slips(None)) > len(found)


def usable_sample(name: str, count: int, seed: int) -> Frames:
    frames = read_frames(DATA / f"{name}.npz")
    with np.load(DATA / f"{name}.npz") as raw:
        rows = np.flatnonzero(raw["topo_ok"])
    return frames.subset(np.random.default_rng(seed).permutation(rows)[:count])


@needs_data
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize(("count", "seeds"), [(50, 3), (200, 1)])
def test_right_reference_data_raise_no_alarm(name, count, seeds):
    for seed in range(seeds):
        frames = usable_sample(name, count, seed)
        assert report_on(frames, frames.molecule()).problem is None
        assert report_on(replace(frames, file_units=None), None).problem is None


@needs_data
@pytest.mark.parametrize("name", RIGHT)
def test_frames_that_the_reference_data_mark_as_changed_are_found(name):
    frames = read_frames(DATA / f"{name}.npz")
    with np.load(DATA / f"{name}.npz") as raw:
        marked = np.flatnonzero(~raw["topo_ok"])
    report = report_on(frames, frames.molecule())
    assert sorted(one.frame for one in (*report.bond_changes, *report.renumbered)) == marked.tolist()
    assert len(report.renumbered) == PROTON_ELSEWHERE.get(name, 0)


@needs_data
@pytest.mark.parametrize("name", RIGHT)
def test_slips_in_reference_data_are_named(name):
    frames = usable_sample(name, 60, 1)
    for unit_name, text in (("ev", "eV"), ("hartree", "Hartree"), ("kj/mol", "kJ/mol")):
        factor = KCAL_MOL / ENERGIES[unit_name]
        for misread, expected in (
            (changed(frames, energy=factor), f"energies look like {text}, read as kcal/mol"),
            (changed(frames, force=factor), f"forces look like {text}/Å, read as kcal/mol/Å"),
            (changed(frames, factor, factor), f"energies look like {text} and the forces like {text}/Å"),
            (changed(frames, factor, -factor), "gradients"),
        ):
            assert expected in str(report_on(misread, None).problem)
    atomic = KCAL_MOL / HARTREE
    per_bohr = changed(frames, atomic, atomic * BOHR / ANGSTROM)
    assert "like Hartree and the forces like Hartree/bohr" in str(report_on(per_bohr, None).problem)


def test_a_conversion_in_the_wrong_direction_is_named_with_its_factor():
    right = hot_ethanol()
    assert right.forces is not None
    factor = (EV / KCAL_MOL) ** 2
    units = FileUnits("angstrom", "ev", "ev", "angstrom")
    twice = replace(right, energies=factor * right.energies, forces=factor * right.forces, file_units=units)
    assert "531.8 = 23.06² times too large" in str(report_on(twice, None).problem)
