"""Force fields that need no data."""

from hybridff.export.modelfile import SavedModel
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, programs_of, starting_parameters
from hybridff.jobs.job import plain_options
from hybridff.jobs.provenance import provenance
from hybridff.jobs.reading import Structure, read_structure
from hybridff.molecules.completing import isomer_note, leaves_stereochemistry_open, with_stereochemistry
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Say, quiet


def parametrize(molecule: str | Molecule, start: StartOptions | None = None, *, say: Say = quiet) -> SavedModel:
    """Stock parameters of a molecule, without data; it gets a geometry unless its bond orders are unknown.

    ``molecule`` is a SMILES, the name of an SDF, MOL2 or prmtop file, or a molecule that was read already. ``say`` is
    told where nothing says which stereoisomer it is.

    Raises ``InputError`` for text that is none of these, and for what GAFF has no types or parameters of.
    """
    named = read_structure(molecule, start) if isinstance(molecule, str) else None
    found = named or Structure(molecule, start or StartOptions(), ())  # type: ignore[arg-type]
    placed = found.molecule
    if placed.positions is None and (placed.bond_orders > 0).all():
        placed = placed.with_embedded_positions()
    force_field = ForceField.build(placed, starting_parameters(placed, found.start))
    if placed is not found.molecule and leaves_stereochemistry_open(found.molecule):
        say(isomer_note(with_stereochemistry(placed)))
    about = {
        **provenance([*found.files, *found.start.files]),
        "programs": programs_of(found.start),
        "options": plain_options(found.start),
    }
    return SavedModel(force_field, None, about)
