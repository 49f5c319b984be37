"""All that is asked of a fit or a correction, in one frozen object: the same from command line, TOML and Python.

Every option has one name, whichever set it belongs to: the flag without its dashes, the key in the TOML table of the
command, the argument of ``of``, and the key under "options" in the provenance of a model.
"""

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from hybridff.errors import InputError
from hybridff.fitting.options import FitOptions
from hybridff.foreign import read_toml
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import PRMTOP_SUFFIXES, StartOptions
from hybridff.hybrid.options import CorrectionOptions
from hybridff.jobs.options import DataOptions, PretrainOptions, ReportOptions, SplitOptions
from hybridff.stability.gate import GateOptions

J = TypeVar("J", bound="Job")


class Job:
    """What jobs have in common: their options by name."""

    command: typing.ClassVar[str]
    """The command that does the job, and its table in a TOML file."""

    @classmethod
    def of(cls: type[J], **options: Any) -> J:
        """A job with some options, by the names of the flags: ``FitJob.of(form="morse", train=110)``.

        Raises ``InputError`` for a name that is no option, and for a value of the wrong kind.
        """
        return cls.from_options(options)

    @classmethod
    def from_options(cls: type[J], options: Mapping[str, Any]) -> J:
        """The same from a mapping, as TOML and JSON hold it: paths are text there, tuples are lists.

        Raises ``InputError`` for a name that is no option, and for a value of the wrong kind.
        """
        known = cls.names()
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
                raise InputError(f"{cls.command} has no option {name}; {hint}")
        hints, found = typing.get_type_hints(cls), {}
        for own in fields(cls):  # type: ignore[arg-type]
            kind = _set_of(hints[own.name])
            if kind is None and own.name in options:
                found[own.name] = _typed(own.name, options[own.name], hints[own.name])
            elif kind is not None:
                inner = typing.get_type_hints(kind)
                given = {n: _typed(n, options[n], inner[n]) for n in _names(kind) if n in options}
                if given:
                    found[own.name] = kind(**given)
        return cls(**found)

    @classmethod
    def read(cls: type[J], path: str | Path) -> J:
        """The job that the command's table of a TOML file describes, the file of ``hybridff --config``.

        Raises ``InputError`` where the file cannot be read, has no such table, or has one with other keys.
        """
        content = read_toml(path)
        if not isinstance(content.get(cls.command), dict):
            raise InputError(f"{path} has no table [{cls.command}]; write the options below that line.")
        return cls.from_options(content[cls.command])

    @classmethod
    def names(cls) -> list[str]:
        """Names of all options."""
        found: list[str] = []
        for own in fields(cls):  # type: ignore[arg-type]
            kind = _set_of(typing.get_type_hints(cls)[own.name])
            found += [own.name] if kind is None else _names(kind)
        return found

    def options(self) -> dict[str, Any]:
        """All options by name, as JSON and TOML hold them; those of a set that was not given are left out."""
        found: dict[str, Any] = {}
        for own in fields(self):  # type: ignore[arg-type]
            value = getattr(self, own.name)
            if is_dataclass(value):
                found |= plain_options(value)
            elif _set_of(typing.get_type_hints(type(self))[own.name]) is None:
                found[own.name] = _plain(value)
        return found

    def changed(self) -> dict[str, Any]:
        """Options that differ from their defaults, in the order of the sets."""
        found: dict[str, Any] = {}
        for own in fields(self):  # type: ignore[arg-type]
            value = getattr(self, own.name)
            sets = [(inner, getattr(value, inner.name)) for inner in fields(value)] if is_dataclass(value) else []
            for one, inner_value in sets or [(own, value)]:
                if inner_value != _default(one) and not is_dataclass(inner_value):
                    found[one.name] = _plain(inner_value)
        return found


