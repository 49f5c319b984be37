"""Where labels are computed, as a user says."""

from dataclasses import dataclass
from pathlib import Path

from hybridff.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LevelOptions:
    """Where labels are computed, and with which options."""

    options: Path | None = None
    """TOML file with a table of options for the level module:Class."""

    processes: int | None = None
    """Processes on this machine that label, each with one thread; as many as there are cores if left out. With 1, the
    level's own threads are used as OMP_NUM_THREADS says."""

    scheduler: str | None = None
    """Address of the scheduler of a Dask cluster, such as tcp://host:8786, which labels in place of this machine."""

    def __post_init__(self) -> None:
        if self.processes is not None and self.processes < 1:
            raise InputError(f"option processes has to be at least 1, not {self.processes}.")
        if self.processes is not None and self.scheduler is not None:
            raise InputError("option processes means nothing for a cluster; leave it or the scheduler out.")
