"""The README's picture of a report: the top of report.html of a fit to bundled data, as a browser shows it.

Needs chromium, and Pillow, which comes with matplotlib. The page is made anew, or taken from an existing folder:

Usage: python scripts/make_report_picture.py docs/images/report.png [DIR]
"""

import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from common import options_of
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from pages import screenshot  # the folder of tests is no package

WIDTH, HEIGHT = 1120, 1010
COLOURS = 128


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("report", type=Path, nargs="?", help="folder of a fit")
    options = parser.parse_args()
    target = options.picture
    with tempfile.TemporaryDirectory() as place:
        folder = options.report or Path(place) / "ethanol"
        if options.report is None:
            with as_file(files("hybridff").joinpath("data", "ethanol.npz")) as path:
                command = ["fit", str(path), "--train", "110", "--validation", "50", "--out", str(folder)]
                subprocess.run([sys.executable, "-m", "hybridff", *command], check=True)
        picture = Path(place) / "top.png"
        screenshot((folder / "report.html").resolve(), picture, WIDTH, HEIGHT)
        Image.open(picture).convert("RGB").quantize(COLOURS).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