@dataclass(frozen=True, kw_only=True)
class FitJob(Job):
    """A fit: what it starts from, which terms it has, how it is fitted, tested, corrected and reported."""

    command: typing.ClassVar[str] = "fit"

    split: SplitOptions = field(default_factory=SplitOptions)
    """Which frames train, choose and test."""

    start: StartOptions = field(default_factory=StartOptions)
    """Where the starting parameters come from."""

    reading: DataOptions = field(default_factory=DataOptions)
    """How to read the reference data."""

    form: FormOptions = field(default_factory=FormOptions)
    """Functional form, and which parameters are one."""

    pretraining: PretrainOptions = field(default_factory=PretrainOptions)
    """What the fit knows before it sees the reference data."""

    fit: FitOptions = field(default_factory=FitOptions)
    """How to fit."""

    gate: GateOptions = field(default_factory=GateOptions)
    """Whether the fit has to prove that it is stable."""

    kernels: CorrectionOptions = field(default_factory=CorrectionOptions)
    """How kernels are trained."""

    report: ReportOptions = field(default_factory=ReportOptions)
    """What the report holds."""

    molecule: str | None = None
    """SMILES, or an SDF, MOL2 or prmtop file; the data's own if left out."""

    correction: tuple[str, ...] = ()
    """Atoms that an sGDML kernel is on: none, all, local, auto, n-pi-star, or numbers such as 1,2,8. Give it several
    times for several kernels."""

    keep_posterior: bool = False
    """Write what the fit is unsure of, so that evaluate predicts errors."""

    def __post_init__(self) -> None:
        if self.form.share == "environment":
            taught = self.pretraining
            if self.starting.start or not (taught.is_level or taught.pretrain in ("none", "auto")):
                raise InputError(
                    "option share environment: a parameter set counts from stock GAFF; leave start out, and let "
                    "pretrain be none, auto or a level of theory."
                )

    @property
    def starting(self) -> StartOptions:
        """Where the starting parameters come from in the end: a molecule given as prmtop brings its own."""
        if self.molecule is None or Path(self.molecule).suffix.lower() not in PRMTOP_SUFFIXES or self.start.start:
            return self.start
        return replace(self.start, start=Path(self.molecule))

    def model_options(self) -> dict[str, Any]:
        """Those options that decide what the model is, for its provenance: not what is shown or kept of the fit."""
        others = {own.name for own in fields(ReportOptions)} | {"keep_posterior"}
        found = replace(self, start=self.starting).options()
        return {name: value for name, value in found.items() if name not in others}


@dataclass(frozen=True, kw_only=True)
class CorrectionJob(Job):
    """Kernels added to a model: on which atoms, and how they are trained, tested and reported."""

    command: typing.ClassVar[str] = "correct"

    split: SplitOptions | None = None
    """Which frames train, choose and test; those of the model's fit, if not given and the files are the same."""

    reading: DataOptions = field(default_factory=DataOptions)
    """How to read the reference data."""

    gate: GateOptions = field(default_factory=GateOptions)
    """Whether the result has to prove that it is stable."""

    kernels: CorrectionOptions = field(default_factory=CorrectionOptions)
    """How kernels are trained."""

    report: ReportOptions = field(default_factory=ReportOptions)
    """What the report holds."""

    correction: tuple[str, ...] = ()
    """Atoms that an sGDML kernel is on: none, all, local, auto, n-pi-star, or numbers such as 1,2,8. Give it several
    times for several kernels."""

    alone: bool = False
    """Leave the model's terms out: kernels are all there is, as in sGDML."""


def plain_options(options: Any) -> dict[str, Any]:
    """The options of one set by name, as JSON and TOML hold them."""
    return {own.name: _plain(getattr(options, own.name)) for own in fields(options)}


def _set_of(hint: Any) -> type | None:
    """The option set that a field holds; None for a field that is an option itself."""
    kinds = [kind for kind in (get_args(hint) or (hint,)) if isinstance(kind, type) and is_dataclass(kind)]
    return kinds[0] if kinds else None


def _names(kind: type) -> list[str]:
    return [own.name for own in fields(kind)]  # type: ignore[arg-type]


def _default(own: Field[Any]) -> Any:
    return own.default_factory() if own.default_factory is not MISSING else own.default


def _plain(value: Any) -> Any:
    """A value as JSON and TOML hold it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _typed(name: str, value: Any, hint: Any) -> Any:
    """A value of JSON, TOML or Python as the option holds it."""
    for kind in _alternatives(hint):
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
        if get_origin(kind) is tuple and isinstance(value, list | tuple):
            return tuple(_typed(name, one, get_args(kind)[0]) for one in value)
        if kind is Path and isinstance(value, str | Path):
            return Path(value)
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
    raise InputError(f"option {name} cannot be {value!r}; {_kinds(hint)}.")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """The kinds of value that a type allows; None comes first, text last, so that a known word is no path."""
    return get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _kinds(hint: Any) -> str:
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "the name of a file"}
    found = []
    for kind in _alternatives(hint):
        if get_origin(kind) is Literal:
            found += [str(value) for value in get_args(kind)]
        elif get_origin(kind) is tuple:
            found.append("a list")
        elif kind in words:
            found.append(words[kind])
    return f"give {', '.join(found[:-1])} or {found[-1]}" if len(found) > 1 else f"give {found[0]}"
