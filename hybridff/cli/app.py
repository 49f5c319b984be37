"""The command line: each command reads, calls the library once, and writes."""

import contextlib
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Toml

from hybridff.cli.terminal import error_console, output
from hybridff.errors import HybridFFError, InputError
from hybridff.foreign import read_toml

_COMMANDS = {
    "parametrize": ("fitting", "Make the stock force field of a molecule, without data."),
    "fit": ("fitting", "Refit a force field to reference energies and forces, and show the errors before and after."),
    "sample": ("sample_command", "Geometries of a molecule without data, by GAFF, a model or a level, for label."),
    "apply": ("fitting", "Make a model of a molecule without data by a parameter set."),
    "label": ("labelling", "Energies and forces of geometries at a level of theory, into a folder that fit reads."),
    "make": ("making", "A force field from a molecule alone, by labels that are chosen and computed on the way."),
    "pieces": ("making", "The overlapping pieces that make labels in place of a large molecule."),
    "extend": ("making", "Label conformers that a force field of make does not know, and fit again."),
    "correct": ("fitting", "Add an sGDML kernel on some or all atoms to a model, trained on what its terms leave."),
    "evaluate": ("fitting", "Errors of a model against reference data."),
    "export": (
        "openmm_commands",
        "Write a model as an ordinary OpenMM System, or for AMBER, GROMACS, OpenMM's ForceField what these "
        "can express.",
    ),
    "mix": ("openmm_commands", "Replace the energy inside molecules of an OpenMM System by that of fitted models."),
    "simulate": ("openmm_commands", "Minimise, then run dynamics of the isolated molecule."),
    "verify": (
        "openmm_commands",
        "Compare torch with every OpenMM platform present, and forces with energy differences.",
    ),
    "demo": ("fitting", "The main job on the bundled data: fit, report of errors, dynamics with the result."),
    "analyse": ("analyses", "Compare a model with other methods."),
    "compare": (
        "comparing",
        "Accuracy, training time, speed and stability of models and other methods, in one table and picture.",
    ),
}
"""Where each command stands, and what it does: its module is imported when it runs, so that ``--help`` is quick."""

app = App(
    name="hybridff",
    help="Force fields refit to quantum-chemical energies and forces, for OpenMM.",
    version=version("hybridff"),
    help_format="markdown",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)
app.meta.suppress_keyboard_interrupt = False
for _name, (_place, _help) in _COMMANDS.items():
    app.command(f"hybridff.cli.{_place}:{_name}", name=_name, help=_help)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[Path | None, Parameter(help="TOML file with a table of options for each command.")] = None,
) -> None:
    if config is not None:
        _check_toml(config)
    app.config = () if config is None else (Toml(config),)
    app(tokens)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's error is one sentence and exit code 2; 130 and 143 are an interruption and a kill.

    ``arguments`` are those of the command line, if not given.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(sys.argv[1:] if arguments is None else arguments)
    except HybridFFError as error:
        _fail(str(error), 2)
    except CycloptsError as error:
        command = " ".join(["hybridff", *(error.command_chain or ())])
        _fail(f"{' '.join(str(error).split())} See '{command} --help'.", 2)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        _fail("interrupted; nothing was written.", 128 + number)


def _run(arguments: Sequence[str]) -> None:
    """Run a command, which ends the process; raises ``InputError`` where its output was lost."""
    try:
        app.meta(arguments)
    except SystemExit as stop:
        if stop.code or output.lost is None:
            raise
    except Exception as error:
        if type(error).__name__ == "OpenMMException":  # OpenMM is not loaded for all commands
            from hybridff.export.context import raise_interruption

            raise_interruption(error)
        raise
    if output.lost is not None:
        raise InputError(f"standard output cannot be written ({output.lost}); files that were asked for are there.")


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


def _fail(sentence: str, code: int) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # where standard error is closed, the code tells
        error_console.print(f"hybridff: {sentence}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _check_toml(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no TOML file {path}; give --config an existing one.")
    content = read_toml(path)
    commands = [name for name in app if not name.startswith("-")]
    for name, value in content.items():
        if not isinstance(value, dict):
            raise InputError(
                f"{path}: the option {name} stands in no table; write it below the name of its command, such as [fit]."
            )
        if name not in commands:
            raise InputError(f"{path}: [{name}] is no command; known are {', '.join(commands)}.")
