"""Programs that train a model on the frames of a comparison: sgdml, gap_fit and mace_run_train, each in its process."""

import contextlib
import importlib.util
import itertools
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.comparison.options import GAP, MACE, SGDML, GAPOptions, MACEOptions, SGDMLOptions, TrainingOptions
from hybridff.comparison.sgdml_program import dataset
from hybridff.errors import InputError, MissingProgramError
from hybridff.export.calculator import MoleculeCalculator
from hybridff.frames.dataset import Frames
from hybridff.molecules.molecule import element_symbol
from hybridff.progress import Progress
from hybridff.units import ANGSTROM, EV, FORCE_KCAL, KCAL_MOL

PACKAGES = {SGDML: ("sgdml", "sgdml"), GAP: ("quippy", "quippy-ase"), MACE: ("mace", "mace-torch")}
"""Python module and package of each program."""
LOG = "log.txt"
"""File with what a program printed, in its folder."""
_POLL = 0.1
"""Time between two looks at a program [s]."""
_MATRICES = 1.5
"""Memory that sgdml needs, in matrices of all force components."""
_PAIR_POINTS = 15
"""Sparse points of each kind of pair of GAP."""
_JITTER = 1e-8
_TWO_THREADS = 12000
"""Rows up to which OpenBLAS 0.3.30 factors a matrix by two threads without numbers that are none."""
_PROBE_FRAMES, _PROBE_EPOCHS = 20, 4
"""Frames and epochs of a short training that tells how long a step of MACE takes."""
_SHARE = 0.9
"""Share of the time that is left which epochs are planned for."""
_DECAY = 0.01
"""Ratio of the last learning rate of MACE to the first."""
_SETTLED = 1.0
"""Age of a checkpoint that is written to its end [s]."""
_EXPORT = 600.0
"""Longest time in which MACE writes the model of a checkpoint [s]."""


@dataclass(frozen=True, eq=False)
class TrainedProgram:
    """A model that a program has trained."""

    calculator: BaseCalculator
    """The model, as a calculator of ASE."""
    file: Path
    """The model's file."""
    seconds: float
    """Time of the training, with all that chooses its parameters [s]."""
    setting: str
    """What was trained, in a line."""


