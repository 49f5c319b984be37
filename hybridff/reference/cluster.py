"""Frames of a folder labelled by the workers of a Dask cluster, all of which see the folder.

Tasks write into the folder, so that nothing is lost with a worker or with the scheduler; what Dask gives back only says
whether a frame is done. Needs the extra ``hybridff[cluster]``.
"""

import platform
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.errors import HybridFFError, InputError, MissingProgramError
from hybridff.frames.label_folder import LabelFolder, is_label_folder
from hybridff.reference.labelling import Frame, Outcome, folder_labeller, label_frame
from hybridff.reference.level import Labeller

_CONNECTING = 30.0
"""Time for the scheduler to answer [s]."""
_LOOK = 0.5
"""Time between two looks at the tasks [s]."""
_kept = threading.local()


def label_by_cluster(folder: LabelFolder, frames: Sequence[Frame], scheduler: str, watch: Callable[[], None]) -> None:
    """Label frames by the cluster whose scheduler has an address; ``watch`` is called meanwhile.

    What a dead worker was at is given out again. Raises ``InputError`` where the scheduler does not answer or goes, and
    where workers cannot label; ``MissingProgramError`` without the package distributed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingProgramError("a Dask cluster needs distributed: pip install hybridff[cluster].") from None
    try:
        client = Client(scheduler, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"no scheduler of Dask answers at {scheduler} ({reason}); start one, or correct it.") from None
    with client:
        left = {frame.key: frame for frame in frames}
        while left and client.status == "running":
            tasks = {key: client.submit(label_task, *_task(folder, frame), pure=False) for key, frame in left.items()}
            _watch_tasks(tasks, left, client, watch)
            time.sleep(_LOOK if left else 0.0)
        if left:
            raise InputError(
                f"the scheduler at {scheduler} is gone; labels that are done are kept: run the same command again to "
                "go on."
            )


def _task(folder: LabelFolder, frame: Frame) -> tuple[str, str, list[list[float]]]:
    return str(folder.path.resolve()), frame.key, frame.positions.tolist()


def _watch_tasks(tasks: dict[str, Any], left: dict[str, Frame], client: Any, watch: Callable[[], None]) -> None:
    """Take frames that are done out of ``left`` until no task runs, or the scheduler is gone."""
    while tasks and client.status == "running":
        watch()
        for key, task in [(key, task) for key, task in tasks.items() if task.done()]:
            del tasks[key]
            if task.status == "error" and isinstance(refused := task.exception(), HybridFFError):
                client.cancel(list(tasks.values()))
                raise refused
            if task.status == "finished" and task.result() == "done":
                del left[key]
        time.sleep(_LOOK if tasks else 0.0)


def label_task(path: str, key: str, positions: list[list[float]]) -> Outcome:
    """Label one frame of a folder, as a worker does it; raises as ``label_frame``, and where it sees no folder."""
    if not is_label_folder(Path(path)):
        raise InputError(
            f"the worker on {platform.node()} does not see the folder {path}; use one on a file system that all share."
        )
    folder = LabelFolder.read(Path(path))
    return label_frame(folder, _labeller(folder), Frame(key, np.array(positions)))


def _labeller(folder: LabelFolder) -> Labeller:
    """What labels frames of a folder, made once for each thread: calculators of ASE are not for two at once."""
    known: dict[Path, tuple[LabelFolder, Labeller]] = _kept.__dict__.setdefault("labellers", {})
    if folder.path not in known or known[folder.path][0] != folder:
        known[folder.path] = (folder, folder_labeller(folder))
    return known[folder.path][1]
