import numpy as np
import openmm
import pytest
from models import force_field, molecule

from hybridff.analysis.modes import modes_of
from hybridff.analysis.trajectories import Run, masses_of, system_of, trajectory
from hybridff.analysis.vibrations import (
    Spectrum,
    SpectrumComparison,
    SpectrumOptions,
    mean_spectrum,
    smooth,
    spectrum,
    stretching_bonds,
)
from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.molecules.molecule import Molecule


def spectrum_of(system: openmm.System, own: Molecule, positions: np.ndarray, run: Run) -> Spectrum:
    return spectrum(trajectory(system, positions, run), own, masses_of(system), run.step)


@pytest.mark.parametrize("step", [0.0005, 0.001])
def test_the_band_of_a_harmonic_bond_is_its_frequency_whatever_the_step(step: float) -> None:
    own, stiffness = Molecule.from_smiles("F"), 5e5
    system = openmm.System()
    for mass in (18.998, 1.008):
        system.addParticle(mass)
    force = openmm.HarmonicBondForce()
    force.addBond(0, 1, 0.09, stiffness)
    system.addForce(force)
    run = Run(temperature=10.0, time=5.0, every=2 * step, step=step, warm=1.0, constant_energy=True)
    found = spectrum_of(system, own, np.array([[0.0, 0.0, 0.0], [0.09, 0.0, 0.0]]), run)
    # angular frequency in 1/ps, as kJ/mol/nm² over Da is 1/ps²; the speed of light is 0.02998 cm/ps
    expected = np.sqrt(stiffness * (1 / 18.998 + 1 / 1.008)) / (2 * np.pi * 0.0299792458)
    assert found.band("F-H") == pytest.approx(expected, abs=2.0)
    assert found.wavenumbers[found.density.argmax()] == pytest.approx(expected, abs=4.0)
    assert np.trapezoid(found.density, found.wavenumbers) == pytest.approx(1)


def test_a_cold_molecule_has_its_normal_modes() -> None:
    model = force_field("ethanol")
    assert model.molecule.positions is not None
    run = Run(temperature=1.0, time=20.0, every=0.002, warm=2.0, constant_energy=True)
    system = system_of(HybridFFCalculator(model), model.molecule)
    found = mean_spectrum(
        [
            spectrum_of(system, model.molecule, model.molecule.positions, own)
            for own in (run, Run(**{**vars(run), "seed": 1}))
        ]
    )
    modes = modes_of(model.molecule.numbers, model.molecule.positions, HybridFFCalculator(model)).frequencies
    # every line is a mode: at least 95 % of the density is within 6/cm of one (resolution 1.7/cm)
    near = np.abs(found.wavenumbers[:, None] - modes).min(1) < 6
    assert np.trapezoid(found.density * near, found.wavenumbers) > 0.95
    assert found.band("O-H") == pytest.approx(modes[-1], abs=3)
    high = modes[(modes > 2000) & (modes < modes[-1] - 100)]
    assert high.min() < found.band("C-H") < high.max()


def test_bonds_to_hydrogen_are_told_by_their_other_end() -> None:
    found = stretching_bonds(molecule("ethanol"))
    assert {name: len(bonds) for name, bonds in found.items()} == {"C-H": 5, "O-H": 1}


def test_a_smooth_density_keeps_its_area() -> None:
    axis = np.arange(0.0, 1000.0, 2.0)
    own = Spectrum(axis, np.exp(-0.5 * ((axis - 500) / 5) ** 2) / (5 * np.sqrt(2 * np.pi)), {})
    found = smooth(own, 10.0)
    assert np.trapezoid(found, axis) == pytest.approx(1, abs=1e-3)
    assert axis[found.argmax()] == 500
    assert found.max() < 0.6 * own.density.max()


def test_a_trajectory_without_velocities_has_no_spectrum() -> None:
    model = force_field("ethanol")
    assert model.molecule.positions is not None
    system = system_of(HybridFFCalculator(model), model.molecule)
    moved = trajectory(system, model.molecule.positions, Run(temperature=300.0, time=0.01, every=0.01, warm=0.01))
    with pytest.raises(ValueError, match="constant energy"):
        spectrum(moved, model.molecule, masses_of(system), 0.0005)


def test_a_comparison_says_where_bands_lie_and_how_they_shift() -> None:
    axis = np.arange(0.0, 4000.0, 10.0)

    def at(place: float) -> Spectrum:
        own = np.where(axis == place, 0.1, 0.0)
        return Spectrum(axis, own, {"O-H": own})

    found = SpectrumComparison({"one": {300.0: [at(3020.0), at(3040.0)], 100.0: [at(3000.0), at(3000.0)]}})
    assert found.sentences() == [
        "one, 100 K: O-H 3000.0 ± 0.0 cm⁻¹",
        "one, 300 K: O-H 3030.0 ± 10.0 (+30.0) cm⁻¹",
    ]
    table = found.table()
    assert table.header == ("wave number [1/cm]", "one, 300 K [cm]", "one, 100 K [cm]")
    assert table.rows[302] == ("3020.00", "5.0000e-02", "0.0000e+00")
    assert found.picture().startswith(b"\x89PNG")


def test_options_plan_runs_with_seeds_that_count_on() -> None:
    plans = SpectrumOptions(temperatures=(50.0, 300.0, 50.0), time="2 ps", runs=2, seed=3).plans()
    assert [(run.temperature, run.seed) for run in plans] == [(50.0, 3), (50.0, 4), (300.0, 3), (300.0, 4)]
    assert all(run.constant_energy and run.time == pytest.approx(2.0) for run in plans)
    with pytest.raises(InputError, match="option runs has to be at least 1"):
        SpectrumOptions(runs=0)
