"""What samples a molecule: stock GAFF, a fitted model, a level of theory; and solvents against the collapse of ions."""

from dataclasses import dataclass, replace
from pathlib import Path

from ase.calculators.calculator import BaseCalculator, CalculationFailed

from hybridff.analysis.methods import read_options
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atoms_at
from hybridff.export.calculator import HybridFFCalculator
from hybridff.export.modelfile import FILE_NAME, read_model
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.jobs.reading import Structure, read_structure
from hybridff.molecules.completing import (
    are_same,
    isomer_note,
    leaves_stereochemistry_open,
    plain_smiles,
    with_bond_orders,
    with_stereochemistry,
)
from hybridff.molecules.ions import has_ions
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say
from hybridff.reference.level import Level
from hybridff.reference.level_calculator import LevelCalculator
from hybridff.reference.levels import KNOWN, is_level_name, level_of
from hybridff.reference.xtb import XTBLevel
from hybridff.sampling.screening import ScreenedCalculator
from hybridff.stability.gate import SHORT, check_stability

STOCK = "gaff"
"""Name of the stock force field as a method."""
_AUTO, _NONE, _WATER = "auto", "none", "water"


@dataclass(frozen=True, kw_only=True)
class AskedSampler:
    """What a user asks of a method that samples."""

    method: str
    """``gaff``, the folder of a model, or the name of a level."""
    solvent: str
    """A solvent; ``none``; or ``auto``, which is water for ions, but for fitted models, whose data know of none."""
    charge_scale: float
    """What charges of force fields are multiplied with in a solvent."""
    charges: str
    """Partial charges of ``gaff``."""
    options: Path | None
    """TOML file with options of a level."""
    check: bool
    """Whether a fitted model has to pass the gate."""


@dataclass(frozen=True, eq=False)
class Sampler:
    """A molecule and what moves it."""

    molecule: Molecule
    """The molecule with positions and its stereochemistry."""
    calculator: BaseCalculator
    """Its energies and forces."""
    words: str
    """The method in words."""
    screened: bool
    """Whether a solvent screens charges."""


def sampler_of(molecule: str | Path | Molecule, asked: AskedSampler, say: Say, progress: Progress) -> Sampler:
    """What a user asks for, ready to sample.

    Raises ``InputError`` for what is no molecule or no method, for solvents that a method has not, and for a model that
    fails the gate; ``MissingProgramError`` without the program of a level.
    """
    _check_method(asked.method)
    start = StartOptions(charges=asked.charges)
    given = Structure(molecule, start, ()) if isinstance(molecule, Molecule) else read_structure(str(molecule), start)
    if len(given.molecule.numbers) < 2:
        raise InputError(f"{given.molecule.name} is a single atom, of which there is nothing to sample.")
    read = with_bond_orders(given.molecule)
    found = with_stereochemistry(read)
    is_open = leaves_stereochemistry_open(read)
    if (Path(asked.method) / FILE_NAME).is_file():
        return _by_model(found, asked, say, progress, is_open=is_open)
    if is_open:
        say(isomer_note(found))
    if asked.method.lower() == STOCK:
        force_field = ForceField.build(found, starting_parameters(found, given.start))
        return _by_force_field(found, force_field, force_field.source, asked, scaled=has_ions(found))
    own = {} if asked.options is None else read_options(asked.options).get(asked.method, {})
    return _by_level(found, level_of(asked.method, own), asked, say)


def _by_model(molecule: Molecule, asked: AskedSampler, say: Say, progress: Progress, *, is_open: bool) -> Sampler:
    """A fitted model of the molecule, which says which stereoisomer it is where that ``is_open``."""
    model = read_model(asked.method).force_field
    known = with_stereochemistry(with_bond_orders(model.molecule))
    if not are_same(known, molecule, stereochemistry=not is_open):
        raise InputError(
            f"the model {asked.method} is of {plain_smiles(known)}, not of {plain_smiles(molecule)}; take another "
            "model, or gaff."
        )
    if is_open:
        say(isomer_note(known))
    if asked.check:
        _check_stable(model, asked.method, progress)
    return _by_force_field(known, model, f"the model {asked.method}", asked, scaled=False)


def _check_method(name: str) -> None:
    if name.lower() != STOCK and not (Path(name) / FILE_NAME).is_file() and not is_level_name(name):
        raise InputError(f"{name} is nothing that samples: give {STOCK}, the folder of a model, or a level: {KNOWN}.")


def _check_stable(model: ForceField, name: str, progress: Progress) -> None:
    report = check_stability(model, SHORT, progress)
    if not report.passed:
        raise InputError(
            f"the model {name} is not stable: {report.failures[0].message} Fit it again, as fit does until its gate is "
            "passed, or switch option check off."
        )


def _by_force_field(
    molecule: Molecule, force_field: ForceField, words: str, asked: AskedSampler, *, scaled: bool
) -> Sampler:
    """A force field; ``scaled`` is whether its charges are where the user leaves that open."""
    if not (scaled if asked.solvent == _AUTO else asked.solvent != _NONE):
        return Sampler(molecule, HybridFFCalculator(force_field), words, screened=False)
    words = f"{words} with charges times {asked.charge_scale:g}, as a solvent screens them"
    return Sampler(molecule, ScreenedCalculator(force_field, asked.charge_scale), words, screened=True)


def _by_level(molecule: Molecule, level: Level, asked: AskedSampler, say: Say) -> Sampler:
    """A level of theory, in the solvent that is asked for, which has an energy of the molecule's own geometry."""
    if isinstance(level, XTBLevel):
        if asked.solvent not in (_AUTO, level.solvent or _NONE) and level.solvent:
            raise InputError(f"{asked.method} names its solvent; leave option solvent out.")
        wanted = (_WATER if has_ions(molecule) else "") if asked.solvent == _AUTO else asked.solvent
        level = level if level.solvent or wanted == _NONE else replace(level, solvent=wanted)
    elif asked.solvent not in (_AUTO, _NONE):
        raise InputError(f"{asked.method} has no solvent here; take gfn2-xtb, or leave option solvent out.")
    elif has_ions(molecule) and asked.solvent == _AUTO:
        say(f"Note: {molecule.name} has ions, and {asked.method} no solvent: they may collapse, or exchange protons.")
    calculator = LevelCalculator(level, molecule)
    assert molecule.positions is not None
    try:
        atoms_at(molecule.numbers, molecule.positions, calculator).get_forces()
    except CalculationFailed as error:
        reason = str(error).rstrip(".")
        raise InputError(f"{asked.method} fails for the first geometry of {molecule.name}: {reason}.") from error
    return Sampler(molecule, calculator, level.settings, screened=bool(getattr(level, "solvent", "")))
