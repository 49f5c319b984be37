"""Files of many molecules: a SMILES on each line, or the records of an SDF file."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from hybridff.errors import InputError
from hybridff.foreign import read_text
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.parsing import SMILES_SUFFIXES, is_file, parse_sdf, sdf_records, smiles_entries

_SDF = (".sdf", ".mol")


@dataclass(frozen=True)
class Listed:
    """A molecule of a file, which may turn out to be none."""

    name: str
    """Name, which no other molecule of the file has, of letters, digits, - and _."""
    read: Callable[[], Molecule]
    """What gives the molecule; raises ``InputError`` where it is none."""


def listed_molecules(text: str) -> list[Listed] | None:
    """The molecules of a file ``.smi`` or of an SDF file with several records; None for any other text.

    Raises ``InputError`` for a file that cannot be read, or has no molecule.
    """
    path = Path(text)
    suffix = path.suffix.lower()
    if suffix in SMILES_SUFFIXES:
        lines = [line.split(maxsplit=1) for line in smiles_entries(path)]
        found = [(own[-1].strip(), partial(Molecule.from_smiles, own[0], own[-1].strip())) for own in lines]
    elif suffix in _SDF and is_file(path):
        records = sdf_records(read_text(path, any_encoding=True))
        if len(records) < 2:
            return None
        found = []
        for number, record in enumerate(records, start=1):
            title = record.splitlines()[0].strip() or f"{path.stem}-{number}"
            found.append((title, partial(_of_record, record, f"{path}, record {number}", title)))
    else:
        return None
    names = _told_apart([name for name, _ in found])
    return [Listed(name, read) for name, (_, read) in zip(names, found, strict=True)]


def _of_record(record: str, where: str, name: str) -> Molecule:
    try:
        return Molecule.from_rdkit(parse_sdf(record, where), name)
    except InputError as error:
        text = str(error).replace("the RDKit molecule", where)
        raise InputError(text) from None


def _told_apart(names: list[str]) -> Iterator[str]:
    """Names that files can have, each once."""
    plain = ["".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:60] or "molecule" for name in names]
    counts, taken = Counter(plain), set[str]()
    for name in plain:
        numbered = (f"{name}-{i}" for i in count(1))
        own = name if counts[name] == 1 else next(each for each in numbered if each not in taken and each not in counts)
        taken.add(own)
        yield own
