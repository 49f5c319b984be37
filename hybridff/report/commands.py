"""How to do it again: the command with all options that differ from their defaults, as TOML, and in Python."""

import json
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hybridff.document.blocks import Block, Code, Section
from hybridff.jobs.job import CorrectionJob, FitJob, Job

_WIDTH = 88
_PINNED = ("numpy", "torch", "openmm", "rdkit")
_OUT = "DIR"


def shell(job: Job, inputs: Sequence[str | Path], out: str | Path | None = None) -> str:
    """The command line of a job."""
    words = [f"hybridff {job.command}", *(shlex.quote(str(name)) for name in inputs)]
    for name, value in job.changed().items():
        words += _flags(name, value)
    return _wrapped([*words, *_flags("out", str(out or _OUT))])


def toml(job: Job) -> str:
    """The options of a job as the table of a TOML file, for ``hybridff --config``."""
    return "\n".join([f"[{job.command}]", *(f"{name} = {json.dumps(value)}" for name, value in job.changed().items())])


def command_section(job: Job, inputs: Sequence[str | Path], python: str, out: str | Path | None = None) -> Section:
    """How to install this version, and to do it again from the command line, with a TOML file and from Python."""
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
        Code(shell(job, inputs, out)),
        "The same options as a TOML file, for hybridff --config FILE.toml:",
        Code(toml(job)),
        "In Python:",
        Code(python),
    ]
    return Section("Do it again", sentences, more=tuple(blocks), page_only=True)


def fit_in_python(job: FitJob, files: Sequence[str | Path]) -> str:
    """A script that does what a fit did."""
    lines = [
        "import hybridff as hf",
        "",
        _call("job = hf.FitJob.of", _arguments(job)),
        _call("fit = hf.fit_molecule", [repr([str(path) for path in files]), "job"]),
        "for item in fit.molecules:",
        '    print(item.data.molecule.name, item.after.get("test"), sep="\\n")',
        "force_field = fit.molecules[0].model.force_field",
        "system = hf.to_openmm(force_field)  # an ordinary openmm.System",
    ]
    return "\n".join(lines)


def correction_in_python(job: CorrectionJob, model: str | Path, files: Sequence[str | Path]) -> str:
    """A script that does what a correction did; it finds the posterior of the fit where the model is."""
    lines = [
        "import hybridff as hf",
        "",
        _call("job = hf.CorrectionJob.of", _arguments(job)),
        _call("corrected = hf.correct_model", [repr(str(model)), repr([str(path) for path in files]), "job"]),
        'print(corrected.after.get("test"))',
        "system = hf.to_openmm(corrected.model.force_field)  # an ordinary openmm.System",
    ]
    return "\n".join(lines)


def _arguments(job: Job) -> list[str]:
    return [f"{name}={value!r}" for name, value in job.changed().items()]


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
