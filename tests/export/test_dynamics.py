import struct
from pathlib import Path

import numpy as np
import openmm
import pytest
from models import force_field, molecule
from openmm import app, unit

from hybridff.errors import DynamicsError, InputError
from hybridff.export.context import forces_in, positions_in
from hybridff.export.dynamics import (
    Distance,
    SimulationOptions,
    get_platform,
    parse_time,
    simulate,
)
from hybridff.export.guard import hottest
from hybridff.export.routes import Route, to_openmm
from hybridff.molecules.limits import hot_limits
from hybridff.units import BOLTZMANN

COLUMNS = ("step", "time", "potential", "kinetic", "total", "temperature")


def run(
    folder: Path,
    duration: str,
    temperature: float = 300.0,
    name: str = "ethanol",
    route: Route = "native",
    platform: str = "Reference",
    distance: Distance | None = None,
    **options,
):
    folder.mkdir(exist_ok=True)
    positions = molecule(name).positions
    assert positions is not None
    return simulate(
        to_openmm(force_field(name), route),
        molecule(name).to_openmm_topology(),
        positions,
        folder,
        temperature=temperature,
        duration=duration,
        platform=platform,
        options=SimulationOptions(**options),
        distance=distance,
    )


def far_later(positions: np.ndarray) -> np.ndarray:
    """0.5 for the first ten frames, then 0.5 more for each."""
    far_later.calls += 1  # type: ignore[attr-defined]
    return np.array([0.5 * max(1, far_later.calls - 9)])  # type: ignore[attr-defined]


@pytest.fixture
def distance() -> Distance:
    far_later.calls = 0  # type: ignore[attr-defined]
    return far_later


def log(folder: Path) -> np.ndarray:
    return np.atleast_2d(np.loadtxt(folder / "log.csv", delimiter=",", skiprows=1))


def read_dcd(path: Path) -> np.ndarray:
    """Frames [Å] of a CHARMM DCD file without unit cells, read record by record."""
    data, records, place = path.read_bytes(), [], 0
    while place < len(data):
        (size,) = struct.unpack_from("<i", data, place)
        records.append(data[place + 4 : place + 4 + size])
        assert struct.unpack_from("<i", data, place + 4 + size) == (size,)
        place += size + 8
    assert records[0][:4] == b"CORD"
    (count,) = struct.unpack_from("<i", records[0], 4)
    axes = np.array([np.frombuffer(record, "<f4") for record in records[3:]])
    return axes.reshape(count, 3, -1).transpose(0, 2, 1)


def read_pdb(path: Path) -> np.ndarray:
    return app.PDBFile(str(path)).getPositions(asNumpy=True).value_in_unit(unit.nanometer) * 10


@pytest.mark.parametrize(
    ("text", "picoseconds"), [("10 ps", 10.0), ("0.5fs", 5e-4), (" 2 ns ", 2000.0), ("1e-1 ps", 0.1), ("1 µs", 1e6)]
)
def test_times_are_numbers_with_units(text, picoseconds):
    assert parse_time(text, "the time") == pytest.approx(picoseconds, rel=1e-12)  # one rounded product


