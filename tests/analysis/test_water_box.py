import numpy as np
import pytest
from models import corrected, force_field

from hybridff.analysis.water_box import (
    Box,
    PressureOptions,
    constant_pressure,
    in_vacuum,
    in_water,
    nudged,
    sum_of_parts,
    trend,
)
from hybridff.gaff.forcefield import ForceField

EDGE = 1.9


@pytest.fixture(scope="module")
def model() -> ForceField:
    return corrected(force_field("ethanol", form="class2"))


@pytest.fixture(scope="module")
def box(model: ForceField) -> Box:
    return in_water(model, EDGE)


def test_a_box_has_the_molecule_first_and_water_around_it(model: ForceField, box: Box) -> None:
    alone = in_vacuum(model)
    assert (alone.periodic, box.periodic) == (False, True)
    assert alone.n_water == 0
    assert 150 < box.n_water < 250  # of 33 in a cubic nanometre
    assert len(box.positions) == 9 + 3 * box.n_water
    distances = [np.linalg.norm(own.positions[:9, None] - own.positions[None, :9], axis=-1) for own in (alone, box)]
    np.testing.assert_allclose(distances[0], distances[1], atol=1e-6)


def test_only_the_molecule_is_nudged(box: Box) -> None:
    moved = np.abs(nudged(box, 0) - box.positions)
    assert 0.001 < moved[:9].mean() < 0.01
    assert moved[9:].max() == 0


def test_the_whole_is_the_sum_of_its_parts(model: ForceField, box: Box) -> None:
    found = sum_of_parts(model, Box(box.topology, box.positions, box.n_solute))
    assert abs(found.alone) > 1
    assert found.energy_deviation < 1e-7
    assert found.force_deviation < 1e-6


def test_a_rigid_molecule_has_constraints_and_heavy_hydrogens(model: ForceField, box: Box) -> None:
    flexible, rigid = (box.system(model, cutoff=0.8, rigid=own) for own in (False, True))
    assert rigid.getNumConstraints() == flexible.getNumConstraints() + 6
    assert rigid.getParticleMass(8).value_in_unit(rigid.getParticleMass(8).unit) == pytest.approx(3.0)


@pytest.mark.slow
def test_blocks_of_a_run_at_constant_pressure(monkeypatch: pytest.MonkeyPatch, model: ForceField, box: Box) -> None:
    monkeypatch.setattr("hybridff.analysis.water_box._SETTLE", 0.4)
    monkeypatch.setattr("hybridff.analysis.water_box.CUTOFF", 0.8)
    monkeypatch.setattr(Box.system, "__kwdefaults__", {"cutoff": 0.8, "rigid": False})
    blocks = list(constant_pressure(model, box, PressureOptions(time=4.0, blocks=2)))
    assert [block.time for block in blocks] == [2.0, 4.0]
    assert [len(block.density) for block in blocks] == [2, 2]
    for block in blocks:
        assert 0.8 < block.density.mean() < 1.1
        assert 200 < block.temperature.mean() < 400
        assert block.jump < 0.1  # kJ/mol, in single precision
    assert blocks[0].potential.mean() < -1000


def test_a_series_on_a_line_has_its_mean_and_slope() -> None:
    times = np.arange(100.0)
    found = trend(times, 2.0 + 0.5 * times, 10)
    assert found.mean == pytest.approx(2.0 + 0.5 * 49.5)
    assert found.slope == pytest.approx(0.5)
    assert found.slope_error < 1e-9
    noisy = trend(times, np.random.default_rng(0).normal(size=100), 10)
    assert abs(noisy.slope) < 4 * noisy.slope_error
    assert noisy.error == pytest.approx(0.1, rel=0.5)
