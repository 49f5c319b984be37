"""The jobs of the command line, from files to files."""

import hashlib
import json
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.corrections.select import chosen_atoms
from hybridff.errors import FitError, InputError
from hybridff.export.modelfile import SavedModel
from hybridff.fitting.options import FitOptions
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.problem import Progress
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import Errors, evaluate
from hybridff.frames.checks import DataReport, usable_frames
from hybridff.frames.dataset import Frames, Split, read_frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.material import CorrectionTask, check_correctable
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.result import Corrected
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.progress import Progress as KernelProgress
from hybridff.progress import quiet, silent
from hybridff.stability.gate import GateOptions, StabilityReport
from hybridff.units import KCAL_MOL

_TRAIN_FRACTION, _VALIDATION_FRACTION = 0.8, 0.1
TIMING = "timing.json"
"""File beside a model."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How to read reference data."""

    length_unit: str | None = None
    """Unit of positions where the file names none: angstrom, bohr, nm."""

    energy_unit: str | None = None
    """Unit of energies where the file names none: kcal/mol, kJ/mol, eV, hartree."""

    force_unit: str | None = None
    """Unit of forces if not energy/length: hartree/bohr, say."""

    keep_bond_changes: bool = False
    """Use frames whose bonds differ from the molecule's; they are left out otherwise."""

    max_energy: float | None = None
    """Leave out frames whose energy is further above the lowest frame's [kcal/mol]."""

    trust_data: bool = False
    """Go on when units, sign of the forces or order of atoms look wrong."""

    def __post_init__(self) -> None:
        if self.max_energy is not None and not self.max_energy > 0:
            raise InputError(f"option max_energy has to be a positive number, not {self.max_energy}.")


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Which frames train, choose and test."""

    train: int | None = None
    """Training frames of each molecule; 80 % if not given."""

    validation: int | None = None
    """Validation frames of each molecule; 10 % if not given."""

    seed: int = 0
    """Seed of the random split."""

    def __post_init__(self) -> None:
        limits = {"train": 2, "validation": 0, "seed": 0}
        for name, lowest in limits.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise InputError(f"option {name} has to be at least {lowest}, not {value}.")


@dataclass(frozen=True, eq=False)
class Data:
    """Reference data of one molecule, checked."""

    molecule: Molecule
    frames: Frames
    report: DataReport
    files: tuple[Path, ...]
    options: DataOptions


@dataclass(frozen=True, eq=False)
class FittedMolecule:
    """All that a fit did to one molecule."""

    model: SavedModel
    data: Data
    split: Split
    start: ForceField
    before: dict[str, Errors]
    """Errors of the starting force field on the training, validation and test frames that there are."""
    after: dict[str, Errors]
    result: FitResult
    stability: StabilityReport | None
    """The gate's verdict; None where none was asked for."""
    remarks: tuple[str, ...]
    """What had to be done to pass the gate."""
    posterior: Posterior | None
    """Of this molecule's coefficients, if the form is linear in them."""
    correction: Corrected | None = None
    """What became of the kernels that were asked for."""
    unseen: str = ""
    """On conformers that no training frame shows, if there are such."""

    @property
    def seconds(self) -> float:
        """Of the fit and its kernels, without charges and the stability gate."""
        return self.result.seconds + (0.0 if self.correction is None else self.correction.seconds)


def read_data(
    paths: Sequence[Path], molecule: Molecule | None = None, options: DataOptions | None = None
) -> list[Data]:
    """Read data files, those of the same molecule together, and keep the frames that can be used.

    Raises ``InputError`` when ``molecule`` is given but the files hold several molecules, or another.
    """
    options = options or DataOptions()
    units = {name: getattr(options, name) for name in ("length_unit", "energy_unit", "force_unit")}
    groups: dict[tuple, list[Path]] = {} if molecule is None else {(): list(paths)}
    for path in paths if molecule is None else ():
        frames = read_frames(path, **units)
        groups.setdefault((frames.smiles, *frames.numbers.tolist()), []).append(path)
    found = []
    for files in groups.values():
        frames = read_frames(files, molecule=molecule, **units)
        owner = frames.molecule(str(files[0])) if molecule is None else molecule
        check_same_elements(owner, frames.numbers, str(files[0]))
        usable, report = usable_frames(
            frames,
            owner,
            options.keep_bond_changes,
            options.trust_data,
            ", ".join(map(str, files)),
            math.inf if options.max_energy is None else options.max_energy * KCAL_MOL,
        )
        found.append(Data(owner, usable, report, tuple(files), options))
    return found


