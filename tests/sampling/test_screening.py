from dataclasses import replace

import numpy as np
from models import class_one_of, distorted, molecule

from hybridff.export.ase_atoms import evaluator
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.sampling.screening import ScreenedCalculator


def test_a_screened_force_field_is_that_with_scaled_charges() -> None:
    own, start = molecule("ethanol"), class_one_of("ethanol")
    scaled = replace(
        start.nonbonded,
        charge=0.4 * start.nonbonded.charge,
        exception_charge_product=0.16 * start.nonbonded.exception_charge_product,
    )
    frames = distorted("ethanol", 3)
    evaluate = evaluator(own.numbers, ScreenedCalculator(ForceField.build(own, start), 0.4))
    energies, forces = predict(ForceField.build(own, replace(start, nonbonded=scaled)), frames)
    for row, frame in enumerate(frames):
        energy, pulls = evaluate(frame)
        np.testing.assert_allclose(energy, energies[row], rtol=1e-9)
        np.testing.assert_allclose(pulls, forces[row], atol=1e-6)
