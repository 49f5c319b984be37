"""Functional forms: which rows a force field has."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.gaff.class2 import class2_form
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.formfile import read_form
from hybridff.gaff.morse import KINDS, OVERTONES, morse_bonds
from hybridff.gaff.neural import networks
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.rows import ClassOneBuilder, Share
from hybridff.gaff.terms import TermTable
from hybridff.gaff.userform import UserForm
from hybridff.molecules.molecule import Molecule

Form = Literal["harmonic", "near-pairs", "morse", "neural", "class2"]


@dataclass(frozen=True, kw_only=True)
class FormOptions:
    """Functional form, and which parameters are one."""

    form: Form | Path = "class2"
    """Functional form: class2 has anharmonic terms, couplings and local pair terms; harmonic is GAFF's; near-pairs adds
    Lennard-Jones between atoms one and two bonds apart; morse has Morse bonds and six Fourier terms per torsion; neural
    adds a small network to every bond, angle and torsion; or a TOML file with a form of your own."""

    share: Share = "symmetry"
    """Which parameters are one: those of equivalent atoms of the molecule, those of equal atom types, or those of equal
    environments, which several molecules share; parameters of like environments are similar then, and the fit writes
    a parameter set for other molecules (class2 only)."""

    fourier: int = 0
    """Add torsion terms n = 1 … FOURIER where GAFF has none; 0 keeps GAFF's."""

    def __post_init__(self) -> None:
        if isinstance(self.form, Path):
            if self.form.suffix != ".toml":
                raise InputError(
                    f"there is no form {self.form}; choose from {', '.join(get_args(Form))}, or name a file that ends "
                    "in .toml."
                )
        elif self.fourier and self.form == "class2":
            raise InputError("option fourier adds to GAFF's torsions, which class2 does not have; leave it out.")
        _check_share(self.form, self.share)
        if not 0 <= self.fourier <= _MOST_FOURIER:
            raise InputError(f"option fourier has to be from 0 to {_MOST_FOURIER}, not {self.fourier}.")

    @cached_property
    def parsed(self) -> Form | UserForm:
        """The form's name, or what its file says; the file is read once, when this is first asked for.

        Raises ``InputError`` where the file cannot be read, or its form has no torsions that ``fourier`` adds to.
        """
        if not isinstance(self.form, Path):
            return self.form
        own = read_form(self.form)
        if self.fourier and own.base in (None, "class2"):
            raise InputError(
                f"{self.form}: option fourier adds to GAFF's torsions, which {own.base or 'no base'} does not have."
            )
        return own

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that the form comes from, if any."""
        return (self.form,) if isinstance(self.form, Path) else ()

    def unmatched(self, parameters: Parameters) -> list[str]:
        """Names of rows of the user's own form that have no coefficient among some parameters."""
        return self.parsed.unmatched(parameters) if isinstance(self.parsed, UserForm) else []


_MOST_FOURIER = 6
"""Beyond it a term fits noise: GAFF itself has none above 4."""


def build_form(
    form: Form | UserForm,
    molecule: Molecule,
    start: ClassOneParameters,
    *,
    share: Share,
    fourier: int = 0,
    geometries: Float[np.ndarray, "frames atoms 3"] | None = None,
) -> tuple[TermTable, Parameters]:
    """The rows of a functional form, with the values of ``start``.

    ``form`` is "harmonic", GAFF's own (harmonic bonds and angles, Fourier torsions and impropers, Lennard-Jones and
    Coulomb pairs), or "near-pairs", the same with Lennard-Jones pairs also between atoms one and two bonds apart, zero
    at the start. These make bonds anharmonic and couple neighbouring bonds and angles, with OpenMM's native forces.
    "morse", "neural" and "class2" are explained in their modules; the reference lengths and angles of "class2" are
    means over ``geometries``.
    A form of the user's own adds its rows to those of another form.

    ``share`` says which rows have their parameters in common: those whose atoms are equivalent in the molecular graph
    ("symmetry"), those whose atoms have the same types ("types"), or those whose atoms have the same environments
    ("environment", of "class2" alone, see ``EnvironmentLabels``). Rows that start from different values never share.
    ``fourier`` adds, with amplitude zero, the torsion terms n = 1 … ``fourier`` that GAFF does not have.

    Torsions without amplitude about a linear group of atoms are left out: they have no defined angle.
    """
    _check_share(form.name if isinstance(form, UserForm) else form, share)
    if isinstance(form, UserForm):
        base = None
        if form.base is not None:
            base = build_form(form.base, molecule, start, share=share, fourier=fourier, geometries=geometries)
        return form.joined(base, molecule, start, geometries, share=share)
    if form == "class2":
        return class2_form(molecule, start, geometries, share=share)
    rows = ClassOneBuilder(molecule, start, share)
    anharmonic = form in ("morse", "neural")
    if anharmonic:
        morse_bonds(rows)
    else:
        rows.bonds()
    rows.angles()
    rows.torsions(max(fourier, OVERTONES if anharmonic else 0))
    rows.pairs()
    if form == "near-pairs":
        rows.near_pairs()
    if form == "neural":
        networks(rows)
    table, parameters = rows.builder.build()
    return table, replace(parameters, kinds=KINDS) if anharmonic else parameters


def _check_share(form: str | Path, share: Share) -> None:
    if share == "environment" and form != "class2":
        raise InputError(f"option share environment is for the form class2, not for {form}; choose symmetry or types.")
