"""Methods by name, as calculators of ASE: fitted models and what they are compared with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from hybridff.analysis.programs import XTB_NAMES, calculator_of_class
from hybridff.corrections.sgdml_file import read_sgdml
from hybridff.corrections.term import KernelTerm
from hybridff.errors import DynamicsError, HybridFFError, InputError, MissingProgramError
from hybridff.export.calculator import HybridFFCalculator, MoleculeCalculator
from hybridff.export.modelfile import FILE_NAME, read_model
from hybridff.foreign import exists, read_toml
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters, stock_of
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.progress import Say
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

_RDKIT = "uff", "mmff94"
STOCK = "stock"
NAMES = (STOCK, *_RDKIT, *XTB_NAMES)
"""Methods that need nothing but their name."""
TRAINED = ("sgdml", "gap", "mace")
"""Methods that a comparison trains on the frames of the model."""
_NO_CUTOFF = 1e6
"""A cutoff that nothing is beyond, for RDKit [Å]."""


def check_method_names(names: Sequence[str]) -> None:
    """Refuse early what cannot be the name of a method that reports and comparisons show.

    Raises ``InputError`` for names that are neither known, nor files or folders, nor ``module:Class``.
    """
    for name in names:
        if name.lower() not in (*NAMES, *TRAINED) and ":" not in name and not exists(name):
            raise InputError(
                f"{name} is no method: give {', '.join((*NAMES, *TRAINED))}, the folder of a model, a model file of "
                "sgdml (.npz), or module:Class of a calculator of ASE."
            )


def method(
    name: str, molecule: Molecule, model: ForceField | None = None, options: Mapping[str, Any] | None = None
) -> BaseCalculator:
    """A calculator [eV, eV/Å] of the isolated molecule, its atoms in their order.

    ``name`` is one of ``NAMES`` ("stock" is GAFF with the charges of ``model``, or RESP charges), the folder of a
    model, a model file of the program sgdml, or ``module:Class`` of any calculator of ASE, made with ``options``.

    Raises ``InputError`` for any other name, for models of other molecules and for what RDKit has no parameters of;
    ``MissingProgramError`` without the package that a method needs.
    """
    if name.lower() in _RDKIT:
        return RDKitCalculator(name.lower(), molecule)
    if name.lower() in XTB_NAMES:
        return _xtb(XTB_NAMES[name.lower()], molecule)
    if name == STOCK:
        if model is not None:
            return HybridFFCalculator(stock_of(model))
        return HybridFFCalculator(ForceField.build(molecule, starting_parameters(molecule, StartOptions())))
    path = Path(name)
    if (path / FILE_NAME).is_file():
        return HybridFFCalculator(model_of(path, molecule))
    if path.suffix == ".npz" and path.is_file():
        return SGDMLCalculator(path)
    if ":" in name and not exists(path):
        return calculator_of_class(name, options or {})
    raise InputError(
        f"{name} is no method: give {', '.join(NAMES)}, the folder of a model, a model file of sgdml (.npz), or "
        "module:Class of a calculator of ASE."
    )


def read_options(path: str | Path) -> dict[str, dict[str, Any]]:
    """Options of methods by their names, from a TOML file with a table for each, such as ``["module:Class"]``.

    Raises ``InputError`` for a file that is not of that form.
    """
    content = read_toml(path, "TOML file with options of methods")
    for name, value in content.items():
        if not isinstance(value, dict):
            raise InputError(
                f'{path}: the option {name} stands in no table; write it below its method, ["module:Class"].'
            )
    return content


@contextmanager
def running(name: str) -> Iterator[None]:
    """Say in a sentence that a method failed while it was used."""
    try:
        yield
    except HybridFFError:
        raise
    except Exception as error:
        raise InputError(f"{name} failed ({type(error).__name__}: {error}); leave this method out.") from error


@contextmanager
def leaving_out(name: str, say: Say) -> Iterator[None]:
    """Go on without a method whose dynamics blow up, and say so."""
    try:
        yield
    except DynamicsError as error:
        say(f"Note: {name} is left out: {error}")


class RDKitCalculator(MoleculeCalculator):
    """UFF (A. K. Rappé et al., J. Am. Chem. Soc. 114, 10024 (1992)) or MMFF94 (T. A. Halgren, J. Comput. Chem. 17, 490
    (1996)) by RDKit, without cutoff.

    Raises ``InputError`` where these have no parameters.
    """

    def __init__(self, name: str, molecule: Molecule, **options: Any) -> None:
        super().__init__(**options)
        placed = molecule.placed()
        self._mol = Chem.Mol(placed.to_rdkit())
        if name == "uff":
            known = rdForceFieldHelpers.UFFHasAllMoleculeParams(self._mol)
        else:
            known = rdForceFieldHelpers.MMFFHasAllMoleculeParams(self._mol)
        if not known:
            raise InputError(f"RDKit has no parameters of {name.upper()} for {molecule.name}; leave this method out.")
        if name == "uff":
            self._field = rdForceFieldHelpers.UFFGetMoleculeForceField(self._mol, vdwThresh=_NO_CUTOFF)
        else:
            properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(self._mol)
            self._field = rdForceFieldHelpers.MMFFGetMoleculeForceField(
                self._mol, properties, nonBondedThresh=_NO_CUTOFF
            )
        self._field.Initialize()

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        flat = (positions / ANGSTROM).ravel().tolist()
        energy = self._field.CalcEnergy(flat)  # first: CalcGrad takes distances of atoms from it
        slopes = np.array(self._field.CalcGrad(flat)).reshape(-1, 3)
        return energy * KCAL_MOL, -slopes * FORCE_KCAL


class SGDMLCalculator(MoleculeCalculator):
    """A model file of the program sgdml, evaluated by our kernels.

    Raises ``InputError`` for atoms of another molecule.
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        super().__init__(**options)
        self._path = path
        self._numbers, expansion = read_sgdml(path)
        self._add = KernelTerm(range(len(self._numbers)), expansion).compiled()

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        if not np.array_equal(self.atoms.numbers, self._numbers):
            raise InputError(f"the model {self._path} is of another molecule, or of another order of its atoms.")
        forces = np.zeros_like(positions)
        return self._add(positions, forces), forces


def model_of(path: Path, molecule: Molecule) -> ForceField:
    """The model in a folder.

    Raises ``InputError`` where it is not of the molecule, in the same order of atoms.
    """
    model = read_model(path).force_field
    check_same_elements(molecule, model.molecule.numbers, str(path))
    bonds, others = ({frozenset(bond) for bond in own.bonds.tolist()} for own in (molecule, model.molecule))
    if bonds != others:
        i, j = sorted(min(bonds ^ others, key=sorted))
        raise InputError(
            f"{molecule.label(i)} and {molecule.label(j)} are bonded in {molecule.name} or in {path}, but not in both: "
            "take models of the same molecule, in the same order of atoms."
        )
    return model


def _xtb(name: str, molecule: Molecule) -> BaseCalculator:
    try:
        from tblite.ase import TBLite
    except ImportError as error:
        raise MissingProgramError(f"{name} needs tblite: pip install hybridff[reference].") from error
    return TBLite(method=name, charge=molecule.charge, verbosity=0)
