"""Where kernels are trained: on the processor, or on a GPU by CUDA."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch

from hybridff.errors import InputError

Device = Literal["auto", "cpu", "cuda"]
PROCESSOR = torch.device("cpu")
_ROWS = 22000
"""Most rows of a covariance on the processor: 3.9 GB, twice."""
_DIRECT = 4000
"""Most rows of a covariance that is factored on the processor: with 4400 (200 frames of ethanol beside class II, noise
of 0.03 kcal/mol/Å) conjugate gradients take half of the time."""
_COPIES = 2.5
"""Number of copies of a covariance that a GPU needs memory for."""


def check_device(device: Device) -> None:
    """Check the name of a device.

    Raises ``InputError`` for names that there are not, and where a GPU is asked for and PyTorch finds none.
    """
    if device not in get_args(Device):
        raise InputError(f"option device has to be auto, cpu or cuda, not {device}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "option device is cuda, but PyTorch finds no GPU that it can use; leave the option out, or install a "
            "build of PyTorch for this GPU."
        )


def chosen(device: Device) -> torch.device:
    """The device of this name; ``auto`` is a GPU where there is one with memory for as much as the processor trains.

    Raises ``InputError`` as ``check_device`` does.
    """
    check_device(device)
    gpu = torch.device("cuda")
    if device == "auto":
        return gpu if torch.cuda.is_available() and most_rows(gpu) >= _ROWS else PROCESSOR
    return gpu if device == "cuda" else PROCESSOR


def most_rows(device: torch.device) -> int:
    """Rows of a covariance that kernels may be trained with at once: as many as the memory of a GPU that is free holds.

    Memory that PyTorch keeps for its next tensors is free too.
    """
    if device.type != "cuda":
        return _ROWS
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return math.isqrt(int((free + kept) / (8 * _COPIES)))


def most_direct(device: torch.device) -> int:
    """Rows of a covariance up to which it is faster to factor it than to use conjugate gradients."""
    return _DIRECT if device.type != "cuda" else most_rows(device)


@contextmanager
def within_memory() -> Iterator[None]:
    """A context that raises ``InputError`` where the memory of a GPU is not enough for what is done in it."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(
            "the memory of the GPU does not hold these kernels; ask for fewer points, or for the processor (--device "
            "cpu)."
        ) from None
