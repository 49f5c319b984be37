"""The Morse form: GAFF with Morse bonds and twice as many Fourier terms in every torsion.

GAFF-Morse of H. E. Sauceda, M. Gastegger, S. Chmiela, K.-R. Müller, A. Tkatchenko, arXiv:2008.04198 (2020). A bond
``D (1 - exp(-a (r - r0)))²`` starts with GAFF's length and stiffness ``2 D a²`` and a common depth.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from hybridff.gaff.parameters import QUANTITIES, Quantity
from hybridff.gaff.rows import ClassOneBuilder, Entry
from hybridff.units import KCAL_MOL

OVERTONES = 6
"""Fourier terms of every torsion; GAFF's own go up to 3, rarely 4."""
_DEPTH = 100 * KCAL_MOL
"""Depth of a bond at the start [kJ/mol]: that of most single bonds of organic molecules, within a third."""

KINDS: Mapping[str, Quantity] = {
    **QUANTITIES,
    **{
        name: replace(QUANTITIES[name], prior_width=0.03)
        for name in ("pair charge product", "bare pair charge product")
    },
}
"""Charges move less than in other forms: freely fitted, they pull hydrogens that hardly have a wall into others."""


def morse_bonds(rows: ClassOneBuilder) -> None:
    """Add a Morse bond for every harmonic one of the start."""
    bonds = rows.start.bonds
    for atoms, r0, k in zip(bonds.atoms.tolist(), bonds.r0.tolist(), bonds.k.tolist(), strict=True):
        place = rows.chain(atoms)
        where = (place.key, r0, k)
        rows.builder.add(
            "bond",
            "morse_bond",
            atoms,
            Entry("bond depth", where, _DEPTH, place.label),
            a=Entry("bond range", where, math.sqrt(k / (2 * _DEPTH)), place.label),
            r0=Entry("bond r0", where, r0, place.label),
        )
