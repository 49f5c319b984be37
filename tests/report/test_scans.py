import ase
import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.scan import scan
from hybridff.calculator import HybridFFCalculator
from hybridff.report.scans import QuickScan


@pytest.mark.parametrize("rotor", [(0, 1, 2, 8), (3, 0, 1, 2)])
def test_quick_scans_agree_with_exact_ones(rotor):
    model, positions = force_field("ethanol"), molecule("ethanol").positions
    atoms = ase.Atoms(model.molecule.numbers, positions * 10)
    exact = scan(atoms, HybridFFCalculator(model), model.molecule, [rotor], [np.arange(-180.0, 180.0, 60)])
    scanner, shares = QuickScan(model), list[float]()
    quick = scanner(positions, rotor, every=60.0, progress=shares.append)
    assert np.ptp(exact.energies) > 0.5
    # the force that holds the torsion gives way a little
    np.testing.assert_allclose(quick.energies, exact.energies, atol=0.02)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert scanner(positions, rotor, every=60.0).energies == pytest.approx(
        quick.energies, abs=1e-3
    )  # context after context
