"""Labels while processes are killed at random moments: is a label lost, doubled, or another than undisturbed?

Two runs of ``hybridff label`` fill one folder, each with two processes. At random moments the owner of a random claim,
which is in the middle of a frame, is killed (SIGKILL), and every fifth time a whole run, which then begins again.
Then the labels are compared with undisturbed ones.

Usage: python benchmarks/label_kills.py [--kills 30] [--frames 200] [--level hf/sto-3g] [--folder kills]
"""

import argparse
import json
import random
import subprocess
import sys
import time
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from hybridff.frames.reading import read_frames
from hybridff.workflows.labelling import LabelOptions, label_frames


def main() -> None:
    """Kill, wait, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--level", default="hf/sto-3g")
    parser.add_argument("--folder", type=Path, default=Path("kills"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    geometries, disturbed = options.folder / "frames.npz", options.folder / "disturbed"
    with as_file(files("hybridff").joinpath("data", "ethanol.npz")) as path:
        frames = read_frames(path)
    frames.subset(np.arange(options.frames)).write(geometries)
    command = [sys.executable, "-m", "hybridff", "label", str(geometries), "--level", options.level]
    command += ["--out", str(disturbed), "--processes", "2"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    kills = 0
    while any(run.poll() is None for run in runs):
        time.sleep(random.uniform(0.2, 3.0))
        for place, run in enumerate(runs):
            if run.poll() not in (None, 0):
                runs[place] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        claims = [path for path in disturbed.glob("*.claim.*") if path.exists() and path.stat().st_size]
        if kills == options.kills or not claims:
            continue
        kills += 1
        if kills % 5 == 0:
            run = random.choice(runs)
            run.kill()
            run.wait()
            continue
        try:
            owner = int(json.loads(random.choice(claims).read_text(encoding="utf-8"))["pid"])
            subprocess.run(["kill", "-9", str(owner)], check=True, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            kills -= 1  # it was done just then
    label_frames(geometries, options.level, options.folder / "undisturbed", LabelOptions())
    found, expected = (read_frames(options.folder / name) for name in ("disturbed", "undisturbed"))
    doubled = len(found) - len(np.unique(found.positions, axis=0))
    assert found.forces is not None
    assert expected.forces is not None
    print(f"{kills} kills, {len(expected)} frames: {len(expected) - len(found)} labels lost, {doubled} doubled,")
    print(f"left over: {[path.name for path in disturbed.glob('*.claim.*')] or 'no claim'};")
    print(f"energies differ by {np.abs(found.energies - expected.energies).max():.1e} kJ/mol at most,")
    print(f"forces by {np.abs(found.forces - expected.forces).max():.1e} kJ/mol/nm.")


if __name__ == "__main__":
    main()
