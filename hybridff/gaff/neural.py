"""The neural form: the Morse form with a small network of its internal coordinate in every bonded interaction.

GAFF-NN of H. E. Sauceda, M. Gastegger, S. Chmiela, K.-R. Müller, A. Tkatchenko, arXiv:2008.04198 (2020), here one layer
of hidden units ``tanh(w (q - c))`` on top of the Morse form, so that a network without output is the Morse form itself.
q is the length of a bond, the cosine of an angle or torsion: networks are smooth at linear angles and periodic, and
bounded wherever the molecule goes. Hidden units start evenly spread over the thermal range of the coordinate.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from hybridff.gaff.rows import ClassOneBuilder, Entry, Place
from hybridff.units import ANGSTROM, DEGREE


class _Layer(NamedTuple):
    """Hidden units of the networks of one kind of coordinate, as they start."""

    kind: str
    feature: str
    slope: float
    offsets: tuple[float, ...]
    """Centres, from the coordinate's value at rest."""


_BOND = _Layer("bond", "bond_unit", 10 / ANGSTROM, (-0.08 * ANGSTROM, 0.0, 0.08 * ANGSTROM))
_ANGLE = _Layer("angle", "angle_unit", 4.0, (-8 * DEGREE, 8 * DEGREE))
_TORSION = _Layer("torsion", "torsion_unit", 3.0, (-30 * DEGREE, 30 * DEGREE))

_OPEN = 160 * DEGREE
"""Largest rest of an angle's network: the cosine hardly changes near a linear angle."""


def networks(rows: ClassOneBuilder) -> None:
    """Add a network to every bond, angle, torsion and improper, without output at the start."""
    for layer, group, place, centre, own in _places(rows):
        for i, offset in enumerate(layer.offsets, start=1):
            where, label = (place.key, *own, i), f"{place.label} unit {i}"
            rows.builder.add(
                group,
                layer.feature,
                place.atoms,
                Entry(f"{group} network output", where, 0.0, label),
                w=Entry(f"{layer.kind} network slope", (group, *where), layer.slope, label),
                c=Entry(f"{layer.kind} network centre", (group, *where), centre + offset, label),
            )


def _places(rows: ClassOneBuilder) -> Iterator[tuple[_Layer, str, Place, float, tuple]]:
    """Places of the networks: layer, group, place, the coordinate at rest, and what else has to be equal to share."""
    bonds, angles = rows.start.bonds, rows.start.angles
    for atoms, *own in zip(bonds.atoms.tolist(), bonds.r0.tolist(), bonds.k.tolist(), strict=True):
        yield _BOND, "bond", rows.chain(atoms), own[0], tuple(own)
    for atoms, *own in zip(angles.atoms.tolist(), angles.theta0.tolist(), angles.k.tolist(), strict=True):
        yield _ANGLE, "angle", rows.chain(atoms), min(own[0], _OPEN), tuple(own)
    for chain, improper in rows.torsion_atoms():
        group = "improper" if improper else "torsion"
        yield _TORSION, group, rows.improper(chain) if improper else rows.chain(chain), math.pi / 2, ()
