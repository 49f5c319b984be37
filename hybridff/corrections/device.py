"""Where kernels are trained: on the processor, or on a GPU by CUDA."""

import math
from typing import Literal

import torch

from hybridff.errors import InputError

Device = Literal["auto", "cpu", "cuda"]
PROCESSOR = torch.device("cpu")
_ROWS = 22000
"""Of a covariance on the processor: 3.9 GB, twice."""
_COPIES = 2.5
"""Of a covariance that a GPU needs memory for."""


def chosen(device: Device) -> torch.device:
    """The device of this name; ``auto`` is a GPU where there is one.

    Raises ``InputError`` where a GPU is asked for and PyTorch finds none.
    """
    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise InputError(
            "option device is cuda, but PyTorch finds no GPU that it can use; leave the option out, or install a "
            "build of PyTorch for this GPU."
        )
    return torch.device("cuda") if found and device != "cpu" else PROCESSOR


def most_rows(device: torch.device) -> int:
    """Rows of a covariance that kernels may be trained with at once; more than on the processor if a GPU holds them."""
    if device.type != "cuda":
        return _ROWS
    free, _ = torch.cuda.mem_get_info(device)
    return max(_ROWS, math.isqrt(int(free / (8 * _COPIES))))
