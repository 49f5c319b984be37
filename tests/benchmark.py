"""A small benchmark set, made by a force field that no form can reach."""

from models import class_one_of, corrected, distorted, force_field, molecule

from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames


def benchmark_set(n: int = 80, name: str = "ethanol") -> BenchmarkSet:
    """Distorted geometries of ethanol."""
    positions = distorted("ethanol", n)
    labels = predict(corrected(force_field("ethanol", form="morse")), positions)
    frames = Frames(molecule("ethanol").numbers, positions, *labels)
    return BenchmarkSet(name, molecule("ethanol"), frames, class_one_of("ethanol"), None)
