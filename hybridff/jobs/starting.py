"""The form that a job fits, before any fit."""

import numpy as np
from jaxtyping import Float

from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.rest_geometry import straightened
from hybridff.gaff.twins import alike_both_ways
from hybridff.jobs.job import FitJob
from hybridff.molecules.molecule import Molecule


def form_at_start(
    molecule: Molecule,
    parameters: ClassOneParameters,
    job: FitJob,
    geometries: Float[np.ndarray, "frames atoms 3"],
) -> ForceField:
    """The form that a job fits, as it begins; its reference lengths and angles are means over ``geometries`` [nm].

    Angles that are nearly straight in ``parameters`` are straight. Of rows shared by environment, types that GAFF takes
    by turns have the same parameters.
    """
    form, start = job.form, straightened(parameters)
    if form.share == "environment":
        start = alike_both_ways(start, job.starting.gaff)
    return ForceField.build(
        molecule, start, form=form.parsed, share=form.share, fourier=form.fourier, geometries=geometries
    )
