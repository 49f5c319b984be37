"""Options of kernel corrections."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hybridff.corrections.device import Device, check_device
from hybridff.errors import InputError


@dataclass(frozen=True, kw_only=True)
class CorrectionOptions:
    """How kernels are trained."""

    points: int | None = None
    """Geometries that each kernel is a sum over, chosen to be unlike each other; all frames train it. If not given, 200
    for kernels on some atoms, every frame for one on all atoms and for local ones."""

    descriptor: Literal["auto", "distances", "angular"] = "auto"
    """What a kernel sees: inverse distances of all pairs of its atoms, as in sGDML, or also the angles and torsions of
    its bonds; auto takes what does better on the validation frames."""

    kernel_width: float | None = None
    """Length scale of all kernels [1/Å]; learnt if not given."""

    kernel_noise: float | None = None
    """Noise of force components that the kernels assume [kcal/mol/Å]; learnt if not given."""

    device: Device = "auto"
    """Where kernels are trained: on a GPU by CUDA if PyTorch finds one, or on the processor."""

    def __post_init__(self) -> None:
        check_device(self.device)
        if self.points is not None and self.points < 1:
            raise InputError(f"option points has to be at least 1, not {self.points}.")
        for name in ("kernel_width", "kernel_noise"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(f"option {name} has to be a positive number, not {value}.")
