"""Models for the museum, with the energies and forces that the version which writes them gives them.

Run in a checkout of the version whose models are wanted, with its own tests on the path:

    PYTHONPATH=.:tests python make_museum.py FOLDER FORM [FORM ...]

FORM is harmonic, near-pairs, morse, neural, class2, kernel (harmonic with one) or a TOML file. Each becomes a file
FOLDER/FORM.json with the model file's content and two geometries of propyne.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import models
import torch

try:
    from hybridff.export.modelfile import SavedModel, write_model
except ImportError:  # before the package had folders
    from hybridff.modelfile import SavedModel, write_model  # type: ignore[import-not-found, no-redef]


def main() -> None:
    folder, *forms = sys.argv[1:]
    for form in forms:
        chosen: Any = Path(form) if form.endswith(".toml") else "harmonic" if form == "kernel" else form
        model = models.force_field("propyne", form=chosen)
        model = model if form.endswith(".toml") else models.perturbed(model, 0.05)
        model = models.corrected(model) if form == "kernel" else model
        x = models.distorted("propyne", 2, width=0.005).round(6)
        energies, forces = (part.detach().numpy().tolist() for part in model.energy_forces(torch.as_tensor(x)))
        with tempfile.TemporaryDirectory() as name:
            write_model(SavedModel(model, -1.5, {"made by": "make_museum.py"}), Path(name))
            content = json.loads(Path(name, "model.json").read_text(encoding="utf-8"))
        specimen = {"model": content, "positions": x.tolist(), "energies": energies, "forces": forces}
        text = json.dumps(specimen, ensure_ascii=False, separators=(",", ":"))
        Path(folder, f"{Path(form).stem}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
