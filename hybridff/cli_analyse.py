"""``hybridff analyse``: a model beside other methods."""

import csv
from pathlib import Path
from typing import Annotated

import ase
import numpy as np
from cyclopts import App, Parameter

from hybridff.analysis.methods import NAMES, STOCK, method
from hybridff.analysis.modes import Modes, hessian, matching, modes, read_reference, relaxed
from hybridff.analysis.scan import parse_torsion, scan
from hybridff.errors import InputError
from hybridff.modelfile import read_model
from hybridff.molecule import Molecule
from hybridff.output import check_new_file, new_file
from hybridff.plots import scans
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


@analyse.command(name="scan")
def torsion_scan(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    torsion: Annotated[
        list[str], Parameter(help="Numbers of its four atoms, such as 3,1,2,9. Give it twice for two.", negative="")
    ],
    every: Annotated[float, Parameter(help="Degrees from one angle to the next.")] = 15.0,
    rigid: Annotated[bool, Parameter(help="Turn the molecule as it is, and relax nothing.", negative="")] = False,
    table: Annotated[Path | None, Parameter(help="File for the energies, as CSV.")] = None,
    picture: Annotated[Path | None, Parameter(help="File for a picture, .png.")] = None,
) -> None:
    """Energies along one or two torsions, all else relaxed.

    Each method relaxes its own geometries; energies are above its lowest, deviations from MODEL's after the best shift.
    """
    if not 1 <= len(torsion) <= 2:
        raise InputError(f"a scan takes one or two torsions, not {len(torsion)}.")
    if not 1 <= every <= 180:
        raise InputError(f"option every has to be from 1 to 180 degrees, not {every:g}.")
    if picture is not None and picture.suffix != ".png":
        raise InputError(f"the name after --picture has to end in .png, and {picture} does not.")
    for path in (table, picture):
        if path is not None:
            check_new_file(path)
    molecule = read_model(model).force_field.molecule
    torsions = [parse_torsion(text, molecule) for text in torsion]
    angles = [np.arange(-180.0, 180.0 - 1e-9, every) for _ in torsions]
    names = [str(model), *others]
    calculators = {name: method(name, molecule) for name in names}
    begin, found = _atoms(molecule), {}
    with progress("scan") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):

            def share(done: float, number: int = number, name: str = name) -> None:
                advance((number + done) / len(calculators), name)

            found[name] = scan(begin, calculator, molecule, torsions, angles, rigid=rigid, progress=share)
    first = names[0]
    labels = ["-".join(molecule.label(atom) for atom in own) for own in torsions]
    say(f"{'rigid' if rigid else 'relaxed'} scan of {' and '.join(labels)}, {found[first].energies.size} points")
    for name, own in found.items():
        off = ""
        if name != first:
            mean, largest = own.deviation(found[first])
            off = f"; off {first} by {mean:.2f} on average, {largest:.2f} at most"
        lost = int(np.isnan(own.energies).sum())
        ends = f"; {lost} points without end" if lost else ""
        say(f"{name}: up to {np.nanmax(own.energies):.2f} kcal/mol{off}{ends}")
    if table is not None:
        with new_file(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*(f"{label} [degrees]" for label in labels), *(f"{name} [kcal/mol]" for name in found)])
            for place in np.ndindex(*found[first].energies.shape):
                at = [f"{own[i]:g}" for own, i in zip(angles, place, strict=True)]
                writer.writerow([*at, *(f"{own.energies[place]:.4f}" for own in found.values())])
        say(f"Written: {table}.")
    if picture is not None:
        with new_file(picture) as temporary:
            temporary.write_bytes(scans(found, labels))
        say(f"Written: {picture}.")


def _atoms(molecule: Molecule) -> ase.Atoms:
    placed = molecule if molecule.positions is not None else molecule.with_embedded_positions()
    assert placed.positions is not None
    return ase.Atoms(placed.numbers, placed.positions / ANGSTROM)
