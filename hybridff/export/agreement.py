"""Does the exported System say what the model says? Torch against every OpenMM platform, forces against energies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.context import energy_in, forces_in
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import best_route, to_openmm
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.units import ANGSTROM

_DISPLACEMENT = 0.1 * ANGSTROM
_DIFFERENCE = 3e-6
"""Displacement of the energy differences [nm]: error of the order of its square times the third derivative."""

_REFERENCE = 1e-9
_TOLERANCES = {"double": 1e-5, "mixed": 1e-4, "single": 1e-3}


@dataclass(frozen=True)
class Agreement:
    """One route against another, over all geometries."""

    name: str
    """Which route it is."""
    energy: float | None
    """Largest difference of an energy, relative to the spread of energies; None where only forces are compared."""
    force: float
    """Largest difference of a force component, relative to the root mean square force."""
    tolerance: float
    """Largest of both that is allowed."""

    @property
    def passed(self) -> bool:
        """Whether both are within the tolerance; NaN is not."""
        return all(value <= self.tolerance for value in (self.energy or 0.0, self.force))


def verify(force_field: ForceField, n_geometries: int = 8, seed: int = 0) -> list[Agreement]:
    """Compare torch, OpenMM's platforms, the compiled evaluator and energy differences on displaced geometries.

    Tolerances, relative: 1e-9 for Reference and the compiled evaluator (rounding in double precision); 1e-5, 1e-4 and
    1e-3 for double, mixed and single precision elsewhere (their kernels keep forces as fixed-point or float32 numbers
    and large energies cancel; 1e-3 in mixed precision too where there are kernels, whose large weights cancel in single
    precision there); 1e-6 for central differences (rounding of an energy over the displacement).
    """
    molecule = force_field.molecule
    molecule = molecule.placed()
    assert molecule.positions is not None
    noise = np.random.default_rng(seed).normal(scale=_DISPLACEMENT, size=(n_geometries, *molecule.positions.shape))
    geometries = molecule.positions + noise
    energies, forces = predict(force_field, geometries)
    system = to_openmm(force_field)
    results, present = [], bool(force_field.table.groups)
    for name in platform_names():
        # A System without any term can crash a GPU platform (seen with OpenCL on pocl).
        for label, precision, actual in _on(name, system, geometries) if present or name == "Reference" else ():
            allowed = "single" if precision == "mixed" and force_field.corrections else precision or "single"
            tolerance = _REFERENCE if name == "Reference" else _TOLERANCES[allowed]
            results.append(_compare(label, (energies, forces), actual, tolerance))
    if best_route(force_field, "Reference") == "compiled":
        actual = openmm_energies_forces(to_openmm(force_field, "compiled"), geometries)
        results.append(_compare("compiled evaluator", (energies, forces), actual, _REFERENCE))
    error = _relative(_energy_differences(system, geometries[0]), forces[0], forces[0])
    results.append(Agreement("forces against energy differences", None, error, 1e-6))
    return results


def verify_system(
    system: openmm.System, positions: Float[np.ndarray, "particles 3"], box: Sequence[openmm.Vec3] | None = None
) -> list[Agreement]:
    """Compare every platform present with Reference, for a System of any kind at one geometry [nm].

    Tolerance, relative to the energy and to the root mean square force: 1e-3, as particle-mesh Ewald and sums over many
    particles in single precision leave; 1e-4 in double precision, where only the mesh differs.
    """
    expected = openmm_energies_forces(system, positions[None], box=box)
    results = []
    for name in platform_names():
        for label, precision, actual in _on(name, system, positions[None], box) if name != "Reference" else ():
            results.append(
                Agreement(
                    label,
                    _relative(actual[0], expected[0], expected[0]),
                    _relative(actual[1], expected[1], expected[1]),
                    1e-4 if precision == "double" else 1e-3,
                )
            )
    return results


def _on(
    platform: str,
    system: openmm.System,
    geometries: Float[np.ndarray, "frames atoms 3"],
    box: Sequence[openmm.Vec3] | None = None,
) -> Iterator[tuple[str, str | None, tuple[np.ndarray, np.ndarray]]]:
    """A name, the precision, energies and forces for each precision that a platform has, if its device is there."""
    for precision in _precisions(platform):
        properties = {} if precision is None else {"Precision": precision}
        label = f"OpenMM {platform}" if precision is None else f"OpenMM {platform}, {precision} precision"
        try:
            found = openmm_energies_forces(system, geometries, platform, properties, box)
        except openmm.OpenMMException:
            continue
        yield label, precision, found


def openmm_energies_forces(
    system: openmm.System,
    geometries: Float[np.ndarray, "frames atoms 3"],
    platform: str = "Reference",
    properties: dict[str, str] | None = None,
    box: Sequence[openmm.Vec3] | None = None,
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, "frames atoms 3"]]:
    """Energies [kJ/mol] and forces [kJ/mol/nm] of a System at several geometries."""
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties or {})
    if box is not None and system.usesPeriodicBoundaryConditions():
        context.setPeriodicBoxVectors(*box)
    energies, forces = [], []
    for positions in geometries:
        context.setPositions(positions)
        state = context.getState(getEnergy=True, getForces=True)
        energies.append(energy_in(state))
        forces.append(forces_in(state))
    return np.array(energies), np.array(forces)


def _energy_differences(system: openmm.System, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Minus the central differences of OpenMM's energies."""
    shifts = _DIFFERENCE * np.eye(positions.size).reshape(-1, *positions.shape)
    plus, _ = openmm_energies_forces(system, positions + shifts)
    minus, _ = openmm_energies_forces(system, positions - shifts)
    return (-(plus - minus) / (2 * _DIFFERENCE)).reshape(positions.shape)


def _precisions(platform: str) -> Sequence[str | None]:
    return ("single", "mixed", "double") if platform in ("CUDA", "OpenCL", "HIP") else (None,)


def _compare(
    name: str, expected: tuple[np.ndarray, np.ndarray], actual: tuple[np.ndarray, np.ndarray], tolerance: float
) -> Agreement:
    (energies, forces), (other_energies, other_forces) = expected, actual
    return Agreement(
        name,
        _relative(other_energies, energies, energies - energies.mean()),
        _relative(other_forces, forces, forces),
        tolerance,
    )


def _relative(actual: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> float:
    return float(np.abs(actual - expected).max() / max(np.sqrt(np.mean(scale**2)), 1e-12))