def split_frames(frames: Frames, options: SplitOptions) -> Split:
    """Training, validation and test rows; numbers that are not given are fractions of the frames."""
    n = len(frames)
    train = min(max(2, int(_TRAIN_FRACTION * n)), n) if options.train is None else options.train
    rest = max(n - train, 0)
    validation = min(int(_VALIDATION_FRACTION * n), rest) if options.validation is None else options.validation
    return frames.split(train, validation, options.seed)


def fit_data(
    data: Sequence[Data],
    start: StartOptions | None = None,
    split: SplitOptions | None = None,
    form: FormOptions | None = None,
    options: FitOptions | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    sources: Sequence[Path] = (),
    gate: GateOptions | None = None,
    corrections: Sequence[str] = (),
    kernels: CorrectionOptions | None = None,
    kernel_progress: KernelProgress | None = None,
) -> list[FittedMolecule]:
    """Fit the molecules of ``data`` together, let them pass the stability gate, and evaluate before and after.

    ``corrections`` say which atoms get kernels (see ``chosen_atoms``), solved together with the coefficients of a form
    that is linear; ``kernels`` how, and ``kernel_progress`` is told which share of that is done. ``sources`` are files
    other than the data and those of ``start`` that go into the provenance.
    """
    start, split, options = start or StartOptions(), split or SplitOptions(), options or FitOptions()
    form = form or FormOptions()
    say = say or (lambda sentence: None)
    for item in data:
        if item.frames.forces is None:
            names = ", ".join(map(str, item.files))
            raise FitError(
                f"{names}: the data have no forces, which a fit needs; calculate them at the same level of theory."
            )
    splits = [split_frames(item.frames, split) for item in data]
    stock, force_fields = [], []
    for item, rows in zip(data, splits, strict=True):
        lowest = rows.train[np.argmin(item.frames.energies[rows.train])]
        placed = replace(item.molecule, positions=item.frames.positions[lowest])
        say(f"{placed.name}: charges and atom types …")
        parameters = starting_parameters(placed, start)
        stock.append(ForceField.build(placed, parameters))
        geometries = item.frames.positions[rows.train]
        force_fields.append(ForceField.build(placed, parameters, **asdict(form), geometries=geometries))
        for row in form.unmatched(force_fields[-1].parameter_table):
            say(f"Note: {placed.name}: nothing in the molecule fits the row {row!r} of {form.form}.")
    pairs = [
        (force_field, item.frames.subset(rows.train))
        for force_field, item, rows in zip(force_fields, data, splits, strict=True)
    ]
    chosen = [item.frames.subset(rows.validation) for item, rows in zip(data, splits, strict=True)]
    gate, kernels = gate or GateOptions(), kernels or CorrectionOptions()
    chosen_sets = [_chosen(corrections, force_field.molecule, frames.positions) for force_field, frames in pairs]
    for (force_field, frames), held, atoms in zip(pairs, chosen, chosen_sets, strict=True):
        if atoms:  # before the fit, which takes longer than to see that a correction cannot be
            check_correctable(force_field.molecule.name, frames, held, atoms)
    stable = fit_stable(pairs, options, chosen, gate, progress, say)
    result, fitted = stable.result, []
    for i, (item, rows, force_field) in enumerate(zip(data, splits, stock, strict=True)):
        parts = _parts(item.frames, rows)
        before = _errors(force_field, parts, None)
        fitted_field, offset = result.force_fields[i], result.energy_offsets[i]
        report = stable.reports[i] if stable.reports else None
        posterior = result.posteriors[i] if result.posteriors else None
        unseen = result.unseen[i] if result.unseen else ""
        if unseen:
            say(f"Note: {item.molecule.name}: {unseen}")
        correction = None
        if chosen_sets[i]:
            task = CorrectionTask(
                force_field=fitted_field,
                frames=parts["train"],
                validation=parts.get("validation"),
                atoms=chosen_sets[i],
                options=kernels,
                posterior=posterior,
                seed=split.seed,
            )
            correction = correct_stable(task, gate, say=say, progress=kernel_progress or silent)
            fitted_field, offset = correction.force_field, correction.energy_offset
            report = correction.report or report
        after = _errors(fitted_field, parts, offset)
        about = {
            **provenance([*(file for other in data for file in other.files), *sources, *start.files, *form.files]),
            "options": _options(start, split, item.options, form, options, gate, kernels),
            "prior scale": result.prior_scale,
            "theory": item.frames.theory,
            "fitted together with": [other.molecule.name for other in data if other is not item],
            **_outcome(rows, before, after),
        }
        if correction is not None:
            about |= {"corrections": list(corrections), "corrected": list(correction.sentences())}
        if report is not None:
            about["stability"] = [*stable.remarks, *report.sentences()]
        if unseen:
            about["unseen"] = unseen
        model = SavedModel(fitted_field, offset, about)
        fitted.append(
            FittedMolecule(
                model,
                item,
                rows,
                force_field,
                before,
                after,
                result,
                report,
                stable.remarks,
                posterior,
                correction,
                unseen,
            )
        )
    return fitted


