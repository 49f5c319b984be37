"""``hybridff analyse`` with all its commands, which these modules add to it."""

from hybridff.cli import analysing, landscape, sampling

analyse = analysing.analyse
__all__ = ["analyse", "landscape", "sampling"]
