"""Errors by group: which atoms, which heights and which angles of torsions are described badly."""

from dataclasses import replace

import numpy as np

from hybridff.analysis.groups import Group, error_groups
from hybridff.document.blocks import Block, Section, Table
from hybridff.report import pictures
from hybridff.report.before_after import BeforeAfter
from hybridff.report.drawing import drawing
from hybridff.units import FORCE_KCAL, KCAL_MOL

_MOST_ROTORS = 6
_FEW = 5
"""Frames of an interval below which its error means little."""


def group_section(pair: BeforeAfter, *, brief: bool = False) -> Section:
    """Force errors of elements and atoms, and errors by height above the lowest frame and by angle of each rotor.

    A ``brief`` one has tables alone, but for the atoms.
    """
    rotors = pair.rotors()[:_MOST_ROTORS]
    found = {
        name: error_groups(model, pair.frames, pair.molecule, pair.offsets[name], rotors)
        for name, model in pair.quick.items()
    }
    by_kind = {kind: {name: _of(groups, kind) for name, groups in found.items()} for kind in _kinds(found[pair.after])}
    blocks: list[Block] = []
    atoms = by_kind.get("atom", {}).get(pair.after, [])
    sentences = [
        f"Errors on the {len(pair.frames)} {pair.part} frames, taken apart. An interval with fewer than {_FEW} frames "
        "says little."
    ]
    if atoms:
        values = np.array([_force(group) for group in atoms])
        worst = np.argsort(-values)[:3]
        named = ", ".join(f"{atoms[i].name} ({values[i]:.2f})" for i in worst)
        sentences.append(f"Force errors ({pair.after}) [kcal/mol/Å] are largest on {named}.")
        alt = f"The molecule with atoms in darker red where the force error is larger; the largest are on {named}."
        drawn = drawing(pair.molecule, alt, values)
        caption = f"Force RMSE of atoms ({pair.after}) [kcal/mol/Å]: white is 0, the darkest red {values.max():.2f}."
        blocks.append(replace(drawn, caption=caption))
    for kind, groups in by_kind.items():
        if kind != "atom" and not brief:
            blocks += _pictures(kind, groups)
    blocks += [_table(kind, groups) for kind, groups in by_kind.items()]
    return Section("Errors by group", tuple(sentences), more=tuple(blocks), page_only=True)


def _kinds(groups: list[Group]) -> list[str]:
    return list(dict.fromkeys(group.kind for group in groups))


def _of(groups: list[Group], kind: str) -> list[Group]:
    return [group for group in groups if group.kind == kind]


def _pictures(kind: str, groups: dict[str, list[Group]]) -> list[Block]:
    names = [group.name for group in next(iter(groups.values()))]
    title, label = _TITLES.get(kind, (f"along {kind}", kind))
    draw = pictures.groups if kind in _TITLES else pictures.along_torsion
    forces = {name: [_force(group) for group in own] for name, own in groups.items()}
    found: list[Block] = []
    if all(group.force_rmse is not None for own in groups.values() for group in own):
        found.append(draw(names, forces, f"Forces {title}", label, "kcal/mol/Å"))
    if all(group.energy_rmse is not None for own in groups.values() for group in own):
        energies = {name: [_energy(group) for group in own] for name, own in groups.items()}
        found.append(draw(names, energies, f"Energies {title}", label, "kcal/mol"))
    return found


_TITLES = {
    "element": ("by element", "element"),
    "energy": ("by height above the lowest frame", "height [kcal/mol]"),
}


def _table(kind: str, groups: dict[str, list[Group]]) -> Table:
    before, after = groups.values()
    rows = []
    for one, other in zip(before, after, strict=True):
        energy = "" if one.energy_rmse is None else f"{_energy(one):.2f} → {_energy(other):.2f}"
        force = "" if one.force_rmse is None else f"{_force(one):.2f} → {_force(other):.2f}"
        size = "" if one.force_rms is None else f"{one.force_rms / FORCE_KCAL:.1f}"
        rows.append((one.name, "" if kind == "atom" else str(one.n), energy, force, size))
    number = {"element": "atoms", "atom": ""}.get(kind, "frames")
    header = (kind, number, "energy RMSE", "force RMSE", "RMS of the forces themselves")
    name = {"element": "element", "atom": "atom", "energy": "height [kcal/mol]"}.get(kind, f"{kind} [degrees]")
    kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return Table(
        tuple(header[i] if i else name for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
        f"Numbers by {name}",
        folded=True,
    )


def _force(group: Group) -> float:
    return float("nan") if group.force_rmse is None else group.force_rmse / FORCE_KCAL


def _energy(group: Group) -> float:
    return float("nan") if group.energy_rmse is None else group.energy_rmse / KCAL_MOL
