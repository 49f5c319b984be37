"""``hybridff analyse``: a model beside other methods."""

import csv
from pathlib import Path
from typing import Annotated

import ase
import numpy as np
from cyclopts import App, Parameter

from hybridff.analysis.methods import NAMES, STOCK, method
from hybridff.analysis.modes import Modes, hessian, matching, modes, read_reference, relaxed
from hybridff.modelfile import read_model
from hybridff.molecule import Molecule
from hybridff.output import check_new_file, new_file
from hybridff.terminal import progress, say
from hybridff.units import ANGSTROM

analyse = App(name="analyse", help="Compare a model with other methods.", help_format="markdown")
Others = Annotated[
    list[str],
    Parameter(
        help=f"Further methods: {', '.join(NAMES)}, folders of models, model files of the program sgdml (.npz), or "
        "module:Class of any calculator of ASE."
    ),
]


@analyse.command(name="modes")
def normal_modes(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    reference: Annotated[
        Path | None, Parameter(help="File with a minimum and its Hessian (npz: z, R [Å], hessian [kcal/mol/Å²]).")
    ] = None,
    table: Annotated[Path | None, Parameter(help="File for the table, as CSV.")] = None,
) -> None:
    """Frequencies of normal modes, each method at its own minimum.

    Modes are told by their overlap with those of the reference, or of MODEL without one.
    """
    if table is not None:
        check_new_file(table)
    molecule = read_model(model).force_field.molecule
    names = [str(model), *others]
    calculators = {name: method(name, molecule) for name in names}
    begin = _atoms(molecule)
    found: dict[str, Modes] = {}
    if reference is not None:
        begin, second = read_reference(reference, molecule)
        found[str(reference)] = modes(begin, second)
    with progress("modes") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):
            advance(number / len(calculators), name)
            own = relaxed(begin, calculator)
            found[name] = modes(own, hessian(own, calculator))
            begin = begin if reference is not None or number else own
    first, *rest = found
    columns = {first: found[first].frequencies}
    columns |= {name: found[name].frequencies[matching(found[first], found[name])] for name in rest}
    for name in rest:
        off = columns[name] - columns[first]
        worst = int(np.abs(off).argmax())
        say(
            f"{name}: frequencies off by {np.abs(off).mean():.1f} cm⁻¹ on average against {first}, at most by "
            f"{off[worst]:+.0f} (mode at {columns[first][worst]:.0f})"
        )
    header, rows = ["mode", *columns], np.array(list(columns.values())).T
    width = max(10, *(len(name) for name in columns))
    say(" ".join(f"{name:>{width}s}" for name in header))
    for number, row in enumerate(rows, start=1):
        say(" ".join([f"{number:{width}d}", *(f"{value:{width}.1f}" for value in row)]))
    if table is not None:
        with new_file(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows([number, *(f"{value:.3f}" for value in row)] for number, row in enumerate(rows, start=1))
        say(f"Written: {table}.")


def _atoms(molecule: Molecule) -> ase.Atoms:
    placed = molecule if molecule.positions is not None else molecule.with_embedded_positions()
    assert placed.positions is not None
    return ase.Atoms(placed.numbers, placed.positions / ANGSTROM)
