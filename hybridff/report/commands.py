"""How to do it again: the command with all options that differ from their defaults, and the same in Python."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from hybridff.document.blocks import Block, Code, Section
from hybridff.fitting.options import FitOptions
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions
from hybridff.hybrid.options import CorrectionOptions
from hybridff.jobs.fitting import DataOptions, SplitOptions
from hybridff.stability.gate import GateOptions

_WIDTH = 88
T = TypeVar("T")
_PINNED = ("numpy", "torch", "openmm", "rdkit")


@dataclass(frozen=True)
class Request:
    """A command as it was given, options from a file among them."""

    command: str
    inputs: tuple[str | Path, ...] = ()
    """What stands without the name of an option."""
    options: tuple[object, ...] = ()
    """Option sets."""
    single: Mapping[str, Any] = field(default_factory=dict)
    """Options that belong to no set; None and False stand for those not given, several values for several times."""

    def of(self, kind: type[T]) -> T:
        """The option set of a kind, with defaults where none was given."""
        return next((options for options in self.options if isinstance(options, kind)), kind())

    def shell(self) -> str:
        """The command line."""
        words = [f"hybridff {self.command}", *(shlex.quote(str(name)) for name in self.inputs)]
        for options in self.options:
            words += [flag for name, value in changed(options).items() for flag in _flags(name, value)]
        for name, value in self.single.items():
            words += _flags(name, value)
        return _wrapped(words)


def changed(options: object) -> dict[str, Any]:
    """Options of a set that differ from their defaults."""
    own = fields(options)  # type: ignore[arg-type]
    return {one.name: getattr(options, one.name) for one in own if getattr(options, one.name) != one.default}


def command_section(request: Request, python: str) -> Section:
    """How to install this version, and to do it again from the command line and from Python."""
    pinned = [f"{name}=={version(name).partition('+')[0]}" for name in _PINNED]
    install = _wrapped([f'pip install "hybridff[gaff,qm]=={version("hybridff")}"', *pinned])
    sentences = (
        "Files are named as they were given, from the folder that the command ran in; their hashes are below. With the "
        "same versions on the same kind of machine, the result is the same.",
    )
    blocks: list[Block] = [
        'Install the versions that were used (or, in a clone of the repository, replace the first by -e ".[gaff,qm]"):',
        Code(install),
        "On the command line:",
        Code(request.shell()),
        "In Python:",
        Code(python),
    ]
    return Section("Do it again", sentences, more=tuple(blocks), page_only=True)


def fit_in_python(request: Request) -> str:
    """A script that does what a ``fit`` does."""
    sets = {"split": SplitOptions, "start": StartOptions, "form": FormOptions, "options": FitOptions}
    given = _given(request, {**sets, "gate": GateOptions, "kernels": CorrectionOptions})
    reading, molecule = _given(request, {"options": DataOptions}), request.single.get("molecule")
    corrections = [text for text in request.single.get("correction") or () if text != "none"]
    arguments = [_paths(request.inputs)]
    if molecule is not None:
        arguments.append(f"hf.Molecule.read({molecule!r})")
    arguments += [f"{name}={_text(found)}" for name, found in reading.items()]
    called = ["data", *(f"{name}={_text(found)}" for name, found in given.items())]
    if corrections:
        called.append(f"corrections={corrections!r}")
    lines = [
        *_imports(["read_data", "fit_data"], [*given.values(), *reading.values()]),
        "",
        _call("data = read_data", arguments),
        _call("fitted = fit_data", called),
        "for item in fitted:",
        '    print(item.data.molecule.name, item.after.get("test"), sep="\\n")',
        "force_field = fitted[0].model.force_field",
        "system = hf.to_openmm(force_field)  # an ordinary openmm.System",
    ]
    return "\n".join(lines)


def correction_in_python(request: Request, *, posterior: bool = False) -> str:
    """A script that does what a ``correct`` does; ``posterior`` says whether that of the fit was used."""
    model, *paths = request.inputs
    given = _given(request, {"split": SplitOptions, "gate": GateOptions, "kernels": CorrectionOptions})
    reading = _given(request, {"options": DataOptions})
    arguments = [_paths(paths), "saved.force_field.molecule", *map(_text, reading.values())]
    called = ["saved", "data", repr(list(request.single.get("correction") or ()))]
    called += [f"{name}={_text(found)}" for name, found in given.items()]
    if request.single.get("alone"):
        called.append("alone=True")
    lines = _imports(["read_data", "correct_model"], [*given.values(), *reading.values()])
    if posterior:
        lines.insert(3, "from hybridff.fitting.posterior import POSTERIOR, Posterior")
        kept = f"Path({str(model)!r}) / POSTERIOR"
        called.append(f"posterior=Posterior.read({kept}, len(saved.force_field.parameter_table))")
    lines += [
        "",
        f"saved = hf.read_model({str(model)!r})",
        _call("(data,) = read_data", arguments),
        _call("corrected = correct_model", called),
        'print(corrected.after.get("test"))',
        "system = hf.to_openmm(corrected.model.force_field)  # an ordinary openmm.System",
    ]
    return "\n".join(lines)


def _given(request: Request, kinds: Mapping[str, type]) -> dict[str, object]:
    """Option sets with any option that was changed."""
    found: dict[str, object] = {name: request.of(kind) for name, kind in kinds.items()}
    return {name: options for name, options in found.items() if changed(options)}


def _imports(jobs: Sequence[str], sets: Sequence[object]) -> list[str]:
    names: dict[str, list[str]] = {"hybridff.jobs.fitting": list(jobs)}
    for options in sets:
        names.setdefault(type(options).__module__, []).append(type(options).__name__)
    lines = [f"from {module} import {', '.join(sorted(own))}" for module, own in sorted(names.items())]
    return ["from pathlib import Path", "", "import hybridff as hf", *lines]


def _text(options: object) -> str:
    inner = ", ".join(f"{name}={_value(value)}" for name, value in changed(options).items())
    return f"{type(options).__name__}({inner})"


def _value(value: object) -> str:
    return f"Path({str(value)!r})" if isinstance(value, Path) else repr(value)


def _paths(paths: Sequence[str | Path]) -> str:
    return f"[{', '.join(_value(Path(path)) for path in paths)}]"


def _call(function: str, arguments: Sequence[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    return line if len(line) <= _WIDTH else f"{function}(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def _flags(name: str, value: object) -> list[str]:
    """One for each of several values, and none for options that were not given."""
    several = value if isinstance(value, list | tuple) else [value]
    return [_flag(name, one) for one in several if one is not None and one is not False]


def _flag(name: str, value: object) -> str:
    option = f"--{name.replace('_', '-')}"
    return option if value is True else f"{option} {shlex.quote(str(value))}"


def _wrapped(words: Sequence[str]) -> str:
    """Words in lines that a shell reads as one."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) > _WIDTH:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return " \\\n".join(lines)
