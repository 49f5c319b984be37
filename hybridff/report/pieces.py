"""How a force field of a large molecule was made from its pieces: what these are, and errors of these and the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from hybridff.document.blocks import Picture, Section, Table
from hybridff.frames.accuracy import Errors
from hybridff.making.summary import Summary
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.pieces import Piece
from hybridff.report.attempts import attempted
from hybridff.report.drawing import drawing
from hybridff.stability.gate import StabilityReport
from hybridff.units import FORCE_KCAL, KCAL_MOL


@dataclass(frozen=True, eq=False)
class Whole:
    """What labels of the whole molecule say of its force field, which nothing was fitted to."""

    level: str
    """Level of theory of the pieces' labels."""
    check_level: str
    """Level of theory of the whole molecule's."""
    before: Errors
    """Errors of stock GAFF."""
    after: Errors
    """Errors of the force field."""
    summary: Summary
    """What was made, in numbers."""
    stability: StabilityReport | None
    """Verdict of the gate; None where none was asked for."""


def pieces_sections(
    molecule: Molecule, pieces: Sequence[Piece], made: Mapping[str, Summary], whole: Whole
) -> tuple[Section, ...]:
    """The pieces with pictures and errors, the check of the whole molecule, and what the gate says of it."""
    sections = [_pieces_section(molecule, pieces, made, whole.level), _whole_section(whole)]
    if whole.stability is not None:
        sections.append(Section("Stability", whole.stability.sentences()))
    return tuple(sections)


def pieces_table(pieces: Sequence[Piece]) -> Table:
    """A row for each piece: name, SMILES, size, and in how many places it is found."""
    rows = tuple(
        (f"piece-{number}", own.molecule.name, str(len(own.molecule.numbers)), str(len(own.places)))
        for number, own in enumerate(pieces, start=1)
    )
    return Table(("piece", "SMILES", "atoms", "places"), rows)


def _pieces_section(molecule: Molecule, pieces: Sequence[Piece], made: Mapping[str, Summary], level: str) -> Section:
    plain, rows = pieces_table(pieces), []
    for cells, own in zip(plain.rows, made.values(), strict=True):
        errors = f"{own.predicted_force / FORCE_KCAL:.2f} / {own.actual_force / FORCE_KCAL:.2f}"
        rows.append((*cells, str(own.n_train), errors))
    header = (*plain.header, "labels", "own fit, predicted / actual [kcal/mol/Å]")
    n_labels = sum(own.n_train for own in made.values())
    kinds = "one kind was" if len(pieces) == 1 else f"{len(pieces)} kinds were"
    sentences = (
        "The molecule was cut into overlapping pieces that are molecules themselves: beyond a cut they end with methyl "
        f"groups or hydrogen; {kinds} labelled at {level}. One fit to all {n_labels} labels gives rows by the "
        "environments of their atoms, which the whole molecule shares.",
        "Errors in the table are those of each piece's own force field on independent frames of its dynamics at 300 K.",
    )
    return Section("Pieces", sentences, Table(header, tuple(rows)), _pictures(molecule, pieces))


def _pictures(molecule: Molecule, pieces: Sequence[Piece]) -> tuple[Picture, ...]:
    """The whole molecule once for each piece, whose atoms are coloured where it is found first."""
    found = []
    for number, piece in enumerate(pieces, start=1):
        values = np.zeros(len(molecule.numbers))
        values[list(piece.places[0])] = 1.0
        alt = f"Structure of {molecule.name} with the atoms of piece-{number} in colour."
        drawn, _ = attempted(partial(_drawn, molecule, alt, values))
        found += [Picture(own.data, own.alt, f"piece-{number}: {piece.molecule.name}") for own in drawn]
    return tuple(found)


def _drawn(molecule: Molecule, alt: str, values: Float[np.ndarray, " atoms"]) -> tuple[Picture, ...]:
    return (drawing(molecule, alt, values),)


def _whole_section(whole: Whole) -> Section:
    own = whole.summary
    rows = tuple(
        (name, f"{errors.force_rmse / FORCE_KCAL:.2f}", f"{errors.energy_rmse / KCAL_MOL:.2f}")
        for name, errors in (("stock GAFF", whole.before), ("from pieces", whole.after))
        if errors.force_rmse is not None
    )
    sentence = (
        f"{own.n_test} frames of the force field's own dynamics at 300 K were labelled at {whole.check_level}, which "
        f"nothing was fitted to. Predicted: force error {own.predicted_force / FORCE_KCAL:.2f} kcal/mol/Å, energy "
        f"error {own.predicted_energy / KCAL_MOL:.2f} kcal/mol."
    )
    other = (
        ()
        if whole.check_level == whole.level
        else (
            f"These labels are not of the level of the pieces, {whole.level}: how the levels differ counts as error.",
        )
    )
    time = (
        f"Labels took {own.wall_seconds:.0f} s ({own.label_seconds:.0f} s of all processes), the rest "
        f"{own.other_seconds:.0f} s without this report."
    )
    header = ("force field", "force error [kcal/mol/Å]", "energy error [kcal/mol]")
    return Section("The whole molecule", (sentence, *other, time), Table(header, rows))
