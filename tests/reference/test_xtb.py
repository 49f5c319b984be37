from dataclasses import replace
from importlib.util import find_spec
from unittest import mock

import numpy as np
import pytest
from ethanol import real_frames
from models import molecule

from hybridff.errors import InputError, MissingProgramError
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.xtb import XTBLevel

needs_tblite = pytest.mark.skipif(find_spec("tblite") is None, reason="tblite is not installed")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


@needs_tblite
@pytest.mark.parametrize("name", ["gfn1-xtb", "gfn2-xtb"])
def test_forces_are_the_slopes_of_energies(name: str) -> None:
    x = real_frames(0, 1).positions[0]
    direction = np.random.default_rng(0).normal(size=x.shape)
    direction /= np.linalg.norm(direction)
    step = 1e-4  # nm
    found = labelled_frames(
        XTBLevel(name), molecule("ethanol"), np.stack([x, x + step * direction, x - step * direction])
    )
    assert found.forces is not None
    slope = (found.energies[2] - found.energies[1]) / (2 * step)
    # Convergence of the equations to 1e-6 Hartree leaves some 1e-3 kJ/mol over 2e-4 nm.
    assert (found.forces[0] * direction).sum() == pytest.approx(slope, abs=5.0)


@needs_tblite
def test_labels_are_those_of_the_calculator_of_ase() -> None:
    import ase
    from ase.units import Hartree
    from tblite.ase import TBLite

    from hybridff.units import ANGSTROM, HARTREE

    frames = real_frames(0, 2)
    found = labelled_frames(XTBLevel("gfn2-xtb"), molecule("ethanol"), frames.positions)
    atoms = ase.Atoms(frames.numbers, frames.positions[1] / ANGSTROM, calculator=TBLite(method="GFN2-xTB", verbosity=0))
    assert found.energies[1] == pytest.approx(atoms.get_potential_energy() / Hartree * HARTREE, abs=0.01)
    assert found.theory.startswith("GFN2-xTB (tblite ")


@pytest.mark.slow
@needs_tblite
def test_what_was_computed_is_kept_and_what_does_not_converge_left_out() -> None:
    positions = real_frames(0, 30).positions.copy()
    positions[4] = 0.0  # all atoms in one place
    level, calls = XTBLevel("gfn2-xtb"), []
    found = labelled_frames(level, molecule("ethanol"), positions, lambda share, what="": calls.append(share))
    assert len(found) == 29
    assert calls == [25 / 30, 1.0]
    with mock.patch("hybridff.reference.labelled_frames.label_together", side_effect=AssertionError("computed again")):
        again = labelled_frames(level, molecule("ethanol"), positions)
    np.testing.assert_array_equal(again.energies, found.energies)


@needs_tblite
def test_an_element_that_the_level_lacks_is_refused() -> None:
    ethanol = molecule("ethanol")
    plutonium = replace(ethanol, numbers=np.where(ethanol.numbers == 8, 94, ethanol.numbers))
    with pytest.raises(InputError, match="gfn2-xtb cannot compute ethanol: No support for elements with Z >86"):
        labelled_frames(XTBLevel("gfn2-xtb"), plutonium, real_frames(0, 2).positions)


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.reference.xtb.find_spec", lambda name: None)
    with pytest.raises(MissingProgramError, match="gfn2-xtb needs tblite"):
        XTBLevel("gfn2-xtb")
