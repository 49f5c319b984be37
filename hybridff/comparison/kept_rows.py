"""Comparisons that take days: fits and finished rows are kept in a folder, so that what was stopped goes on."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter

from hybridff.comparison.options import TRAINED
from hybridff.comparison.result import Comparison, MethodResult
from hybridff.comparison.run import ComparisonJob, Task, machine, prepare
from hybridff.export.modelfile import FILE_NAME, read_model
from hybridff.jobs.reading import read_data
from hybridff.output import new_file
from hybridff.progress import Say, quiet

_DEVICE = ("--device", "cpu")
"""Device of all fits: the other programs train on the processor."""


@dataclass(frozen=True)
class ResumableComparison:
    """One set of frames and one number of training frames."""

    file: Path
    """Data file."""
    train: int
    """Number of training frames."""
    validation: int
    """Number of validation frames."""
    test: int
    """Number of test frames, at most."""
    fits: Mapping[str, Sequence[str]]
    """Options of ``hybridff fit`` by the names of rows; the frames of the first fit are those of all."""
    methods: Mapping[str, str]
    """Methods that are not fitted, by the names of rows."""
    folder: Path
    """Where fits and rows are kept."""
    job: ComparisonJob
    """What is measured, and how programs train their models."""
    say: Say = field(default=quiet)
    """Told what is done."""

    def comparison(self, rows: Sequence[str]) -> Comparison:
        """Measure what is missing of these rows."""
        first = self._fitted(next(iter(self.fits)))
        (data,) = read_data([self.file], read_model(first).force_field.molecule)
        task, _ = prepare(first, data, self.job, folder=self.folder / "trained")
        task = replace(task, split=task.split._replace(test=task.split.test[: self.test]))
        found = tuple(self._row(row, task) for row in rows)
        return Comparison(
            self.file.stem,
            self.train,
            len(task.split.validation),
            found,
            self.job.options,
            self.job.training,
            machine=machine(),
        )

    def _fitted(self, row: str) -> Path:
        """The folder of a fit, which is made if it is not there."""
        own = (*self.fits[row], *_DEVICE)
        folder = self.folder / f"{row.replace(' + ', '-')}-{hashlib.sha256(' '.join(own).encode()).hexdigest()[:8]}"
        if not (folder / FILE_NAME).is_file():
            self.say(f"{self.file.stem}, {self.train} frames: {row} is fitted")
            command = [sys.executable, "-m", "hybridff", "fit", str(self.file), *own, "--train", str(self.train)]
            command += ["--validation", str(self.validation), "--out", str(folder)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return folder

    def _row(self, row: str, task: Task) -> MethodResult:
        """A row of an earlier run with the same options on a machine like this, or a new one."""
        what = str(self._fitted(row)) if row in self.fits else self.methods[row]
        own = asdict(getattr(self.job.training, what)) if what in TRAINED else {}
        about = [row, self.fits.get(row), asdict(self.job.options), own, len(task.split.test), machine()]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        path = self.folder / "rows" / f"{row.replace(' + ', '-').replace(' ', '-')}-{digest}.json"
        if path.is_file():
            return MethodResult.from_json(json.loads(path.read_text(encoding="utf-8")))
        begin = perf_counter()
        shutil.rmtree(task.folder / digest, ignore_errors=True)  # of a run that was stopped
        found = replace(task, folder=task.folder / digest).row(what, row)
        self.say(f"{self.file.stem}, {self.train} frames: {row} in {perf_counter() - begin:.0f} s")
        if found.errors is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(path) as temporary:
                temporary.write_text(json.dumps(found.to_json(), indent=2), encoding="utf-8")
        return found
