"""Fit the bundled molecules and write their models into ``forcefields/``.

Usage: python scripts/make_forcefields.py forcefields
"""

from importlib.resources import as_file, files
from pathlib import Path

from common import options_of

import hybridff as hf
from hybridff.output import new_folder


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("folder", type=Path)
    target = parser.parse_args().folder
    for resource in sorted(files("hybridff").joinpath("data").iterdir(), key=lambda entry: entry.name):
        if not resource.name.endswith(".npz"):
            continue
        with as_file(resource) as path:
            fitted = hf.fit_molecule(path)
        with new_folder(target / Path(resource.name).stem, overwrite=True) as folder:
            hf.write_model(fitted.model, folder)
            (document,) = fitted.report()
            (folder / "summary.md").write_text(document.markdown(), encoding="utf-8")
        errors = fitted.errors["test"].in_field_units()
        print(resource.name, {key: value for key, value in errors.items() if "rmse" in key or key == "n_frames"})


if __name__ == "__main__":
    main()