@pytest.mark.parametrize("text", ["10", "ps", "10 s", "-1 ps", "0 ps", "1e999 ps", "1..2 ps", "nan ps"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match=r"the step '.*' is no time: write a positive number and its unit"):
        parse_time(text, "the step")


def test_platforms_are_found_whatever_their_case():
    assert get_platform("reference").getName() == "Reference"
    with pytest.raises(InputError, match="no platform 'TPU' here; present are Reference"):
        get_platform("TPU")


def test_a_run_leaves_its_files_and_says_how_long_it_was(tmp_path):
    result = run(tmp_path, "0.1 ps", interval="10 fs")
    names = {"checkpoint.xml", "final.pdb", "log.csv", "minimised.pdb", "trajectory.dcd"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (result.steps, result.time) == (200, pytest.approx(0.1, rel=1e-12))
    np.testing.assert_array_equal(log(tmp_path)[:, 0], np.arange(20, 201, 20))
    assert result.mean_temperature == pytest.approx(log(tmp_path)[5:, 5].mean(), rel=1e-12)


@pytest.mark.parametrize("kind", ["dcd", "xtc"])
def test_the_trajectory_ends_with_the_final_structure(kind, tmp_path):
    run(tmp_path, "0.1 ps", interval="10 fs", trajectory=kind)
    if kind == "dcd":
        frames, resolution = read_dcd(tmp_path / "trajectory.dcd"), 1e-5  # float32
    else:
        from openmm.app.internal.xtc_utils import read_xtc

        coordinates, *_ = read_xtc(str(tmp_path / "trajectory.xtc").encode())
        frames, resolution = coordinates.transpose(2, 0, 1) * 10, 5e-3  # XTC keeps 0.001 nm
    assert frames.shape == (10, 9, 3)
    # half of the last digit of a PDB file, and the trajectory's own resolution
    np.testing.assert_allclose(frames[-1], read_pdb(tmp_path / "final.pdb"), atol=6e-4 + resolution)
    assert np.abs(frames[-1] - frames[0]).max() > 0.05


def test_no_trajectory_is_written_if_none_is_wanted(tmp_path):
    run(tmp_path, "10 fs", trajectory="none")
    assert not list(tmp_path.glob("trajectory*"))


def test_a_run_shorter_than_the_interval_has_one_frame_at_its_end(tmp_path):
    run(tmp_path, "5 fs", interval="1 ps")
    assert log(tmp_path)[:, 0].tolist() == [10.0]
    assert len(read_dcd(tmp_path / "trajectory.dcd")) == 1


def test_the_thermostat_holds_the_temperature(tmp_path):
    result = run(tmp_path, "20 ps", friction=10.0, interval="20 fs", trajectory="none")
    # 27 degrees of freedom scatter by 300 K·√(2/27) = 82 K; with a correlation time of about 1/friction = 0.1 ps, 20 ps
    # are some 200 independent samples: standard error 6 K; four of them
    assert result.mean_temperature == pytest.approx(300.0, abs=24.0)


def test_without_a_thermostat_the_energy_is_conserved_to_second_order(tmp_path):
    scatter = {}
    for step in ("0.5 fs", "0.25 fs"):
        run(tmp_path / step, "2 ps", ensemble="nve", step=step, interval="2 fs", trajectory="none")
        scatter[step] = log(tmp_path / step)[:, 4].std()
    # Verlet's energy oscillates by (ω dt)²/8 of a mode's energy, with ω dt = 0.35 for the stiffest bond: 1.5 % of the
    # kinetic energy of 27 degrees of freedom is the most that all modes together can give
    assert scatter["0.5 fs"] < 0.015 * 13.5 * BOLTZMANN * 300.0
    # and goes with dt², whatever the trajectory; it is chaotic, so that the ratio is 4 only roughly
    assert 2.5 < scatter["0.5 fs"] / scatter["0.25 fs"] < 6.5


def test_the_kinetic_energies_of_the_log_are_those_of_its_temperatures(tmp_path):
    run(tmp_path, "0.1 ps", interval="10 fs")
    rows = dict(zip(COLUMNS, log(tmp_path).T, strict=True))
    # 27 degrees of freedom: nothing is constrained and no motion is removed
    np.testing.assert_allclose(rows["kinetic"], 13.5 * BOLTZMANN * rows["temperature"], rtol=1e-6)
    np.testing.assert_allclose(rows["total"], rows["potential"] + rows["kinetic"], rtol=1e-9)


def test_the_same_seed_gives_the_same_trajectory_and_another_seed_another(tmp_path):
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        run(tmp_path / name, "50 fs", seed=seed, interval="10 fs")
    first, again, other = (read_dcd(tmp_path / name / "trajectory.dcd") for name in ("first", "again", "other"))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_minimisation_comes_first(tmp_path):
    run(tmp_path, "1 fs")
    context = openmm.Context(
        to_openmm(force_field("ethanol")),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(read_pdb(tmp_path / "minimised.pdb") / 10)
    forces = forces_in(context.getState(getForces=True))
    # OpenMM stops at a root mean square of 10 kJ/mol/nm; half of a PDB's last digit against a stiff bond (4e5
    # kJ/mol/nm²) adds 20
    assert np.sqrt(np.mean(forces**2)) < 30.0


def test_the_checkpoint_goes_on_where_the_run_ended(tmp_path):
    run(tmp_path, "20 fs")
    state = openmm.XmlSerializer.deserialize((tmp_path / "checkpoint.xml").read_text(encoding="utf-8"))
    assert state.getStepCount() == 40
    positions = positions_in(state) * 10
    np.testing.assert_allclose(positions, read_pdb(tmp_path / "final.pdb"), atol=6e-4)  # half of a PDB's last digit


def test_the_distance_from_the_training_data_is_written_for_every_frame(tmp_path, distance):
    result = run(tmp_path, "0.2 ps", interval="10 fs", distance=distance)
    lines = np.loadtxt(tmp_path / "distance.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(lines[:, 0], np.arange(1, 21) * 0.01)
    np.testing.assert_allclose(lines[:, 1], [0.5] * 10 + [0.5 * k for k in range(2, 12)])
    assert (result.farthest, result.share_beyond, result.stopped) == (5.5, 9 / 20, False)


def test_a_run_that_gets_too_far_from_the_training_data_is_stopped(tmp_path, distance):
    result = run(tmp_path, "0.2 ps", interval="10 fs", distance=distance, stop_beyond=1.2)
    assert (result.farthest, result.stopped) == (1.5, True)
    assert result.time == pytest.approx(0.12)
    assert len(log(tmp_path)) == 12
    assert (tmp_path / "final.pdb").is_file()


def test_without_corrections_there_is_no_distance(tmp_path):
    assert run(tmp_path, "1 fs").farthest is None
    assert not (tmp_path / "distance.csv").exists()


def test_progress_rises_to_one(tmp_path):
    seen: list[float] = []
    positions = molecule("ethanol").positions
    assert positions is not None
    topology = molecule("ethanol").to_openmm_topology()
    system = to_openmm(force_field("ethanol"))
    simulate(system, topology, positions, tmp_path, temperature=300.0, duration="0.1 ps", progress=seen.append)
    assert seen == sorted(seen)
    assert (len(seen), seen[-1]) == (100, 1.0)


STOPPED = r"(stopped after|blew up before) [0-9.]+ ps: .* Use a smaller --step"


def assert_ends_sound(folder: Path) -> None:
    """All files are there, and the last frame is the molecule at a temperature that can be."""
    assert {path.name for path in folder.iterdir()} >= {"final.pdb", "checkpoint.xml", "log.csv", "trajectory.dcd"}
    final = app.PDBFile(str(folder / "final.pdb")).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    start = molecule("ethanol").positions
    assert start is not None
    assert hot_limits(molecule("ethanol"), start).fault(final) is None
    state = openmm.XmlSerializer.deserialize((folder / "checkpoint.xml").read_text(encoding="utf-8"))
    np.testing.assert_allclose(positions_in(state), final, atol=1e-4)


@pytest.mark.parametrize("route", ["native", "compiled"])
def test_a_run_that_blows_up_says_when_and_ends_with_the_last_sound_frame(route: Route, tmp_path):
    with pytest.raises(DynamicsError, match=STOPPED):
        run(tmp_path, "50 ps", step="20 fs", temperature=1000.0, route=route)
    assert_ends_sound(tmp_path)


def test_bonds_that_open_end_a_run(tmp_path):
    """A force field without bonds between its carbons: atoms drift apart, at a temperature that can be."""
    system = to_openmm(force_field("ethanol"))
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for i in range(force.getNumBonds()):
                a, b, length, k = force.getBondParameters(i)
                force.setBondParameters(i, a, b, length, 0.0 * k if {a, b} == {0, 1} else k)
    positions, topology = molecule("ethanol").positions, molecule("ethanol").to_openmm_topology()
    assert positions is not None
    with pytest.raises(DynamicsError, match=r"stopped after [0-9.]+ ps: the bond C1-C2 is .* long"):
        simulate(
            system, topology, positions, tmp_path, temperature=300.0, duration="20 ps", molecule=molecule("ethanol")
        )
    frames = read_dcd(tmp_path / "trajectory.dcd") / 10
    assert np.linalg.norm(frames[:, 0] - frames[:, 1], axis=-1).max() < 1.6 * 0.2


def test_a_hole_where_the_minimisation_ends_is_told(tmp_path):
    """Bonds alone, and an attraction of the oxygen and a hydrogen of the methyl group, which end in one place."""
    system, topology = to_openmm(force_field("ethanol")), molecule("ethanol").to_openmm_topology()
    for i in reversed(range(system.getNumForces())):
        if not isinstance(system.getForce(i), openmm.HarmonicBondForce):
            system.removeForce(i)
    pull = openmm.HarmonicBondForce()
    pull.addBond(2, 3, 0.0, 1e6)
    system.addForce(pull)
    positions = molecule("ethanol").positions
    assert positions is not None
    with pytest.raises(
        DynamicsError, match=r"minimisation ends where O3 and H4, .* apart .*: the force field has a hole"
    ):
        simulate(
            system, topology, positions, tmp_path, temperature=300.0, duration="1 ps", molecule=molecule("ethanol")
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("expression", ["log(r - 100)", "1 / (r - r)"])
def test_a_minimisation_that_breaks_down_is_told(tmp_path, expression: str):
    system, topology = to_openmm(force_field("ethanol")), molecule("ethanol").to_openmm_topology()
    hole = openmm.CustomBondForce(expression)
    hole.addBond(2, 3)
    system.addForce(hole)
    positions = molecule("ethanol").positions
    assert positions is not None
    with pytest.raises(DynamicsError, match="the minimisation broke down"):
        simulate(system, topology, positions, tmp_path, temperature=300.0, duration="1 ps")
    assert not list(tmp_path.iterdir())


def test_a_cold_run_may_begin_with_what_the_minimisation_has_left(tmp_path):
    run(tmp_path, "1 ps", temperature=10.0, interval="20 fs", friction=0.01)
    assert hottest(10.0, 24) == pytest.approx(10.0 + 2 * 10.0 / (24 * BOLTZMANN))


def test_temperatures_of_equilibrium_end_no_run() -> None:
    """Two degrees of freedom have an energy above x with the probability exp(-x/kT); many have one near its mean."""
    assert hottest(300.0, 2) == pytest.approx(300.0 * 12 * np.log(10))
    assert 300.0 < hottest(300.0, 3000) < 360.0


def test_the_compiled_route_makes_the_same_trajectory(tmp_path):
    routes: tuple[Route, ...] = ("native", "compiled")
    for route in routes:
        run(tmp_path / route, "20 fs", route=route, interval="5 fs")
    native, compiled = (read_dcd(tmp_path / route / "trajectory.dcd") for route in routes)
    # The minimiser stops at places that differ by rounding; the file is in single precision.
    np.testing.assert_allclose(compiled, native, rtol=0, atol=1e-4)


def test_the_compiled_route_runs_on_the_platform_cpu(tmp_path):
    result = run(tmp_path, "0.1 ps", route="compiled", platform="CPU")
    assert 100 < result.mean_temperature < 500


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_temperatures_are_refused(temperature, tmp_path):
    with pytest.raises(InputError, match="the temperature has to be a positive number"):
        run(tmp_path, "1 ps", temperature=temperature)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"friction": -1.0}, "option friction has to be a number of at least 0"),
        ({"friction": float("nan")}, "option friction has to be a number of at least 0"),
        ({"seed": -1}, "option seed has to be from 0 to 2147483646"),
        ({"seed": 2**31 - 1}, "option seed has to be from 0 to 2147483646"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        SimulationOptions(**options)


def test_the_largest_seed_works(tmp_path):
    run(tmp_path, "1 fs", seed=2**31 - 2)
