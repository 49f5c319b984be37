"""Class II fitted to frames of GFN2-xTB alone."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from learnt_widths import gasteiger_charges

import hybridff as hf
from hybridff.export.hot_geometries import hot_geometries
from hybridff.fitting.fits import fit
from hybridff.frames.accuracy import evaluate
from hybridff.frames.checks import usable_frames
from hybridff.gaff.assign import gaff_parameters
from hybridff.molecules.conformers import embedded_conformers
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.level_frames import LevelSampling, level_frames
from hybridff.reference.xtb import XTBLevel
from hybridff.units import FORCE_KCAL

N_GIVEN, TEMPERATURE = 50, 300.0
"""Number of frames of dynamics with stock GAFF around which others are made, and its temperature [K]."""


def taught_models(molecule: hf.Molecule, n_frames: int, seed: int) -> tuple[hf.ForceField, hf.ForceField, float]:
    """Stock GAFF, class II fitted to frames of GFN2-xTB, and the RMSE of its forces there [kcal/mol/Å]."""
    starts = embedded_conformers(molecule, N_GIVEN, seed)
    molecule = replace(molecule, positions=starts[0])
    parameters = gaff_parameters(molecule, gasteiger_charges(molecule))
    stock = hf.ForceField.build(molecule, parameters)
    given = labelled(molecule, hot_geometries(stock, starts, N_GIVEN, TEMPERATURE, seed))
    small = hf.ForceField.build(molecule, parameters, form="class2", geometries=given.positions)
    frames = level_frames(LevelSampling(stock, small, given, n_frames, seed), XTBLevel("gfn2-xtb"))
    start = hf.ForceField.build(molecule, parameters, form="class2", geometries=frames.positions)
    taught = fit(start, frames).force_fields[0]
    return stock, taught, (evaluate(taught, frames).force_rmse or np.nan) / FORCE_KCAL


def labelled(molecule: hf.Molecule, positions: Float[np.ndarray, "frames atoms 3"]) -> hf.Frames:
    """Frames of GFN2-xTB with the bonds of the molecule."""
    return usable_frames(labelled_frames(XTBLevel("gfn2-xtb"), molecule, positions), molecule)[0]
