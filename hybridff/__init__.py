"""hybridff: force fields refit to quantum-chemical energies and forces, for OpenMM."""

from hybridff.analysis.errors import Errors, evaluate
from hybridff.calculator import HybridFFCalculator
from hybridff.checks import DataReport, usable_frames
from hybridff.correct import Corrected, correct
from hybridff.dataset import Frames, read_frames
from hybridff.errors import HybridFFError
from hybridff.export import to_openmm, write_structure, write_system
from hybridff.fit.options import FitOptions
from hybridff.fit.refit import FitResult, fit, fit_together
from hybridff.gaff.forcefield import ForceField
from hybridff.gate import StabilityOptions, StabilityReport, stability
from hybridff.modelfile import SavedModel, read_model, write_model
from hybridff.molecule import Molecule
from hybridff.simulate import SimulationOptions, simulate
from hybridff.start import StartOptions, starting_parameters, stock_of
from hybridff.systems.mixed import add_hybrid
from hybridff.systems.templates import HybridFFTemplateGenerator
from hybridff.verify import verify

__all__ = [
    "Corrected",
    "DataReport",
    "Errors",
    "FitOptions",
    "FitResult",
    "ForceField",
    "Frames",
    "HybridFFCalculator",
    "HybridFFError",
    "HybridFFTemplateGenerator",
    "Molecule",
    "SavedModel",
    "SimulationOptions",
    "StabilityOptions",
    "StabilityReport",
    "StartOptions",
    "add_hybrid",
    "correct",
    "evaluate",
    "fit",
    "fit_together",
    "read_frames",
    "read_model",
    "simulate",
    "stability",
    "starting_parameters",
    "stock_of",
    "to_openmm",
    "usable_frames",
    "verify",
    "write_model",
    "write_structure",
    "write_system",
]
