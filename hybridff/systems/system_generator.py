"""Fitted molecules in ``openmmforcefields``' ``SystemGenerator``, by name, and so in programs that are built on it."""

from typing import Any, ClassVar

from openmm import app
from openmmforcefields.generators.template_generators import SmallMoleculeTemplateGenerator

from hybridff.systems.templates import HybridFFTemplateGenerator

PREFIX = "hybridff:"
"""What a name of ``small_molecule_forcefield`` begins with that means models of hybridff."""


class HybridFFMolecules(SmallMoleculeTemplateGenerator):
    """Lets a ``SystemGenerator`` take models by the names of their folders, as soon as this module is imported.

        from openmmforcefields.generators import SystemGenerator
        import hybridff.systems.system_generator

        generator = SystemGenerator(forcefields=[…], small_molecule_forcefield="hybridff:ligand,cofactor")
        system = generator.create_system(topology)

    ``template_generator_kwargs`` are those of ``HybridFFTemplateGenerator``: positions, platform, route. Molecules that
    ``SystemGenerator`` is given, and their charges, are not needed: residues are known by the models.

    Raises ``ValueError`` for a name without the prefix, by which ``SystemGenerator`` knows that it is for another
    generator, and ``InputError`` for folders that hold no models.
    """

    INSTALLED_FORCEFIELDS: ClassVar[list[str]] = []

    def __init__(
        self,
        forcefield: str = "",
        molecules: Any = None,
        cache: Any = None,
        template_generator_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if not forcefield.startswith(PREFIX):
            raise ValueError(f"{forcefield} is no model of hybridff, whose names are {PREFIX}FOLDER,FOLDER …")
        super().__init__(molecules=molecules)
        self._forcefield = forcefield
        self._own = HybridFFTemplateGenerator(
            forcefield.removeprefix(PREFIX).split(","), **template_generator_kwargs or {}
        )

    def generator(self, forcefield: app.ForceField, residue: Any) -> bool:
        """Register the template of a residue, if one of the models is of this molecule; OpenMM calls this."""
        return self._own.generator(forcefield, residue)
