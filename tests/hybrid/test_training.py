import numpy as np
import pytest
import torch
from models import force_field

from hybridff import Frames, fit, read_frames
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import Anchors
from hybridff.hybrid.residual import Leftover
from hybridff.hybrid.training import Training


def frames(first: int = 0, n: int = 40) -> Frames:
    return read_frames("hybridff/data/ethanol.npz").subset(np.arange(first, first + n))


def training(start: ForceField, n_points: int | None, *, posterior=None, hot: Leftover | None = None) -> Training:
    leftover = Leftover(start, frames(), range(9))
    fragment = Fragment.find(start.molecule, range(9), torch.as_tensor(frames().positions))
    none = Anchors.at(frames().positions[:0], 0.0)
    order = np.arange(40)
    return Training(leftover, order, [fragment], usual(), posterior, n_points, none, hot, 0.01)


def usual() -> Hyperparameters:
    return Hyperparameters.usual(1, 100.0, None, 5.0)


def left(model: ForceField) -> float:
    own = frames()
    assert own.forces is not None
    return float(np.sqrt(np.mean((predict(model, own.positions)[1] - own.forces) ** 2)))


@pytest.mark.parametrize("n_points", [None, 15])
def test_kernels_take_up_what_the_terms_leave_and_let_frozen_coefficients_be(n_points: int | None) -> None:
    fitted = fit(force_field("ethanol", form="class2"), frames())
    start, (posterior,) = fitted.force_fields[0], fitted.posteriors
    own = training(start, n_points, posterior=posterior)
    places = np.array([0, 3, 5])
    own.freeze(places)
    hybrid = own.trained(usual())
    assert left(hybrid) < 0.8 * left(start)
    before, after = (model.parameter_table.values[posterior.fitted] for model in (start, hybrid))
    widths = start.parameter_table.prior_widths[posterior.fitted]
    moved = np.abs(after - before) / widths
    # an orthogonal projection in double precision
    assert moved[places].max() < 1e-9
    assert np.delete(moved, places).max() > 1e-3
    assert own.frozen[0] is places
    assert own.with_fragments(own.fragments).frozen == own.frozen


@pytest.mark.parametrize("n_points", [None, 15])
def test_coefficients_may_be_frozen_after_a_training(n_points: int | None) -> None:
    fitted = fit(force_field("ethanol", form="class2"), frames())
    start, (posterior,) = fitted.force_fields[0], fitted.posteriors
    later, early = (training(start, n_points, posterior=posterior) for _ in range(2))
    later.trained(usual())
    later.freeze(np.array([0, 3, 5]))
    found = later.trained(usual())
    for places in later.frozen:  # a training freezes coefficients by itself, too
        early.freeze(places)
    one, other = (model.parameter_table.values[posterior.fitted] for model in (found, early.trained(usual())))
    # in units of the widths of their priors; conditions of 1e8 and more leave half of the digits
    assert np.abs((one - other) / start.parameter_table.prior_widths[posterior.fitted]).max() < 1e-4


@pytest.mark.parametrize("n_points", [None, 15])
def test_anchors_may_be_added_and_moved_after_a_training(n_points: int | None) -> None:
    start = force_field("ethanol")
    own, later = training(start, n_points), training(start, n_points)
    place = frames(100, 1).positions
    for one, early in ((own, True), (later, False)):
        if not early:
            one.trained(usual())
        one.add(Anchors.at(place, 1e-4))
        one.move(-3.0)
    models = [one.trained(usual()) for one in (own, later)]
    energies = [float(term.energy(torch.as_tensor(place))) for model in models for term in model.corrections]
    # rows that are added to equations, or there from the beginning
    assert energies[0] == pytest.approx(energies[1], abs=1e-3 * abs(energies[0]))
    added = [float(term.energy(torch.as_tensor(frames().positions)).mean()) for term in models[0].corrections]
    assert energies[0] - added[0] == pytest.approx(-3.0, abs=1.0)


def test_hot_frames_hold_kernels_with_few_points() -> None:
    start = force_field("ethanol")
    x = frames(100, 30).positions
    labels = predict(start, x)
    hot = Leftover(start, Frames(start.molecule.numbers, x, *labels), range(9))
    forces = []
    for own in (hot, None):
        (term,) = training(start, 15, hot=own).trained(usual()).corrections
        forces.append(float(term.energy_forces(torch.as_tensor(x))[1].square().mean().sqrt()))
    assert forces[0] < 0.9 * forces[1]
