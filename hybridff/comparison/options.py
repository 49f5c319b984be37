"""Options of a comparison: what is measured, and how programs train their models."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hybridff.analysis.methods import TRAINED
from hybridff.analysis.methods import read_options as read_tables
from hybridff.errors import InputError
from hybridff.stability.gate import StabilityOptions

SGDML, GAP, MACE = TRAINED


@dataclass(frozen=True, kw_only=True)
class SGDMLOptions:
    """Training by the program sgdml."""

    widths: tuple[int, ...] = (5, 10, 20, 30, 40, 60, 80)
    """Length scales [1/Å] in rising order, tried until two in a row do worse on the validation frames than the best."""

    ridge: float = 1e-10
    """Ridge of the regression [1/Å²]."""

    def __post_init__(self) -> None:
        _check_positive(self, "ridge")
        if not self.widths or list(self.widths) != sorted(set(self.widths)) or min(self.widths) < 1:
            raise InputError(f"option widths has to be of rising positive integers, not {list(self.widths)}.")


@dataclass(frozen=True, kw_only=True)
class GAPOptions:
    """Training by gap_fit: pair distances and SOAP (A. P. Bartók et al., Phys. Rev. B 87, 184115 (2013))."""

    cutoff: float = 4.5
    """Distance beyond which atoms do not see each other [Å]."""

    n_max: int = 8
    """Number of radial functions of SOAP."""

    l_max: int = 4
    """Highest degree of the spherical harmonics of SOAP."""

    atom_sigma: float = 0.4
    """Width of the atoms' densities [Å]."""

    zeta: int = 4
    """Power of the kernel."""

    sparse_points: int = 200
    """Environments that span the model, of each element."""

    energy_sigma: float = 0.001
    """Expected error of energies [eV/atom]."""

    force_sigma: float = 0.005
    """Expected error of forces [eV/Å]."""

    def __post_init__(self) -> None:
        _check_positive(self, "cutoff", "n_max", "atom_sigma", "zeta", "sparse_points", "energy_sigma", "force_sigma")
        if not self.l_max >= 0:
            raise InputError(f"option l_max has to be at least 0, not {self.l_max}.")


@dataclass(frozen=True, kw_only=True)
class MACEOptions:
    """Training by mace_run_train (I. Batatia et al., Adv. Neural Inf. Process. Syst. 35 (2022)), in single precision.

    The learning rate falls to a hundredth over as many epochs as fit into ``minutes``.
    """

    minutes: float = 5.0
    """Wall-clock time of the training, on the CPU."""

    channels: int = 64
    """Channels of each irreducible representation."""

    max_L: int = 0  # noqa: N815 (MACE's own name)
    """Highest degree of the messages: 0 for invariant, 1 for vectors too."""

    max_ell: int = 2
    """Highest degree of the spherical harmonics of bonds."""

    correlation: int = 3
    """Body order of a layer, less one."""

    cutoff: float = 5.0
    """Distance beyond which atoms do not see each other [Å]."""

    batch_size: int = 5
    """Frames of a training step."""

    learning_rate: float = 0.01
    """Learning rate of the first epoch."""

    energy_weight: float = 40.0
    """Weight of energies in the loss."""

    force_weight: float = 1000.0
    """Weight of forces in the loss."""

    seed: int = 0
    """Seed of the first parameters and of the order of frames."""

    def __post_init__(self) -> None:
        _check_positive(self, "minutes", "channels", "correlation", "cutoff", "batch_size", "learning_rate")
        _check_positive(self, "energy_weight", "force_weight")
        for name in ("max_L", "max_ell", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"option {name} has to be at least 0, not {getattr(self, name)}.")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How each program trains, and what calculators of the user's own are made with."""

    sgdml: SGDMLOptions = field(default_factory=SGDMLOptions)
    """Training by the program sgdml."""
    gap: GAPOptions = field(default_factory=GAPOptions)
    """Training by gap_fit."""
    mace: MACEOptions = field(default_factory=MACEOptions)
    """Training by mace_run_train."""
    calculators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options of calculators of the user's own, by the name ``module:Class``."""


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """What is measured beside the errors."""

    temperatures: tuple[float, ...] = (500.0, 1000.0)
    """Temperatures of the dynamics that tell whether a method is stable [K]."""

    runs: int = 2
    """Runs at each temperature, each with a seed of its own."""

    time: str = "20 ps"
    """Length of each run."""

    step: str = "0.5 fs"
    """Time step, of the speeds too."""

    time_limit: float = 60.0
    """Seconds that all these runs of a method may take: slow methods run less than the time."""

    seed: int = 0
    """Seed of the first run; the others count on."""

    def __post_init__(self) -> None:
        _check_positive(self, "time_limit")
        self.hot  # noqa: B018 (it checks the rest)

    @property
    def hot(self) -> StabilityOptions:
        """The same as options of a run of the stability gate's kind."""
        return StabilityOptions(
            temperatures=self.temperatures,
            runs=self.runs,
            time=self.time,
            step=self.step,
            seed=self.seed,
            quenches=0,
            scans=False,
        )


def read_options(path: Path, methods: Sequence[str]) -> TrainingOptions:
    """Options of a TOML file, with tables for sgdml, gap, mace, and for those of ``methods`` that are ``module:Class``.

    Raises ``InputError`` for what is no TOML file, for tables of other names and for options that there are not.
    """
    own = {SGDML: SGDMLOptions, GAP: GAPOptions, MACE: MACEOptions}
    able = [*own, *(name for name in methods if ":" in name)]
    found: dict[str, Any] = {"calculators": {}}
    for name, table in read_tables(path).items():
        if name not in able:
            raise InputError(
                f"{path}: [{name}] is no method with options; those of this comparison are {', '.join(able)} (names "
                "with a colon stand in quotes)."
            )
        if name in own:
            found[name] = _made(own[name], table, f"{path}: [{name}]")
        else:
            found["calculators"][name] = table
    return TrainingOptions(**found)


def _made(kind: type, table: Mapping[str, Any], where: str) -> Any:
    """The option set that a table of TOML holds; the types are those of the defaults."""
    defaults = {part.name: part.default for part in fields(kind)}
    values = {}
    for name, value in table.items():
        if name not in defaults:
            raise InputError(f"{where} has no option {name}; it has {', '.join(defaults)}.")
        values[name] = _typed(value, defaults[name], f"{where}: option {name}")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _typed(value: Any, like: Any, where: str) -> Any:
    """A value of TOML as the type of a default, where nothing is lost."""
    if isinstance(like, tuple):
        if isinstance(value, list) and value:
            return tuple(_typed(item, like[0], where) for item in value)
        raise InputError(f"{where} has to be a list such as {list(like)}, not {value!r}.")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and (isinstance(like, float) or isinstance(value, int)):
        return type(like)(value)
    raise InputError(f"{where} has to be {'a number' if isinstance(like, float) else 'an integer'}, not {value!r}.")


def _check_positive(options: Any, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if not 0 < value < math.inf:
            raise InputError(f"option {name} has to be a positive number, not {value}.")
