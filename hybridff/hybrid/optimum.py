"""Hyperparameters of kernels, and which kernels there are: what does best on the validation frames."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from hybridff.corrections.hyperparameters import Hyperparameters, Objective, SearchResult, changes, search
from hybridff.hybrid.choice import ChosenDescriptors
from hybridff.hybrid.material import CorrectionInputs
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.score_cache import digest, remembered
from hybridff.hybrid.scoring import scored
from hybridff.hybrid.solver import Solver
from hybridff.hybrid.sparse_equations import widths_are_cheap
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.validation import Validation
from hybridff.progress import Progress, Say, quiet, silent

_PREDICTIONS, _TRAININGS = 40, 8
"""Most hyperparameters that are scored by predictions, and by trainings, which take longer."""
_SILENT = 5.0
"""Time without a word [s]."""


@dataclass(frozen=True, eq=False)
class BestHyperparameters:
    """Kernels with the best hyperparameters."""

    material: CorrectionInputs
    training: TrainingData
    """The training, with the coefficients that are held by now."""
    solver: Solver
    hyperparameters: Hyperparameters
    gains: tuple[float, ...]
    """Increase of the score of the validation frames, which is worse, without each kernel."""
    seconds: float
    """Time from the beginning up to here [s]."""
    partial: bool = False
    """Whether some of the frames have chosen them."""


class TrainingScores:
    """Scores hyperparameters by trainings: a coefficient that one of them holds stays held in all later ones."""

    def __init__(
        self, training: TrainingData, solver: Solver, validation: Validation, options: CorrectionOptions
    ) -> None:
        self.training = training
        self._solver, self._validation = solver, validation
        self._problem = digest(training, validation, options)

    def __call__(self, state: Hyperparameters) -> float:
        """The score on the validation frames; infinite where it is not possible."""
        training, solver, validation = self.training, self._solver, self._validation
        found = remembered(self._problem, training, state, lambda: scored(training, state, solver, validation))
        self.training = found.training
        return found.score


def optimise(choice: ChosenDescriptors, say: Say = quiet, progress: Progress = silent) -> BestHyperparameters:
    """Search for the hyperparameters that do best on the validation frames, from those that a training begins with.

    ``say`` is told now and then how far the search is, ``progress`` which share of what may be scored was.
    """
    material, training = choice.material, choice.training
    if choice.predictions is not None:
        found = _search(choice, choice.predictions, _PREDICTIONS, say, progress)
    else:
        scores = TrainingScores(training, choice.solver, material.validation, material.task.options)
        found = _search(choice, scores, _TRAININGS, say, progress)
        training = scores.training
    seconds = perf_counter() - material.begun
    return BestHyperparameters(
        material, training, choice.solver, found.hyperparameters, found.gains, seconds, choice.partial
    )


def _search(choice: ChosenDescriptors, scores: Objective, most: int, say: Say, progress: Progress) -> SearchResult:
    """Change what the options leave open as long as that helps; score no more than ``most`` hyperparameters."""
    task = choice.material.task
    wanted = changes(
        len(choice.training.fragments),
        width=task.options.kernel_width is None and widths_are_cheap(choice.training),
        noise=task.options.kernel_noise is None,
        terms=task.posterior is not None,
    )
    # More frames may make a kernel worth its place that few do not: the solution will tell.
    return search(
        scores,
        choice.training.begin,
        wanted,
        most,
        _visit(most, say, progress),
        kept=len(choice.training.fragments) if task.together else int(choice.partial),
    )


def _visit(most: int, say: Say, progress: Progress) -> Callable[[int, float], None]:
    """Tells how many hyperparameters were scored and how good the best are."""
    last = perf_counter()

    def visit(n: int, best: float) -> None:
        nonlocal last
        progress(min(1.0, n / most))
        if perf_counter() - last > _SILENT:
            last = perf_counter()
            better = f"{100 * (1 - math.exp(min(best, 0.0) / 2)):.0f} % better"
            say(f"kernels: {n} strengths tried; forces and energies of the validation frames {better} …")

    return visit