@dataclass(frozen=True, eq=False)
class CorrectedMolecule:
    """All that a correction did to a model."""

    model: SavedModel
    data: Data
    split: Split
    start: ForceField
    before: dict[str, Errors]
    """Errors of the model without the correction on the training, validation and test frames that there are."""
    after: dict[str, Errors]
    result: Corrected


def correct_model(
    saved: SavedModel,
    data: Data,
    corrections: Sequence[str],
    split: SplitOptions | None = None,
    gate: GateOptions | None = None,
    say: Callable[[str], None] | None = None,
    kernels: CorrectionOptions | None = None,
    posterior: Posterior | None = None,
    progress: KernelProgress | None = None,
    alone: bool = False,
) -> CorrectedMolecule:
    """Add kernels to a model, on the atoms that ``corrections`` say: see ``chosen_atoms``.

    Without ``split``, frames that the model was fitted to train the kernels too, and those that tested it test the
    result, if they are of the same files; other data are split anew. With the ``posterior`` of the model's fit, its
    coefficients are solved for together with the kernels. ``alone`` leaves the model's terms out: kernels are all there
    is, as in sGDML.

    Raises ``InputError`` where no correction is asked for, and where kernels alone would leave atoms out.
    """
    own_rows = split_of(saved, data)
    rows = None if split is not None else own_rows
    if rows is None:
        split = split or SplitOptions()
        rows = split_frames(data.frames, split)
    if own_rows is not None and say is not None and not alone:
        seen = len(np.intersect1d(own_rows.train, np.concatenate([rows.validation, rows.test])))
        if seen:
            say(
                f"Note: {seen} of the validation and test frames trained the model's own terms: errors on them look "
                "better than they are."
            )
    parts = _parts(data.frames, rows)
    atoms = _chosen(corrections, data.molecule, parts["train"].positions)
    if not atoms:
        raise InputError("a correction is all, auto, n-pi-star, or atom numbers such as 1,2,8; name at least one.")
    left_out = set(range(len(data.molecule.numbers))) - {atom for group in atoms for atom in group}
    if alone and left_out:
        names = ", ".join(data.molecule.label(atom) for atom in sorted(left_out))
        raise InputError(f"option alone: no kernel is on {names}, which nothing would hold; take correction all.")
    task = CorrectionTask(
        force_field=saved.force_field.bare() if alone else saved.force_field,
        frames=parts["train"],
        validation=parts.get("validation"),
        atoms=atoms,
        options=kernels or CorrectionOptions(),
        posterior=None if alone else posterior,
        seed=0 if split is None else split.seed,
    )
    result = correct_stable(task, gate, say=say or quiet, progress=progress or silent)
    before = _errors(saved.force_field, parts, saved.energy_offset)
    after = _errors(result.force_field, parts, result.energy_offset)
    own = provenance(data.files)
    about = {
        **saved.provenance,
        **own,
        "inputs": {**saved.provenance.get("inputs", {}), **own["inputs"]},
        "corrections": list(corrections),
        "correction options": _options(kernels or CorrectionOptions()) | {"alone": alone},
        "corrected": list(result.sentences()),
        **_outcome(rows, before, after),
    }
    if result.report is not None:
        about["stability"] = list(result.report.sentences())
    model = SavedModel(result.force_field, result.energy_offset, about)
    return CorrectedMolecule(model, data, rows, saved.force_field, before, after, result)


