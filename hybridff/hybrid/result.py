"""What a correction comes to: a force field with kernels, and sentences about these."""

import math
from dataclasses import dataclass

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.gaff.forcefield import ForceField
from hybridff.stability.gate import StabilityReport
from hybridff.units import ANGSTROM, FORCE_KCAL


@dataclass(frozen=True, eq=False)
class Corrected:
    """A force field with kernels, and what is known of these."""

    force_field: ForceField
    energy_offset: float
    """Reference minus model energy [kJ/mol]."""
    atoms: tuple[tuple[int, ...], ...]
    """Atoms of each kernel that was asked for, counted from 0."""
    hyperparameters: Hyperparameters
    """Length scales, amplitudes and noise that the kernels were trained with."""
    gains: tuple[float, ...]
    """Increase of the score of the validation frames (``corrections.hyperparameters.score``) without each kernel."""
    n_points: tuple[int, ...]
    """Number of geometries that each kernel is a sum over; zero for a kernel that is switched off."""
    n_frames: int
    """Number of frames that the kernels were trained on."""
    seconds: float
    """Time that the search and the training took, without the stability gate [s]."""
    angular: bool
    """Whether the kernels see angles and torsions."""
    joint: bool
    """Whether the force field's own coefficients moved too."""
    n_pseudo_frames: int = 0
    """Number of conformers that no frame shows and where kernels were to leave the energies of the terms."""
    report: StabilityReport | None = None
    """The verdict of the stability gate; None where none was asked for."""
    remarks: tuple[str, ...] = ()
    """What had to be done to pass the gate, and why kernels are missing."""

    def sentences(self) -> tuple[str, ...]:
        """What became of each kernel."""
        found = [self._sentence(place) for place in range(len(self.atoms))]
        if self.n_pseudo_frames and any(self.n_points):
            found.append(
                f"At {self.n_pseudo_frames} conformers that no training frame shows, kernels were told to leave "
                "relative energies about as they are."
            )
        if self.joint:
            found.append("The coefficients of the terms were solved for together with the kernels.")
        return (*found, *self.remarks)

    def _sentence(self, place: int) -> str:
        """What became of one kernel."""
        molecule, group, own = self.force_field.molecule, self.atoms[place], self.hyperparameters
        everything = len(group) == len(molecule.numbers)
        name = "all atoms" if everything else f"atoms {', '.join(molecule.label(atom) for atom in group)}"
        if self.n_points[place]:
            sees = "distances, angles and torsions" if self.angular else "distances"
            return (
                f"The kernel on {name} sees {sees} and is a sum over {self.n_points[place]} geometries, trained on "
                f"{self.n_frames} frames: length scale {own.widths[place] * ANGSTROM:.2g}/Å, force components of "
                f"{own.amplitudes[place] / FORCE_KCAL:.2g} kcal/mol/Å a priori, noise of "
                f"{own.force_noise / FORCE_KCAL:.2g} kcal/mol/Å. Without it, forces and energies of the "
                f"validation frames are {100 * math.expm1(self.gains[place] / 2):.0f} % worse."
            )
        if not own.amplitudes[place]:
            return (
                f"The kernel on {name} is switched off: forces and energies of the validation frames are about as "
                "good without it."
            )
        return f"The kernel on {name} is switched off."
