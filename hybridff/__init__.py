"""hybridff: force fields refit to quantum-chemical energies and forces, for OpenMM.

``fit_molecule`` is the whole way from files to a fitted, tested model; the other names are its parts and what can be
done with a model. Each is imported when it is first used, so that ``import hybridff`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridff.errors import HybridFFError
    from hybridff.export.agreement import verify
    from hybridff.export.calculator import HybridFFCalculator
    from hybridff.export.dynamics import SimulationOptions, simulate
    from hybridff.export.modelfile import read_model, write_model
    from hybridff.export.routes import to_openmm, write_structure, write_system
    from hybridff.fitting.fits import fit
    from hybridff.fitting.options import FitOptions
    from hybridff.frames.accuracy import evaluate
    from hybridff.frames.dataset import Frames
    from hybridff.frames.reading import read_frames
    from hybridff.gaff.forcefield import ForceField
    from hybridff.jobs.job import CorrectionJob, FitJob
    from hybridff.jobs.parameter_sets import apply_parameter_set
    from hybridff.jobs.stock import parametrize
    from hybridff.making.job import MakeJob
    from hybridff.molecules.molecule import Molecule
    from hybridff.molecules.pieces import pieces_of
    from hybridff.stability.gate import StabilityOptions, check_stability
    from hybridff.systems.mixed import add_hybrid
    from hybridff.systems.templates import HybridFFTemplateGenerator
    from hybridff.workflows.corrections import correct_model
    from hybridff.workflows.extending import extend_force_field
    from hybridff.workflows.fits import fit_molecule
    from hybridff.workflows.labelling import LabelOptions, label_frames
    from hybridff.workflows.making import make_force_field
    from hybridff.workflows.making_several import make_force_fields
    from hybridff.workflows.sampling import SampleOptions, sample_frames

    __version__: str

__all__ = [
    "CorrectionJob",
    "FitJob",
    "FitOptions",
    "ForceField",
    "Frames",
    "HybridFFCalculator",
    "HybridFFError",
    "HybridFFTemplateGenerator",
    "LabelOptions",
    "MakeJob",
    "Molecule",
    "SampleOptions",
    "SimulationOptions",
    "StabilityOptions",
    "add_hybrid",
    "apply_parameter_set",
    "check_stability",
    "correct_model",
    "evaluate",
    "extend_force_field",
    "fit",
    "fit_molecule",
    "label_frames",
    "make_force_field",
    "make_force_fields",
    "parametrize",
    "pieces_of",
    "read_frames",
    "read_model",
    "sample_frames",
    "simulate",
    "to_openmm",
    "verify",
    "write_model",
    "write_structure",
    "write_system",
]

PLACES = {
    "CorrectionJob": "jobs.job",
    "FitJob": "jobs.job",
    "FitOptions": "fitting.options",
    "ForceField": "gaff.forcefield",
    "Frames": "frames.dataset",
    "HybridFFCalculator": "export.calculator",
    "HybridFFError": "errors",
    "HybridFFTemplateGenerator": "systems.templates",
    "LabelOptions": "workflows.labelling",
    "MakeJob": "making.job",
    "Molecule": "molecules.molecule",
    "SampleOptions": "workflows.sampling",
    "SimulationOptions": "export.dynamics",
    "StabilityOptions": "stability.gate",
    "add_hybrid": "systems.mixed",
    "apply_parameter_set": "jobs.parameter_sets",
    "check_stability": "stability.gate",
    "correct_model": "workflows.corrections",
    "evaluate": "frames.accuracy",
    "extend_force_field": "workflows.extending",
    "fit": "fitting.fits",
    "fit_molecule": "workflows.fits",
    "label_frames": "workflows.labelling",
    "make_force_field": "workflows.making",
    "make_force_fields": "workflows.making_several",
    "parametrize": "jobs.stock",
    "pieces_of": "molecules.pieces",
    "read_frames": "frames.reading",
    "read_model": "export.modelfile",
    "sample_frames": "workflows.sampling",
    "simulate": "export.dynamics",
    "to_openmm": "export.routes",
    "verify": "export.agreement",
    "write_model": "export.modelfile",
    "write_structure": "export.routes",
    "write_system": "export.routes",
}
"""Module of each public name; a test holds it beside the imports for type checkers above."""

FORMER = {
    "Corrected": "hybrid.result",
    "DataReport": "frames.checks",
    "Errors": "frames.accuracy",
    "FitResult": "fitting.result",
    "SavedModel": "export.modelfile",
    "StabilityReport": "stability.gate",
    "StartOptions": "gaff.start",
    "correct": "hybrid.correcting",
    "fit_together": "fitting.fits",
    "starting_parameters": "gaff.start",
    "stock_of": "gaff.start",
    "usable_frames": "frames.checks",
}
"""Names that were public in 0.1; they go in the version after next."""


def __getattr__(name: str) -> Any:
    """A public name, imported from its module; the version of the package."""
    if name == "__version__":
        from importlib.metadata import version

        return version("hybridff")
    if name in FORMER:
        import warnings

        place = f"hybridff.{FORMER[name]}"
        warnings.warn(f"hybridff.{name} is now {place}.{name}; import it there.", DeprecationWarning, stacklevel=2)
        return getattr(import_module(place), name)
    if name not in PLACES:
        raise AttributeError(f"module 'hybridff' has no attribute {name!r}")
    return getattr(import_module(f"hybridff.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted([*__all__, "__version__"])
