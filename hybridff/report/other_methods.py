"""A model that was just fitted beside other methods, on its own frames."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hybridff.comparison.present import comparison_section
from hybridff.comparison.run import ComparisonJob, compare
from hybridff.document.blocks import Section
from hybridff.export.modelfile import write_model
from hybridff.jobs.fitting import FittedMolecule
from hybridff.jobs.provenance import write_timing
from hybridff.progress import Progress
from hybridff.report.before_after import Outcome


def methods_section(item: Outcome, methods: Sequence[str], progress: Progress) -> Section:
    """Accuracy, training, speed and stability of the model and of other methods; see ``hybridff compare``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / ("fit" if isinstance(item, FittedMolecule) else "corrected")
        folder.mkdir()
        write_model(item.model, folder)
        write_timing(item.seconds, folder)
        job = ComparisonJob(methods=methods)
        found = compare([folder], item.data, job, progress=lambda done, _="", /: progress(done))
    return replace(comparison_section(found), page_only=True)
