"""Parameter sets applied to molecules without data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hybridff.errors import InputError
from hybridff.export.hot_geometries import hot_geometries
from hybridff.export.modelfile import SavedModel
from hybridff.fitting.parameter_set import Applied
from hybridff.fitting.posterior import Posterior
from hybridff.gaff.charges import METHODS
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.environments import LEVELS
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.rest_geometry import straightened
from hybridff.gaff.start import StartOptions, programs_of, starting_parameters
from hybridff.gaff.twins import alike_both_ways
from hybridff.jobs.job import plain_options
from hybridff.jobs.provenance import provenance
from hybridff.jobs.reading import Structure, read_structure
from hybridff.jobs.set_files import SET, SavedSet, read_set
from hybridff.molecules.completing import isomer_note, leaves_stereochemistry_open, with_stereochemistry
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Say, quiet
from hybridff.units import FORCE_KCAL, KCAL_MOL

TEMPERATURE = 300.0
"""Temperature of the geometries on which deviations are reported [K]."""
_GEOMETRIES = 20
"""Number of these."""
UNTESTED = (
    "No data of the molecule itself were used, and no stability gate was passed: see 'hybridff evaluate' and "
    "'hybridff simulate'."
)
"""What to say of a model that nothing but the set speaks for."""


@dataclass(frozen=True, eq=False)
class AppliedSet:
    """A molecule's model by a parameter set, without any data of its own."""

    model: SavedModel
    """The model, as ``fit`` makes it."""
    applied: Applied
    """Its rows, on which level the set knows each, and their posterior."""
    energy_deviation: float
    """Posterior deviation of energies, the root of the mean square over geometries of dynamics at 300 K [kJ/mol]."""
    force_deviation: float
    """Posterior deviation of force components on these geometries [kJ/mol/nm]."""

    @property
    def posterior(self) -> Posterior:
        """The posterior of the model's coefficients."""
        return self.applied.posterior

    def sentences(self) -> tuple[str, ...]:
        """How many rows the set knows, backs off for and does not know, and the deviations that follow."""
        counts = self.applied.counts
        known, *wider = LEVELS[::-1]
        backed = ", ".join(f"{counts[level]} to {level}" for level in wider)
        return (
            f"{sum(counts.values())} rows: {counts[known]} known, "
            f"{sum(counts[level] for level in wider)} backed off ({backed}), {counts['guessed']} guessed.",
            f"Posterior deviation on {_GEOMETRIES} geometries of dynamics at {TEMPERATURE:.0f} K: energy "
            f"{self.energy_deviation / KCAL_MOL:.2f} kcal/mol, forces {self.force_deviation / FORCE_KCAL:.2f} "
            "kcal/mol/Å.",
            UNTESTED,
        )


def apply_parameter_set(
    folder: str | Path, molecule: str | Molecule, start: StartOptions | None = None, *, say: Say = quiet
) -> AppliedSet:
    """The model that a parameter set gives a molecule without data.

    ``folder`` is one that ``fit`` wrote with rows shared by environment. ``molecule`` is a SMILES, the name of an SDF
    or MOL2 file, or a molecule that was read already; it gets a geometry unless it has one. Charges and types are made
    as for ``parametrize``, by default as those of the set were. ``say`` is told where nothing says which stereoisomer
    it is.

    Raises ``InputError`` for a folder that is no set, for text that is no molecule, for a start of the user's own, as a
    prmtop brings one, for what GAFF has no types or parameters of, and where more rows would be guessed than the set
    knows on any level.
    """
    saved = read_set(folder)
    start = _start_of(saved, start, folder)
    found = read_structure(molecule, start) if isinstance(molecule, str) else Structure(molecule, start, ())
    _check_stock(found.start, folder)
    made = model_by_set(saved, Path(folder), found.molecule, start, found.files)
    if leaves_stereochemistry_open(found.molecule):
        say(isomer_note(with_stereochemistry(made.model.force_field.molecule)))
    return made


def model_by_set(
    saved: SavedSet, folder: Path, molecule: Molecule, start: StartOptions, files: Sequence[Path] = ()
) -> AppliedSet:
    """The model that the set of a folder gives a molecule whose start is stock GAFF; ``files`` are the molecule's own.

    Raises ``InputError`` for what GAFF has no types or parameters of, and where more rows would be guessed than known.
    """
    placed = molecule.placed()
    applied = applied_to(saved, placed, starting_parameters(placed, start))
    counts = applied.counts
    if 2 * counts["guessed"] > sum(counts.values()):
        raise InputError(
            f"{placed.name}: the set {folder} knows {sum(counts.values()) - counts['guessed']} of its rows, and "
            f"{counts['guessed']} would be guessed; fit the molecule, or a set with molecules like it."
        )
    assert placed.positions is not None
    hot = hot_geometries(applied.force_field, placed.positions[None], _GEOMETRIES, TEMPERATURE)
    positions = hot if len(hot) else placed.positions[None]
    applied = replace(applied, posterior=applied.posterior.about(applied.force_field, positions))
    deviations = applied.posterior.predicted_errors(applied.force_field, positions)
    about = {
        **provenance([*files, *start.files, folder / SET]),
        "programs": programs_of(start),
        "options": plain_options(start),
        "parameter set": str(saved.provenance.get("molecules", "")),
        "rows": counts,
    }
    model = SavedModel(applied.force_field, None, about)
    return AppliedSet(model, applied, *deviations)


def applied_to(saved: SavedSet, molecule: Molecule, parameters: ClassOneParameters) -> Applied:
    """What a set says of a molecule that has a geometry and stock parameters; nearly straight angles are straight."""
    start = alike_both_ways(straightened(parameters), saved.gaff)
    force_field = ForceField.build(molecule, start, form="class2", share="environment")
    assert molecule.positions is not None
    return saved.parameters.apply(force_field, molecule.positions[None])


def check_version(saved: SavedSet, start: StartOptions, folder: str | Path) -> None:
    """Raise ``InputError`` for a start that is not stock GAFF, or another version of it than the set's."""
    _check_stock(start, folder)
    if start.gaff != saved.gaff:
        raise InputError(
            f"the set {folder} has the types of {saved.gaff}, not of {start.gaff}; give --gaff {saved.gaff}."
        )


def _check_stock(start: StartOptions, folder: str | Path) -> None:
    if start.start is not None:
        raise InputError(
            f"the set {folder} counts from stock GAFF, not from {start.start}; leave start out, and give the molecule "
            "as a SMILES, or an SDF or MOL2 file."
        )


def _start_of(saved: SavedSet, start: StartOptions | None, folder: str | Path) -> StartOptions:
    """Options of the user, or those of the set."""
    if start is None or start == StartOptions(bonds_from=start.bonds_from):
        charges = saved.charges if saved.charges in METHODS else StartOptions().charges
        return StartOptions(gaff=saved.gaff, charges=charges, bonds_from=start.bonds_from if start else None)
    check_version(saved, start, folder)
    return start