def train(
    name: str, frames: Frames, validation: Frames, options: TrainingOptions, folder: Path, progress: Progress
) -> TrainedProgram:
    """Train one of ``TRAINED`` in a folder that exists and is empty.

    Raises ``MissingProgramError`` without its package, and ``InputError`` where the program fails.
    """
    module, package = PACKAGES[name]
    if importlib.util.find_spec(module) is None:
        raise MissingProgramError(f"{name} needs {package}: pip install hybridff[compare].")
    if name == SGDML:
        found = train_sgdml(frames, validation, options.sgdml, folder)
    elif name == GAP:
        found = train_gap(frames, options.gap, folder)
    else:
        found = train_mace(frames, validation, options.mace, folder, progress)
    for path in folder.iterdir():
        if not path.name.startswith((found.file.name, LOG)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


# --- sgdml ---


def train_sgdml(frames: Frames, validation: Frames, options: SGDMLOptions, folder: Path) -> TrainedProgram:
    """The validation frames choose the length scale; the program finds the permutations."""
    if not len(validation):
        raise InputError("sgdml needs validation frames, which choose its length scale; keep some.")
    needed = _MATRICES * 8 * frames.positions.size**2
    present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > present:
        raise InputError(
            f"sgdml needs about {needed / 1e9:.0f} GB of memory for {len(frames)} frames, and here are "
            f"{present / 1e9:.0f} GB; give it fewer."
        )
    places = {name: folder / f"{name}.npz" for name in ("train", "validation", "model")}
    for name, part in (("train", frames), ("validation", validation)):
        np.savez(places[name], **dataset(part, name))
    report = folder / "report.json"
    files = {name: str(path.absolute()) for name, path in (*places.items(), ("report", report))}
    job = {**files, "widths": list(options.widths), "ridge": options.ridge}
    command = [sys.executable, "-m", "hybridff.comparison.sgdml_program"]
    threads = {"OPENBLAS_NUM_THREADS": "1"} if frames.positions.size > _TWO_THREADS else {}
    with running_program(command, folder, SGDML, json.dumps(job), threads) as process:
        process.wait()
    _check_written(report, process.returncode, folder, SGDML)
    found = json.loads(report.read_text(encoding="utf-8"))
    setting = f"length scale {found['width']}/Å, {found['permutations']} permutations, {len(frames)} points"
    return TrainedProgram(SGDMLProgramCalculator(places["model"]), places["model"], found["seconds"], setting)


class SGDMLProgramCalculator(MoleculeCalculator):
    """A model of the program sgdml, evaluated by the program itself in one process.

    Reads the file with ``allow_pickle``, as the program does: for models that one has trained oneself.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        kind = logging.getLoggerClass()
        from sgdml.predict import GDMLPredict

        logging.setLoggerClass(kind)  # sgdml makes all loggers of the process print in colours
        with np.load(path, allow_pickle=True) as file:
            model = {key: file[key] for key in file.files}
        self._predictor = GDMLPredict(model, max_processes=1)

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        energy, forces = self._predictor.predict(positions.reshape(1, -1) / ANGSTROM)
        return float(energy[0]) * KCAL_MOL, forces.reshape(positions.shape) * FORCE_KCAL


# --- GAP ---


def train_gap(frames: Frames, options: GAPOptions, folder: Path) -> TrainedProgram:
    """A Gaussian approximation potential of all training frames; nothing chooses its parameters."""
    import quippy

    write_xyz(folder / "train.xyz", frames)
    program = Path(quippy.__path__[0]) / "gap_fit"
    symbols = [element_symbol(number) for number in sorted(set(frames.numbers.tolist()))]
    gap = " : ".join([*pair_kernels(frames, options.cutoff), _soap(options)])
    command = [
        str(program),
        "at_file=train.xyz",
        "gp_file=gap.xml",
        f"gap={{{gap}}}",
        f"e0={{{':'.join(f'{symbol}:0.0' for symbol in symbols)}}}",
        "energy_parameter_name=REF_energy",
        "force_parameter_name=REF_forces",
        "virial_parameter_name=none",
        f"default_sigma={{{options.energy_sigma} {options.force_sigma} 0 0}}",
        f"sparse_jitter={_JITTER}",
        "do_copy_at_file=F",
        "sparse_separate_file=T",
    ]
    begin = time.perf_counter()
    with running_program(command, folder, GAP) as process:
        process.wait()
    seconds = time.perf_counter() - begin
    _check_written(folder / "gap.xml", process.returncode, folder, GAP)
    from quippy.potential import Potential

    with contextlib.chdir(folder):  # the file names its sparse points by where it lies
        calculator = Potential(param_filename="gap.xml")
    setting = (
        f"pairs + SOAP, cutoff {options.cutoff:g} Å, n_max {options.n_max}, l_max {options.l_max}, "
        f"{options.sparse_points} sparse points of each element"
    )
    return TrainedProgram(calculator, folder / "gap.xml", seconds, setting)


def pair_kernels(frames: Frames, cutoff: float) -> Iterator[str]:
    """One for each kind of pair that comes closer than the cutoff [Å]; gap_fit stops at one that does not."""
    pairs: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for i, j in itertools.combinations(range(len(frames.numbers)), 2):
        pairs.setdefault(tuple(sorted(frames.numbers[[i, j]].tolist())), []).append((i, j))
    for (one, other), own in sorted(pairs.items()):
        apart = [np.linalg.norm(frames.positions[:, i] - frames.positions[:, j], axis=-1) / ANGSTROM for i, j in own]
        n_close = int(sum((distances < cutoff).sum() for distances in apart))
        if n_close:
            yield (
                f"distance_2b Z1={one} Z2={other} cutoff={cutoff} covariance_type=ard_se delta=1.0 theta_uniform=0.5 "
                f"n_sparse={min(_PAIR_POINTS, n_close)} sparse_method=uniform add_species=F"
            )


def _soap(options: GAPOptions) -> str:
    return (
        f"soap l_max={options.l_max} n_max={options.n_max} atom_sigma={options.atom_sigma} cutoff={options.cutoff} "
        f"cutoff_transition_width=1.0 zeta={options.zeta} covariance_type=dot_product delta=0.1 "
        f"n_sparse={options.sparse_points} sparse_method=cur_points add_species=T"
    )


# --- MACE ---


def train_mace(
    frames: Frames, validation: Frames, options: MACEOptions, folder: Path, progress: Progress
) -> TrainedProgram:
    """As many epochs as fit into the time, the learning rate falling; the best epoch on the validation frames counts.

    A program that is not done at the end of its time is ended, and the model of its best epoch so far written.
    Reading that model unpickles it: it is of this very training.
    """
    if not len(validation):
        raise InputError("mace needs validation frames, which choose its best epoch; keep some.")
    begin = time.perf_counter()
    end = begin + 60 * options.minutes
    for name, part in (("train", frames), ("validation", validation)):
        write_xyz(folder / f"{name}.xyz", part, zero=float(frames.energies.mean()))
    wanted = _epochs_until(end, frames, len(validation), options, folder)
    command = _mace_command(options, frames, "train", wanted, _DECAY ** (1 / wanted))
    with running_program(command, folder, MACE) as process:
        while process.poll() is None and (time.perf_counter() < end or _writing(folder)):
            progress(min(1.0, (time.perf_counter() - begin) / (end - begin)))
            time.sleep(_POLL)
        finished = process.poll() is not None
    if not finished and not _checkpoints(folder):
        raise _no_epoch(options)
    model = folder / "train.model"
    if not finished:
        export = [*command, "--restart_latest", "--max_num_epochs", "0"]
        with running_program(export, folder, MACE) as process, contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_EXPORT)
    seconds = time.perf_counter() - begin
    _check_written(model, process.returncode, folder, MACE)
    done = len(_EPOCH.findall((folder / "results" / f"train_run-{options.seed}_train.txt").read_text(encoding="utf-8")))
    setting = (
        f"{options.channels} channels, max_L {options.max_L}, max_ell {options.max_ell}, correlation "
        f"{options.correlation}, cutoff {options.cutoff:g} Å; {done} of {wanted} epochs in {seconds / 60:.1f} minutes"
    )
    return TrainedProgram(_mace_calculator(model), model, seconds, setting)


def _epochs_until(end: float, frames: Frames, n_validation: int, options: MACEOptions, folder: Path) -> int:
    """How many epochs will be done at a time [s], by a short training on a few frames."""
    begin, few = time.perf_counter(), frames.subset(np.arange(min(_PROBE_FRAMES, len(frames))))
    write_xyz(folder / "probe.xyz", few)
    with running_program(_mace_command(options, frames, "probe", _PROBE_EPOCHS, 1.0), folder, MACE) as process:
        times = _epoch_times(process, folder / LOG, end)
        failed = process.poll() not in (None, 0)
    if failed:
        _check_written(folder / "probe.model", process.returncode, folder, MACE)
    if len(times) < 2:
        raise _no_epoch(options)
    each = float(np.median(np.diff(times)))
    startup = max(0.0, times[0] - begin - each)
    # without gradients by parameters, a frame takes about a quarter
    epoch = each * (len(frames) + n_validation / 4) / (1.25 * len(few))
    return max(2, int(_SHARE * (end - time.perf_counter() - startup) / epoch))


def _no_epoch(options: MACEOptions) -> InputError:
    return InputError(f"mace did not get through a first epoch in {options.minutes:g} minutes; give it more.")


_EPOCH = re.compile(r'"mode": "eval".*"epoch": \d+')


def _mace_command(options: MACEOptions, frames: Frames, name: str, epochs: int, decay: float) -> list[str]:
    """The program's command for the frames in NAME.xyz."""
    zeros = dict.fromkeys(sorted(set(frames.numbers.tolist())), 0.0)
    values = {
        "name": name,
        "train_file": f"{name}.xyz",
        "valid_file": "probe.xyz" if name == "probe" else "validation.xyz",
        "E0s": str(zeros),
        "model": "MACE",
        "num_channels": options.channels,
        "max_L": options.max_L,
        "max_ell": options.max_ell,
        "correlation": options.correlation,
        "r_max": options.cutoff,
        "batch_size": options.batch_size,
        "valid_batch_size": 4 * options.batch_size,
        "lr": options.learning_rate,
        "scheduler": "ExponentialLR",
        "lr_scheduler_gamma": decay,
        "energy_weight": options.energy_weight,
        "forces_weight": options.force_weight,
        "ema_decay": 0.99,
        "max_num_epochs": epochs,
        "default_dtype": "float32",
        "device": "cpu",
        "seed": options.seed,
        "plot": False,
        "work_dir": ".",
    }
    given = [text for key, value in values.items() for text in (f"--{key}", str(value))]
    return [sys.executable, "-W", "ignore", "-m", "mace.cli.run_train", *given, "--ema", "--amsgrad", "--save_cpu"]


def _epoch_times(process: subprocess.Popen, log: Path, end: float) -> list[float]:
    """When epochs of a probe were seen to end [s]; until its last, its end, or the time ``end``."""
    times: list[float] = []
    while time.perf_counter() < end:
        ended = process.poll() is not None
        seen = log.read_text(encoding="utf-8", errors="replace").count("INFO: Epoch ")
        times += [time.perf_counter()] * (seen - len(times))
        if ended or seen >= _PROBE_EPOCHS:
            break
        time.sleep(_POLL)
    return times


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of the training, not of the probe."""
    return list((folder / "checkpoints").glob("train_run-*.pt"))


def _writing(folder: Path) -> bool:
    """Whether a checkpoint was begun just now, so that it may not be whole."""
    with contextlib.suppress(FileNotFoundError):  # it was replaced by the next
        return any(time.time() - path.stat().st_mtime < _SETTLED for path in _checkpoints(folder))
    return True


def _mace_calculator(path: Path) -> BaseCalculator:
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        from mace.calculators import MACECalculator

        return MACECalculator(model_paths=str(path), device="cpu", default_dtype="float32")


# --- programs ---


def write_xyz(path: Path, frames: Frames, zero: float | None = None) -> None:
    """Frames for GAP and MACE, energies [eV] above ``zero`` [kJ/mol], or above their mean."""
    assert frames.forces is not None
    zero = float(frames.energies.mean()) if zero is None else zero
    written = []
    for positions, energy, forces in zip(frames.positions, frames.energies, frames.forces, strict=True):
        atoms = ase.Atoms(frames.numbers, positions / ANGSTROM, info={"REF_energy": (energy - zero) / EV})
        atoms.arrays["REF_forces"] = forces / (EV / ANGSTROM)
        written.append(atoms)
    ase.io.write(path, written, format="extxyz")


@contextlib.contextmanager
def running_program(
    command: Sequence[str], folder: Path, name: str, text: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """A program in a folder, which prints into its log, and is ended with all its children when the block ends.

    ``environment`` is added to that of this process.
    """
    settings: dict[str, Any] = {"cwd": folder, "env": {**os.environ, **(environment or {})}, "encoding": "utf-8"}
    with (folder / LOG).open("w", encoding="utf-8") as log:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, **settings
            )
        except OSError as error:
            raise MissingProgramError(f"{name} cannot be run ({error}): pip install hybridff[compare].") from None
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(text)
                process.stdin.close()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _check_written(path: Path, code: int, folder: Path, name: str) -> None:
    if path.is_file():
        return
    lines = [line for line in (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else "it printed nothing"
    raise InputError(f"{name} wrote no model (exit code {code}): {last}")
