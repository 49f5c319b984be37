import numpy as np
import openmm
import pytest
from models import corrected, distorted, force_field, molecule
from openmm import unit

from hybridff.corrections.term import KernelTerm
from hybridff.export.agreement import openmm_energies_forces
from hybridff.export.compiled import compiled_force, split_compiled_force
from hybridff.frames.accuracy import predict
from hybridff.molecules.graph import spanning_tree
from hybridff.molecules.images import make_whole

BOX = np.array([[2.0, 0.0, 0.0], [0.6, 1.9, 0.0], [-0.5, 0.4, 1.8]])
"""Triclinic, in OpenMM's reduced form [nm]."""


def scattered(n_frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Geometries, and the same with every atom in an image of its own."""
    x = distorted("propane", n_frames)
    shifts = np.random.default_rng(seed).integers(-2, 3, x.shape)
    return x, x + shifts @ BOX


def system(forces: list[openmm.Force]) -> openmm.System:
    found = openmm.System()
    for _ in molecule("propane").numbers:
        found.addParticle(12.0)
    found.setDefaultPeriodicBoxVectors(*BOX)
    for force in forces:
        found.addForce(force)
    return found


def test_a_scattered_molecule_is_made_whole() -> None:
    for whole, own in zip(*scattered(5), strict=True):
        make_whole(own, spanning_tree(molecule("propane")), BOX)
        np.testing.assert_allclose(own - own[0], whole - whole[0], atol=1e-12)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_compiled_molecule_does_not_mind_the_boundary(parts: int) -> None:
    model = corrected(force_field("propane"))
    whole, own = scattered(4)
    energies, forces = predict(model, whole)
    whole_force, split = compiled_force(model, periodic=True), split_compiled_force(model, periodic=True)
    actual = openmm_energies_forces(system([whole_force] if parts == 1 else list(split)), own)
    np.testing.assert_allclose(actual[0], energies, rtol=1e-10)
    np.testing.assert_allclose(actual[1], forces, atol=1e-8 * np.abs(forces).max())


@pytest.mark.parametrize("platform", ["Reference", "OpenCL"])
def test_a_native_kernel_does_not_mind_the_boundary(platform: str) -> None:
    try:
        openmm.Platform.getPlatformByName(platform)
    except openmm.OpenMMException:
        pytest.skip(f"no platform {platform} here")
    (term,) = corrected(force_field("propane")).corrections
    assert isinstance(term, KernelTerm)
    whole, own = scattered(4)
    energies, forces = predict(term, whole)
    actual = openmm_energies_forces(system([term.native_force(periodic=True)]), own, platform)
    # OpenCL's default is single precision; the box adds its own rounding of positions of up to 5 nm.
    tolerance = 1e-10 if platform == "Reference" else 2e-4
    np.testing.assert_allclose(actual[0], energies, atol=tolerance * np.ptp(energies) * 10)
    np.testing.assert_allclose(actual[1], forces, atol=tolerance * np.abs(forces).max())


@pytest.mark.parametrize("route", ["compiled", "native"])
def test_dynamics_goes_on_across_the_boundary(route: str) -> None:
    """A molecule on the boundary and one shifted by box vectors move alike."""
    model = corrected(force_field("propane"))

    def forces() -> list[openmm.Force]:
        if route == "compiled":
            return [compiled_force(model, periodic=True)]
        found = [force for force in model.openmm_forces() if not isinstance(force, openmm.NonbondedForce)]
        for force in found:
            force.setUsesPeriodicBoundaryConditions(True)
        return found

    (start,) = distorted("propane", 1)
    ends = []
    for shift in (np.zeros(3), BOX[0] - 2 * BOX[1], 0.5 * BOX.sum(0)):
        moved = start + shift
        wrapped = moved - np.floor(moved @ np.linalg.inv(BOX)) @ BOX
        integrator = openmm.VerletIntegrator(0.0005)
        context = openmm.Context(system(forces()), integrator, openmm.Platform.getPlatformByName("Reference"))
        context.setPositions(wrapped)
        integrator.step(200)
        end = context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        make_whole(end, spanning_tree(molecule("propane")), BOX)
        ends.append(end - end[0])
    for other in ends[1:]:
        np.testing.assert_allclose(other, ends[0], atol=1e-9)
