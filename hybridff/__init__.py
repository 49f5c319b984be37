"""hybridff: force fields refit to quantum-chemical energies and forces, for OpenMM."""

from hybridff.errors import HybridFFError
from hybridff.export.agreement import verify
from hybridff.export.calculator import HybridFFCalculator
from hybridff.export.dynamics import SimulationOptions, simulate
from hybridff.export.modelfile import SavedModel, read_model, write_model
from hybridff.export.routes import to_openmm, write_structure, write_system
from hybridff.fitting.options import FitOptions
from hybridff.fitting.refit import FitResult, fit, fit_together
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.frames.checks import DataReport, usable_frames
from hybridff.frames.dataset import Frames, read_frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters, stock_of
from hybridff.hybrid.correcting import correct
from hybridff.hybrid.result import Corrected
from hybridff.molecules.molecule import Molecule
from hybridff.stability.gate import StabilityOptions, StabilityReport, check_stability
from hybridff.systems.mixed import add_hybrid
from hybridff.systems.templates import HybridFFTemplateGenerator

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
    "check_stability",
    "correct",
    "evaluate",
    "fit",
    "fit_together",
    "read_frames",
    "read_model",
    "simulate",
    "starting_parameters",
    "stock_of",
    "to_openmm",
    "usable_frames",
    "verify",
    "write_model",
    "write_structure",
    "write_system",
]
