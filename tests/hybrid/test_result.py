import math
from dataclasses import replace

from ethanol import ATOMS
from models import force_field

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.hybrid.result import Corrected
from hybridff.units import ANGSTROM, FORCE_KCAL


def corrected() -> Corrected:
    """Two kernels, the second of them switched off."""
    state = Hyperparameters((2.0 / ANGSTROM, 1.0), (30.0 * FORCE_KCAL, 0.0), 0.5 * FORCE_KCAL, 1.0)
    gains = (2 * math.log(1.25), 0.0)
    return Corrected(
        force_field=force_field("ethanol"),
        energy_offset=0.0,
        atoms=(ATOMS, tuple(range(9))),
        hyperparameters=state,
        gains=gains,
        n_points=(12, 0),
        n_frames=40,
        seconds=1.0,
        angular=False,
        joint=False,
    )


def test_a_kernel_is_said_with_its_atoms_and_its_hyperparameters() -> None:
    assert corrected().sentences() == (
        "The kernel on atoms C1, C2, O3, H9 sees distances and is a sum over 12 geometries, trained on 40 frames: "
        "length scale 2/Å, force components of 30 kcal/mol/Å a priori, noise of 0.5 kcal/mol/Å. Without it, forces and "
        "energies of the validation frames are 25 % worse.",
        "The kernel on all atoms is switched off: forces and energies of the validation frames are about as good "
        "without it.",
    )


def test_angles_are_said() -> None:
    assert "sees distances, angles and torsions and is" in replace(corrected(), angular=True).sentences()[0]


def test_a_kernel_that_was_left_out_for_another_reason_is_just_off() -> None:
    found = replace(corrected(), n_points=(0, 0), remarks=("It did not pass.",)).sentences()
    assert found[0] == "The kernel on atoms C1, C2, O3, H9 is switched off."
    assert found[-1] == "It did not pass."


def test_pseudo_frames_and_moves_of_the_terms_are_said() -> None:
    found = replace(corrected(), n_pseudo_frames=7, joint=True).sentences()
    assert found[2:] == (
        "At 7 conformers that no training frame shows, kernels were told to leave relative energies about as they are.",
        "The coefficients of the terms were solved for together with the kernels.",
    )


def test_pseudo_frames_are_not_worth_a_word_where_no_kernel_is_left() -> None:
    assert len(replace(corrected(), n_pseudo_frames=7, n_points=(0, 0)).sentences()) == 2
