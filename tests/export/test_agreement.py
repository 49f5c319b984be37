import sys

import numpy as np
import openmm
import pytest
from bad_inputs import run
from models import EXAMPLES, class_one_of, distorted, force_field, lone_atom, molecule
from openmm import app, unit

from hybridff.export.agreement import Agreement, openmm_energies_forces, verify, verify_system
from hybridff.export.routes import to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.systems.templates import HybridFFTemplateGenerator

MODULE = sys.modules["hybridff.export.agreement"]


def with_wrong_bond(factor: float):
    """An export whose first bond has another force constant."""

    def export(model: ForceField) -> openmm.System:
        system = to_openmm(model)
        (force,) = [one for one in system.getForces() if isinstance(one, openmm.HarmonicBondForce)]
        i, j, length, k = force.getBondParameters(0)
        force.setBondParameters(0, i, j, length, k * factor)
        return system

    return export


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_route_agrees_for_a_right_export(name):
    comparisons = verify(force_field(name), n_geometries=2)
    assert all(item.passed for item in comparisons)
    assert "OpenMM Reference" in [item.name for item in comparisons]
    assert comparisons[-1].name == "forces against energy differences"


def class2() -> ForceField:
    positions = distorted("ethanol", 5)
    return ForceField.build(molecule("ethanol"), class_one_of("ethanol"), form="class2", geometries=positions)


def test_the_compiled_evaluator_is_compared_where_simulations_use_it(monkeypatch):
    monkeypatch.setattr(MODULE, "platform_names", lambda: ["Reference"])
    comparisons = {item.name: item for item in verify(class2(), n_geometries=2)}
    assert comparisons["compiled evaluator"].passed
    assert "compiled evaluator" not in {item.name for item in verify(force_field("ethanol"), n_geometries=2)}


def test_a_wrong_compiled_evaluator_is_found(monkeypatch):
    def wrong(model, route="native"):
        return to_openmm(model.with_values(model.parameter_table.values * (1 + 1e-7 * (route == "compiled"))), route)

    monkeypatch.setattr(MODULE, "platform_names", lambda: ["Reference"])
    monkeypatch.setattr(MODULE, "to_openmm", wrong)
    comparisons = {item.name: item for item in verify(class2(), n_geometries=2)}
    assert comparisons["OpenMM Reference"].passed
    assert not comparisons["compiled evaluator"].passed


@pytest.mark.parametrize("factor", [1.0 + 1e-6, 0.999, -1.0])
def test_a_wrong_force_is_found_on_every_platform(factor, monkeypatch):
    monkeypatch.setattr(MODULE, "to_openmm", with_wrong_bond(factor))
    comparisons = {item.name: item for item in verify(force_field("ethanol"), n_geometries=2)}
    assert not comparisons["OpenMM Reference"].passed
    if abs(factor - 1.0) > 1e-4:
        assert not comparisons["forces against energy differences"].passed


def test_forces_that_are_no_gradient_are_found(monkeypatch):
    predict = vars(MODULE)["predict"]

    def wrong(model, positions):
        energies, forces = predict(model, positions)
        return energies, forces * 1.0001

    monkeypatch.setattr(MODULE, "predict", wrong)
    comparisons = {item.name: item for item in verify(force_field("ethanol"), n_geometries=2)}
    assert not comparisons["forces against energy differences"].passed


def test_a_platform_whose_device_is_missing_is_left_out(monkeypatch):
    def without_cpu(system, geometries, platform="Reference", properties=None, box=None):
        if platform != "Reference":
            raise openmm.OpenMMException("No compatible device")
        return openmm_energies_forces(system, geometries, platform, properties, box)

    monkeypatch.setattr(MODULE, "openmm_energies_forces", without_cpu)
    names = [item.name for item in verify(force_field("ethanol"), n_geometries=2)]
    assert names == ["OpenMM Reference", "forces against energy differences"]


def test_gpu_platforms_are_compared_in_each_precision(monkeypatch):
    asked = []

    def pretended(system, geometries, platform="Reference", properties=None, box=None):
        asked.append((platform, (properties or {}).get("Precision")))
        return openmm_energies_forces(system, geometries)

    monkeypatch.setattr(MODULE, "openmm_energies_forces", pretended)
    monkeypatch.setattr(MODULE, "platform_names", lambda: ["OpenCL"])
    comparisons = verify(force_field("ethanol"), n_geometries=2)
    assert asked[:3] == [("OpenCL", "single"), ("OpenCL", "mixed"), ("OpenCL", "double")]
    assert [item.tolerance for item in comparisons[:3]] == [1e-3, 1e-4, 1e-5]


def test_a_comparison_passes_at_its_tolerance_and_not_above():
    assert Agreement("", 1e-6, 1e-6, 1e-6).passed
    assert not Agreement("", 2e-6, 0.0, 1e-6).passed
    assert not Agreement("", None, 2e-6, 1e-6).passed
    assert not Agreement("", None, float("nan"), 1e-6).passed


def test_one_atom_has_nothing_to_differ():
    assert all(item.passed for item in verify(lone_atom()))


def test_the_command_fails_when_the_export_is_wrong(workplace, monkeypatch):
    good = run("verify model")
    monkeypatch.setattr(MODULE, "to_openmm", with_wrong_bond(0.99))
    bad = run("verify model")
    assert (good.code, bad.code) == (0, 1)
    assert "DIFFERS" not in good.stdout
    assert "DIFFERS" in bad.stdout


@pytest.mark.slow
def test_a_system_in_a_box_is_compared_on_all_platforms(monkeypatch):
    model = force_field("ethanol", form="class2")
    forcefield = app.ForceField("amber14/tip3p.xml")
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(model).generator)
    modeller = app.Modeller(model.molecule.to_openmm_topology("LIG"), model.molecule.positions * unit.nanometer)
    modeller.addSolvent(forcefield, boxSize=openmm.Vec3(2, 2, 2), neutralize=False)
    system = forcefield.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer, rigidWater=True
    )
    x = np.array(modeller.positions.value_in_unit(unit.nanometer))
    box = modeller.topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer)
    found = verify_system(system, x, box)
    assert [item.name for item in found if not item.passed] == []
    assert any(item.name == "OpenMM CPU" for item in found)
    # another box is another energy
    larger = [1.1 * vector for vector in box]
    energies = [openmm_energies_forces(system, x[None], box=own)[0][0] for own in (box, larger)]
    assert abs(energies[0] - energies[1]) > 1
    honest = MODULE.openmm_energies_forces

    def off(system, geometries, platform="Reference", *arguments, **named):
        energies, forces = honest(system, geometries, platform, *arguments, **named)
        return energies, forces * (1.01 if platform != "Reference" else 1)

    monkeypatch.setattr(MODULE, "openmm_energies_forces", off)
    assert not any(item.passed for item in verify_system(system, x, box))
