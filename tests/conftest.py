"""Settings of the whole suite; with this file, ``tests/`` is importable from the folders below it."""

import torch

torch.set_num_threads(1)
