"""``MLPotential("hybridff", model="DIR")`` of openmm-ml; its entry point is in ``pyproject.toml``.

openmm-ml's mixed Systems are made by ``add_hybrid``: the inner energy of the molecule is replaced by native forces, and
``interpolate=True`` gives the parameter "lambda_interpolate".
"""

from collections.abc import Iterable
from typing import Any

import openmm
from openmm import app
from openmmml.mlpotential import MLPotentialImpl, MLPotentialImplFactory

from hybridff.errors import InputError
from hybridff.export.modelfile import Model, force_field_of
from hybridff.gaff.forcefield import ForceField
from hybridff.systems.inside import add_inside, pair_force, pairs_inside
from hybridff.systems.matching import find_copies
from hybridff.systems.mixed import add_hybrid, why_not
from hybridff.systems.templates import HybridFFTemplateGenerator

_LAMBDA = "lambda_interpolate"
"""Name of the parameter in openmm-ml."""


class HybridFFPotentialImplFactory(MLPotentialImplFactory):
    """What openmm-ml calls."""

    def createImpl(self, name: str, model: Model | None = None, **_: Any) -> MLPotentialImpl:  # noqa: N802 (its name)
        """Raises ``InputError`` without a model, or where it cannot be read."""
        if model is None:
            raise InputError('name the folder of a model: MLPotential("hybridff", model="DIR").')
        return _Potential(force_field_of(model))


class _Potential(MLPotentialImpl):
    def __init__(self, model: ForceField) -> None:
        self._model = model

    def getSupportedEmbeddings(self) -> list[str]:  # noqa: N802 (its name)
        return ["mechanical"]

    def getMLLongRange(self) -> bool:  # noqa: N802 (its name)
        return False

    def createMixedSystem(  # noqa: N802 (openmm-ml calls it so)
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: Iterable[int],
        forceGroup: int,
        interpolate: bool,  # noqa: FBT001 (openmm-ml passes it so)
        embedding: str,
        returnInfo: bool = False,  # noqa: FBT001, FBT002 (openmm-ml's)
        **args: Any,
    ) -> openmm.System:
        _check_group(forceGroup)
        return add_hybrid(
            system,
            topology,
            self._model,
            list(atoms),
            positions=args.get("positions"),
            interpolate=_LAMBDA if interpolate else None,
        )

    def addForces(  # noqa: N802 (openmm-ml calls it so)
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: Iterable[int] | None,
        forceGroup: int,
        **args: Any,
    ) -> None:
        _check_group(forceGroup)
        if atoms is None:
            forcefield = app.ForceField()
            generator = HybridFFTemplateGenerator(self._model, positions=args.get("positions"))
            forcefield.registerTemplateGenerator(generator.generator)
            periodic = topology.getPeriodicBoxVectors() is not None
            method = app.PME if periodic else app.NoCutoff
            whole = forcefield.createSystem(topology, nonbondedMethod=method, removeCMMotion=False)
            for force in whole.getForces():
                system.addForce(openmm.XmlSerializer.clone(force))
            return
        copies = find_copies(self._model, topology, list(atoms), args.get("positions"))
        if not copies:
            raise InputError(why_not(self._model, topology))
        add_inside(system, self._model, copies)
        periodic = system.usesPeriodicBoundaryConditions()
        system.addForce(pair_force(pairs_inside(self._model, copies), periodic=periodic))


def _check_group(group: int) -> None:
    if group:
        raise InputError(
            f"forceGroup={group}: the terms of a model join the System's own forces of group 0; leave it out."
        )
