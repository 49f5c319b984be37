"""Training by the program ``sgdml``, in a process of its own: it prints, it forks, and it trains once per process.

``python -m hybridff.comparison.sgdml_program`` reads a job as JSON from its input, and writes the model file.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.frames.dataset import Frames
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL


def dataset(frames: Frames, name: str) -> dict[str, Any]:
    """Frames as the program's data set, which has a fingerprint by its name."""
    assert frames.forces is not None
    return {
        "type": "d",
        "name": np.str_(name),
        "theory": np.str_("unknown"),
        "z": frames.numbers.astype(np.int64),
        "R": frames.positions / ANGSTROM,
        "E": frames.energies / KCAL_MOL,
        "F": frames.forces / FORCE_KCAL,
        "md5": np.str_(name),
        "r_unit": np.str_("Ang"),
        "e_unit": np.str_("kcal/mol"),
    }


def trained(
    trainer: Any, train: dict, validation: dict, width: float, ridge: float, permutations: np.ndarray | None = None
) -> dict[str, Any]:
    """The model of all frames of a data set with a length scale [1/Å] and a ridge [1/Å²].

    ``trainer`` is the program's ``GDMLTrain``; it finds the permutations unless they are given.
    """
    task = trainer.create_task(
        train, len(train["E"]), validation, len(validation["E"]), sig=int(width), lam=ridge, perms=permutations
    )
    return trainer.train(task)


def error(model: dict[str, Any], validation: dict[str, Any]) -> float:
    """RMSE of force components [kcal/mol/Å]."""
    from sgdml.predict import GDMLPredict

    predictor = GDMLPredict(model, max_processes=1)
    _, forces = predictor.predict(validation["R"].reshape(len(validation["E"]), -1))
    return float(np.sqrt(np.mean((forces.reshape(validation["F"].shape) - validation["F"]) ** 2)))


def search(train: dict, validation: dict, widths: list[int], ridge: float) -> tuple[dict[str, Any], list[float]]:
    """The best model, and the errors of all length scales up to the second in a row that is worse than the best."""
    from sgdml.train import GDMLTrain

    trainer, permutations, best = GDMLTrain(), None, {}
    errors: list[float] = []
    for width in widths:
        model = trained(trainer, train, validation, width, ridge, permutations)
        permutations = model["perms"]
        errors.append(error(model, validation))
        if errors[-1] == min(errors):
            best = model
        elif len(errors) > 2 and min(errors[-2:]) > min(errors):
            break
    return best, errors


def main() -> None:
    """Read a job, train, and write the model and a report."""
    job = json.loads(sys.stdin.read())
    sets = []
    for path in (job["train"], job["validation"]):
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        sets.append({key: np.str_(value) if value.ndim == 0 else value for key, value in arrays.items()})
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, errors = search(sets[0], sets[1], job["widths"], job["ridge"])
    seconds = time.perf_counter() - begin
    np.savez_compressed(job["model"], **model)
    report = {"seconds": seconds, "width": int(model["sig"]), "permutations": len(model["perms"]), "errors": errors}
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
