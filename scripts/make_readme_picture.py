"""The README's picture: reference against stock and refit GAFF, on test frames of the bundled molecules.

Usage: python scripts/make_readme_picture.py docs/images/parity.png
"""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from common import options_of
from matplotlib.figure import Figure

from hybridff.frames.accuracy import predict
from hybridff.jobs.fitting import fit_data
from hybridff.jobs.job import FitJob
from hybridff.jobs.reading import read_data
from hybridff.plots.errors import Parity, force_parity
from hybridff.units import FORCE_KCAL

_COLOURS = {"stock GAFF": "#b8b8b8", "refit": "#0b6e99"}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("picture", type=Path)
    target = parser.parse_args().picture
    figure = Figure(figsize=(8.4, 4.0), layout="constrained")
    resources = sorted((entry for entry in files("hybridff").joinpath("data").iterdir()), key=lambda entry: entry.name)
    with_data = [entry for entry in resources if entry.name.endswith(".npz")]
    for axes, resource in zip(figure.subplots(1, len(with_data), squeeze=False)[0], with_data, strict=True):
        with as_file(resource) as path:
            (fitted,) = fit_data(read_data([path]), FitJob.of(train=110, validation=50))
        test = fitted.data.frames.subset(fitted.split.test)
        assert test.forces is not None
        models = {"stock GAFF": fitted.start, "refit": fitted.model.force_field}
        forces = {name: predict(model, test.positions)[1] for name, model in models.items()}
        force_parity(axes, Parity(test.forces, forces), _COLOURS)
        axes.set_title(f"{fitted.data.molecule.name}\n110 training frames, {len(test)} test frames", fontsize=10)
        print(path.name, "reference force RMS", np.sqrt(np.mean(test.forces**2)) / FORCE_KCAL)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=130)


if __name__ == "__main__":
    main()