def _chosen(
    corrections: Sequence[str], molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]
) -> list[tuple[int, ...]]:
    """The sets of atoms of all corrections; none for "none"."""
    if "none" in corrections and len(corrections) > 1:
        raise InputError("correction none stands alone; leave it or the others out.")
    return [atoms for text in corrections if text != "none" for atoms in chosen_atoms(text, molecule, positions)]


def _parts(frames: Frames, rows: Split) -> dict[str, Frames]:
    """Training, validation and test frames, as far as there are any."""
    return {name: frames.subset(getattr(rows, name)) for name in rows._fields if len(getattr(rows, name))}


def _errors(force_field: ForceField, parts: dict[str, Frames], offset: float | None) -> dict[str, Errors]:
    """Of each part, with an energy offset, or with that of the training frames."""
    if offset is None:
        offset = evaluate(force_field, parts["train"]).energy_offset
    return {name: evaluate(force_field, part, offset) for name, part in parts.items()}


def _outcome(rows: Split, before: dict[str, Errors], after: dict[str, Errors]) -> dict[str, Any]:
    """Which frames did what, and the errors, for the provenance."""
    return {
        "frames": {name: sorted(getattr(rows, name).tolist()) for name in rows._fields},
        "errors before": {name: errors.in_field_units() for name, errors in before.items()},
        "errors after": {name: errors.in_field_units() for name, errors in after.items()},
    }


def split_of(saved: SavedModel, data: Data) -> Split | None:
    """The split of the fit, if these are the files that it read."""
    frames = saved.provenance.get("frames")
    if not isinstance(frames, dict) or set(frames) != set(Split._fields):
        return None
    parts = [np.array(frames[name], dtype=np.int64) for name in Split._fields]
    same = len(inputs_of(saved, data.files)) == len(data.files) and sum(map(len, parts)) <= len(data.frames)
    return Split(*parts) if same and max(part.max(initial=0) for part in parts) < len(data.frames) else None


def parametrize(molecule: Molecule, start: StartOptions | None = None, files: Sequence[Path] = ()) -> SavedModel:
    """Stock parameters of a molecule, without data; it gets a geometry unless its bond orders are unknown."""
    start = start or StartOptions()
    placed = molecule
    if molecule.positions is None and np.all(molecule.bond_orders > 0):
        placed = molecule.with_embedded_positions()
    force_field = ForceField.build(placed, starting_parameters(placed, start))
    about = {**provenance([*files, *start.files]), "options": _options(start)}
    return SavedModel(force_field, None, about)


def write_timing(seconds: float, folder: Path) -> None:
    """Write how long a fit took beside its model, which is the same to the byte whenever it is made again."""
    (folder / TIMING).write_text(json.dumps({"fit_seconds": round(seconds, 3)}) + "\n", encoding="utf-8")


def read_timing(folder: Path) -> float | None:
    """How long the fit of a model took [s]; None where that is not written."""
    try:
        found = json.loads((folder / TIMING).read_text(encoding="utf-8"))["fit_seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if isinstance(found, int | float) else None


def provenance(files: Sequence[Path]) -> dict[str, Any]:
    """Program versions, and the input files with their SHA-256, by name (the path where names repeat)."""
    names = [path.name for path in dict.fromkeys(files)]
    return {
        "program": f"hybridff {version('hybridff')}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "torch", "openmm", "rdkit")},
        "inputs": {
            path.name if names.count(path.name) == 1 else str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in dict.fromkeys(files)
        },
    }


def inputs_of(model: SavedModel, files: Sequence[Path]) -> list[str]:
    """Names of those files that the model was made from, by their hashes."""
    known = set(model.provenance.get("inputs", {}).values())
    return [name for name, digest in provenance(files)["inputs"].items() if digest in known]


def _options(*options: Any) -> dict[str, Any]:
    """Options as JSON can hold them."""
    values = {key: value for part in options for key, value in asdict(part).items()}
    return {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}
