"""Do two builds of AmberTools agree on GAFF2 types, missing parameters and charges of ``tests/gaff/molecules.smi``?

``run`` writes what the build in ``--bin`` (else the one that hybridff finds) gives, and goes on where it was stopped.

Usage: python scripts/table_ambertools.py run|compare FILE.jsonl [OTHER.jsonl] [--bin FOLDER] [--charges am1bcc]
"""

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import options_of, say, table

from hybridff.errors import HybridFFError
from hybridff.gaff.atomtypes import assign_types, estimate_missing
from hybridff.gaff.charges import assign_charges
from hybridff.molecules.molecule import Molecule

MOLECULES = Path(__file__).resolve().parent.parent / "tests" / "gaff" / "molecules.smi"


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("what", choices=("run", "compare"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--bin", type=Path, help="folder of the programs")
    parser.add_argument("--charges", help="also charges of this kind, by these programs")
    options = parser.parse_args()
    found = [read(path) if path.is_file() else {} for path in options.files]
    if options.what == "compare":
        compare(*found)
        return
    if options.bin:
        os.environ["PATH"] = os.pathsep.join([str(options.bin.resolve()), os.environ["PATH"]])
    (path,), (done,) = options.files, found
    lines = [line.split() for line in MOLECULES.read_text(encoding="utf-8").splitlines() if line.strip()]
    molecules = [Molecule.from_smiles(smiles, name) for smiles, name in lines if name not in done]
    for molecule in sorted(molecules, key=lambda molecule: len(molecule.numbers)):
        with tempfile.TemporaryDirectory() as cache, path.open("a", encoding="utf-8") as file:
            os.environ["HYBRIDFF_CACHE"] = cache
            file.write(json.dumps({"name": molecule.name, **results(molecule, options.charges)}) + "\n")
        say(f"{molecule.name}, {len(molecule.numbers)} atoms")


def results(molecule: Molecule, method: str | None) -> dict[str, Any]:
    """Types, rows estimated by parmchk2 and, where asked for, charges [e]."""
    found: dict[str, Any] = {"atoms": len(molecule.numbers)}
    try:
        found["types"] = assign_types(molecule)
        found["missing"] = repr(replace(estimate_missing(molecule, found["types"]), name="", remarks={}))
        found |= {"charges": assign_charges(molecule, method).tolist()} if method else {}
    except HybridFFError as error:
        found["failed"] = str(error)
    return found


def compare(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> None:
    names = [name for name in one if name in other]
    for key in ("types", "missing", "failed"):
        differ = [name for name in names if one[name].get(key) != other[name].get(key)]
        print(f"{key}: {sum(key in one[name] for name in names)} molecules, {len(differ)} differ: {', '.join(differ)}")
    both = [name for name in names if "charges" in one[name] and "charges" in other[name]]
    difference = [np.abs(np.subtract(one[name]["charges"], other[name]["charges"])).max() for name in both]
    print(f"charges: {len(both)} molecules, of which {sum(d < 1e-6 for d in difference)} are equal\n")
    rows = [(n, str(one[n]["atoms"]), f"{d:.4f}") for n, d in zip(both, difference, strict=True) if d > 0.0005]
    table(("molecule", "atoms", "largest difference [e]"), rows)


def read(path: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


if __name__ == "__main__":
    main()
