"""A process that labels frames of a folder, which ``labelling_processes`` starts: python -m with its work on stdin.

The work is a line of JSON: the folder, keys and positions. When the input ends, whoever started the process is gone,
and it goes too.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import numpy as np

from hybridff.errors import HybridFFError
from hybridff.frames.label_folder import LabelFolder
from hybridff.reference.labelling import Frame, folder_labeller, label_all

REFUSED = 3
"""Exit code where there is a sentence for the user, the last line of standard error."""


def main() -> None:
    """Read the work, and do it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it tells it to stop
    signal.signal(signal.SIGTERM, _stop)
    work = json.loads(sys.stdin.readline())
    threading.Thread(target=_go_with_the_parent, daemon=True).start()
    try:
        folder = LabelFolder.read(Path(work["folder"]))
        frames = [Frame(key, np.array(positions)) for key, positions in work["frames"]]
        label_all(folder, folder_labeller(folder), frames)
    except HybridFFError as error:
        sys.stderr.write(f"\n{error}\n")
        raise SystemExit(REFUSED) from None


def _stop(number: int, _: FrameType | None) -> None:
    """Give the claim back on the way out."""
    raise SystemExit(128 + number)


def _go_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
