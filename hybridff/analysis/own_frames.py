"""Errors on frames that a model visits itself, relabelled by a reference: at temperatures where no data are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.methods import leaving_out, running
from hybridff.analysis.minima import start_of
from hybridff.analysis.trajectories import Run, system_of, trajectory
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.ase_atoms import evaluator
from hybridff.export.dynamics import parse_time
from hybridff.molecules.molecule import Molecule
from hybridff.plots.errors import TemperatureErrors, temperature_errors
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.units import FORCE_KCAL, KCAL_MOL


@dataclass(frozen=True)
class OwnErrors:
    """Errors on frames of the model's own dynamics at one temperature."""

    temperature: float
    """Temperature of the dynamics [K]."""
    n_frames: int
    """Number of frames."""
    energy_rmse: float
    """RMSE of energies after subtraction of one constant for all temperatures [kJ/mol]."""
    force_rmse: float
    """RMSE of force components [kJ/mol/nm]."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Frames with the differences of two methods."""

    positions: Float[np.ndarray, "frames atoms 3"]
    """Positions of the atoms [nm]."""
    energies: Float[np.ndarray, " frames"]
    """Energies of the method less those of the reference [kJ/mol]."""
    forces: Float[np.ndarray, "frames atoms 3"]
    """Forces of the method less those of the reference [kJ/mol/nm]."""


@dataclass(frozen=True, kw_only=True)
class OwnFrames:
    """Which frames of its own dynamics a method is judged by."""

    temperatures: tuple[float, ...] = (300.0, 600.0, 1200.0)
    """Temperatures of the dynamics [K]."""
    frames: int = 20
    """Frames at each temperature."""
    spacing: str = "0.5 ps"
    """Time between two frames."""
    seed: int = 0
    """Seed of the dynamics."""

    def __post_init__(self) -> None:
        if self.frames < 2 or self.seed < 0:
            raise InputError("option frames has to be at least 2, and option seed at least 0.")
        for kelvin in self.temperatures:
            self.run(kelvin)  # which checks the temperature and the times

    def run(self, temperature: float) -> Run:
        """The dynamics at a temperature [K]."""
        apart = parse_time(self.spacing, "the spacing")
        return Run(temperature=temperature, time=self.frames * apart, every=apart, seed=self.seed)


@dataclass(frozen=True, eq=False)
class OwnErrorsComparison(Result):
    """Errors of several methods on frames of their own."""

    errors: Mapping[str, tuple[OwnErrors, ...]]
    """Errors at each temperature by the names of methods."""

    def sentences(self) -> list[str]:
        """Errors of each method at each temperature."""
        return [
            f"{name}, {n} own frames at {at} K: energy RMSE {energy} kcal/mol, force RMSE {force} kcal/mol/Å"
            for name, at, n, energy, force in self.table().rows
        ]

    def table(self) -> Table:
        """A row for each method and temperature [K]: RMSE of energies [kcal/mol] and force components [kcal/mol/Å]."""
        rows = [
            (
                name,
                f"{row.temperature:g}",
                str(row.n_frames),
                f"{row.energy_rmse / KCAL_MOL:.3f}",
                f"{row.force_rmse / FORCE_KCAL:.3f}",
            )
            for name, own in self.errors.items()
            for row in own
        ]
        header = ("method", "temperature [K]", "frames", "energy RMSE [kcal/mol]", "force RMSE [kcal/mol/Å]")
        return Table(header, tuple(rows))

    def picture(self) -> bytes:
        """Errors against the temperature."""
        return temperature_errors(
            {
                name: TemperatureErrors(
                    [row.temperature for row in own],
                    np.array([row.energy_rmse for row in own]),
                    np.array([row.force_rmse for row in own]),
                )
                for name, own in self.errors.items()
            }
        )


def compare_own_errors(
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    reference: BaseCalculator,
    options: OwnFrames,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> OwnErrorsComparison:
    """Errors of every method against a reference on frames of its own dynamics.

    A temperature at which these blow up is left out, and ``say`` says so. Raises ``InputError`` where nothing is left.
    """
    found: dict[str, tuple[OwnErrors, ...]] = {}
    kelvins = sorted(set(options.temperatures))
    for number, (name, calculator) in enumerate(methods.items()):
        own, labels = part(progress, number / len(methods), (number + 1) / len(methods), name), dict[float, Labelled]()
        for count, kelvin in enumerate(kelvins):
            with running(name), leaving_out(f"{name} at {kelvin:g} K", say):
                start = start_of(calculator, molecule)
                visited = own_frames(system_of(calculator, molecule), start, options.run(kelvin))
                tell = part(own, count / len(kelvins), (count + 1) / len(kelvins))
                labels[kelvin] = labelled(visited, molecule, calculator, reference, progress=tell)
        if labels:
            found[name] = tuple(own_errors(labels))
    if not found:
        raise InputError("no method came to an end.")
    return OwnErrorsComparison(found)


def own_frames(
    system: openmm.System, start: Float[np.ndarray, "atoms 3"], run: Run
) -> Float[np.ndarray, "frames atoms 3"]:
    """Frames of dynamics from a start [nm]."""
    return trajectory(system, start, run).positions


def labelled(
    frames: Float[np.ndarray, "frames atoms 3"],
    molecule: Molecule,
    calculator: BaseCalculator,
    reference: BaseCalculator,
    *,
    progress: Progress = silent,
) -> Labelled:
    """What a method says of frames [nm] less what the reference says."""
    method, other = (evaluator(molecule.numbers, own) for own in (calculator, reference))
    energies, forces = [], []
    for number, positions in enumerate(frames):
        (energy, force), (known, exact) = method(positions), other(positions)
        energies.append(energy - known)
        forces.append(force - exact)
        progress((number + 1) / len(frames))
    return Labelled(frames, np.array(energies), np.array(forces))


def own_errors(found: Mapping[float, Labelled]) -> list[OwnErrors]:
    """Errors at each temperature [K]; the constant of the energies is that of the lowest temperature."""
    zero = found[min(found)].energies.mean()
    return [
        OwnErrors(
            temperature,
            len(own.energies),
            float(np.sqrt(np.mean((own.energies - zero) ** 2))),
            float(np.sqrt(np.mean(own.forces**2))),
        )
        for temperature, own in sorted(found.items())
    ]
