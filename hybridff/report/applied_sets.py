"""The report of a model that a parameter set gives a molecule without data."""

from collections import Counter

from hybridff.document.blocks import Document, Fact, Section, Table
from hybridff.gaff.environments import LEVELS, short_label
from hybridff.jobs.parameter_sets import UNTESTED, AppliedSet
from hybridff.report.documents import model_sections, molecule_drawing
from hybridff.units import FORCE_KCAL, KCAL_MOL

_NAMED = 20
"""Guessed rows that the summary names."""


def applied_document(found: AppliedSet, *, alone: bool = True) -> Document:
    """How much of the molecule the set knows, what deviations follow, and which rows are not its own.

    Where this is not ``alone``, other sections say what the model was tested by.
    """
    molecule, counts = found.model.force_field.molecule, found.applied.counts
    sentences = tuple(text for text in found.sentences() if alone or text != UNTESTED)
    known, *wider = LEVELS[::-1]
    backed_off = sum(counts[level] for level in wider)
    facts = (
        Fact("rows known", str(counts[known])),
        Fact("backed off", str(backed_off), "to relatives of the rows"),
        Fact("guessed", str(counts["guessed"]), "as GAFF has them", "bad" if counts["guessed"] > counts[known] else ""),
        Fact("deviation of forces", f"{found.force_deviation / FORCE_KCAL:.2f} kcal/mol/Å", "posterior"),
        Fact("deviation of energies", f"{found.energy_deviation / KCAL_MOL:.2f} kcal/mol", "posterior"),
    )
    sections = (
        Section("Rows", sentences, _by_level(found), more=(_other_rows(found),)),
        Section("Guessed rows", _guessed(found)),
        *model_sections(found.model),
    )
    lead = f"A {found.model.force_field.form} force field of {molecule.name} by a parameter set, without data."
    return Document(f"{molecule.name}: by a parameter set", sections, lead, facts, molecule_drawing(molecule))


def _by_level(found: AppliedSet) -> Table:
    """Numbers of rows by the level on which the set knows them."""
    words = {
        "surroundings": "the row itself",
        "neighbours": "rows with the same types and elements of the neighbours",
        "types": "rows with the same types",
        "elements": "rows with the same elements and numbers of bonds",
        "guessed": "nothing: the row stays as GAFF has it",
    }
    rows = tuple((level, str(number), words[level]) for level, number in found.applied.counts.items())
    return Table(("level", "rows", "what the set knows"), rows)


def _names(found: AppliedSet, *, guessed: bool) -> Counter[tuple[str, str, str]]:
    """Quantity, atom types and level of the rows that the set does not know themselves, with their numbers."""
    names: Counter[tuple[str, str, str]] = Counter()
    for (quantity, levels), level in zip(found.applied.rows, found.applied.levels.tolist(), strict=True):
        if level < len(LEVELS) - 1 and (level < 0 or not guessed):
            kind = short_label(levels[1]) if levels else "one whose sign is its molecule's own"
            names[quantity, kind, LEVELS[level] if level >= 0 else "guessed"] += 1
    return names


def _other_rows(found: AppliedSet) -> Table:
    """All rows that are backed off for or guessed."""
    rows = tuple((*name, str(number)) for name, number in sorted(_names(found, guessed=False).items()))
    caption = "Rows that the set does not know themselves"
    return Table(("quantity", "row, by atom types", "level", "rows"), rows, caption, folded=True)


def _guessed(found: AppliedSet) -> tuple[str, ...]:
    """The guessed rows by name."""
    names = [f"{quantity}: {kind}" for quantity, kind, _ in sorted(_names(found, guessed=True))]
    if not names:
        return ("None: the set knows relatives of every row.",)
    rest = f" … and {len(names) - _NAMED} more, which the report lists." if len(names) > _NAMED else ""
    return ("; ".join(names[:_NAMED]) + rest + ("" if rest else "."),)
