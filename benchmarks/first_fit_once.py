"""One fit as ``hybridff fit`` does it, with the time of each of its parts."""

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path


class Parts:
    """Times of the parts of a computation, each of which begins when it is named."""

    def __init__(self, name: str) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._name, self._since = name, self._now()

    def begin(self, name: str) -> None:
        """The part before has come to its end."""
        now = self._now()
        known = self.seconds.setdefault(self._name, [0.0, 0.0])
        self.seconds[self._name] = [one + t - since for one, t, since in zip(known, now, self._since, strict=True)]
        self._name, self._since = name, now

    @staticmethod
    def _now() -> list[float]:
        times = os.times()
        return [time.perf_counter(), times.user + times.system + times.children_user + times.children_system]


def alone(data: Path, train: int) -> dict[str, list[float]]:
    """Wall and processor seconds of each part of a fit, from the import on."""
    parts = Parts("import")
    # Their import is what is measured.
    from hybridff.gaff.atomtypes import assign_types
    from hybridff.gaff.charges import assign_charges
    from hybridff.jobs.fitting import fit_data
    from hybridff.jobs.job import FitJob
    from hybridff.jobs.reading import read_data, split_frames
    from hybridff.report.documents import fit_document
    from hybridff.report.sections import fit_page_sections
    from hybridff.workflows.fits import FitRun, write_fitted

    def say(sentence: str) -> None:
        if "gate" in sentence or "not stable" in sentence:
            parts.begin("stability gate" if "gate" in sentence else "rows and fit")

    def reporting(_fraction: float, what: str = "", /) -> None:
        parts.begin(f"report: {what}" if what else "report: other sections")

    parts.begin("read and check")
    job = FitJob.of(train=train)
    (read,) = read_data([data], None, job.reading)
    rows = split_frames(read.frames, job.split)
    lowest = rows.train[read.frames.energies[rows.train].argmin()]
    placed = replace(read.molecule, positions=read.frames.positions[lowest])
    parts.begin("types")
    assign_types(placed, job.starting.gaff)
    parts.begin("charges")  # kept on disk, as types are, so that the fit has them
    assign_charges(placed, job.starting.charges)
    parts.begin("rows and fit")
    run = FitRun(job, (data,), tuple(fit_data([read], job, say=say)))
    parts.begin("report: other sections")
    (page,) = fit_page_sections(run.molecules, run.files, "model", reporting)
    parts.begin("report: summary and files")
    document = fit_document(run.molecules[0], page)
    with tempfile.TemporaryDirectory() as folder:
        write_fitted(run.molecules[0], document, Path(folder))
    parts.begin("end")
    return parts.seconds
