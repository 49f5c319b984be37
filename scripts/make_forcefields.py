"""Fit the bundled molecules and write their models into ``forcefields/``.

Usage: python scripts/make_forcefields.py forcefields
"""

from importlib.resources import as_file, files
from pathlib import Path

from common import options_of

from hybridff import write_model
from hybridff.jobs.fitting import fit_data, read_data
from hybridff.output import new_folder
from hybridff.report import fit_document


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("folder", type=Path)
    target = parser.parse_args().folder
    for resource in sorted(files("hybridff").joinpath("data").iterdir(), key=lambda entry: entry.name):
        if not resource.name.endswith(".npz"):
            continue
        with as_file(resource) as path:
            (fitted,) = fit_data(read_data([path]))
        with new_folder(target / Path(resource.name).stem, overwrite=True) as folder:
            write_model(fitted.model, folder)
            (folder / "summary.md").write_text(fit_document(fitted).markdown(), encoding="utf-8")
        errors = fitted.after["test"].in_field_units()
        print(resource.name, {key: value for key, value in errors.items() if "rmse" in key or key == "n_frames"})


if __name__ == "__main__":
    main()
