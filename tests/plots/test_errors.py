import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from models import distorted, force_field, molecule, perturbed

from hybridff.frames.accuracy import evaluate, predict
from hybridff.frames.dataset import Frames
from hybridff.plots import errors as plots
from hybridff.units import FORCE_KCAL, KCAL_MOL

COLOURS = {"before": "0.7", "after": "C0"}


@pytest.fixture(scope="module")
def models():
    return {"before": perturbed(force_field("ethanol"), 0.5), "after": force_field("ethanol")}


@pytest.fixture(scope="module")
def frames():
    positions = distorted("ethanol", 12)
    found = predict(perturbed(force_field("ethanol"), 0.2, seed=1), positions)
    return Frames(molecule("ethanol").numbers, positions, *found, "ethanol")


def offsets(models, frames) -> dict[str, float]:
    return {name: evaluate(model, frames).energy_offset + 3.0 for name, model in models.items()}


def energies(models, frames) -> plots.Parity:
    shifts = offsets(models, frames)
    found = {name: predict(model, frames.positions)[0] + shifts[name] for name, model in models.items()}
    return plots.Parity(frames.energies, found)


def forces(models, frames) -> plots.Parity:
    return plots.Parity(frames.forces, {name: predict(model, frames.positions)[1] for name, model in models.items()})


def rmse_of(axes) -> dict[str, float]:
    labels = [text.get_text().split(": RMSE ") for text in axes.get_legend().get_texts()]
    return {name: float(value) for name, value in labels}


def test_the_legends_give_the_errors(models, frames):
    energy, force = Figure().subplots(1, 2)
    plots.energy_parity(energy, energies(models, frames), COLOURS)
    plots.force_parity(force, forces(models, frames), COLOURS)
    for name, model in models.items():
        errors = evaluate(model, frames, offsets(models, frames)[name])
        assert errors.force_rmse is not None
        # two digits are shown
        assert rmse_of(energy)[name] == pytest.approx(errors.energy_rmse / KCAL_MOL, abs=0.0051)
        assert rmse_of(force)[name] == pytest.approx(errors.force_rmse / FORCE_KCAL, abs=0.0051)


def test_every_force_component_is_a_point(models, frames):
    axes = Figure().subplots()
    plots.force_parity(axes, forces(models, frames), COLOURS)
    line = axes.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), frames.forces.ravel() / FORCE_KCAL, rtol=1e-12)
    _, before = predict(models["before"], frames.positions)
    np.testing.assert_allclose(line.get_ydata(), before.ravel() / FORCE_KCAL, rtol=1e-12)


def test_very_many_points_are_thinned_but_all_count(models, frames, monkeypatch):
    monkeypatch.setattr(plots, "_MOST_POINTS", 100)
    axes = Figure().subplots()
    plots.force_parity(axes, forces(models, frames), COLOURS)
    assert 100 <= len(axes.get_lines()[0].get_xdata()) <= 200
    errors = evaluate(models["after"], frames)
    assert errors.force_rmse is not None
    assert rmse_of(axes)["after"] == pytest.approx(errors.force_rmse / FORCE_KCAL, abs=0.0051)  # two digits


def test_a_picture_is_a_png_with_something_in_it(models, frames):
    picture = imread(io.BytesIO(plots.parity(energies(models, frames), forces(models, frames), "ethanol")))
    assert picture.shape[0] > 400
    assert picture.shape[1] > 1000
    halves = np.array_split(picture[..., :3].min(axis=2) < 0.9, 2, axis=1)
    assert all(half.mean() > 0.01 for half in halves)


def test_without_forces_there_is_no_second_panel(models, frames):
    picture = imread(io.BytesIO(plots.parity(energies(models, frames), None, "ethanol")))
    drawn = np.flatnonzero((picture[80:, :, :3].min(axis=2) < 0.9).any(axis=0))
    assert 0 < drawn[-1] < 0.6 * picture.shape[1]


def test_the_same_numbers_give_the_same_picture(models, frames):
    one, other = (plots.parity(energies(models, frames), forces(models, frames), "ethanol") for _ in range(2))
    assert one == other


def test_the_dots_of_a_calibration_are_root_mean_squares_of_frames_of_like_prediction():
    random = np.random.default_rng(0)
    predicted = {"cold": random.uniform(1, 2, 40), "hot": random.uniform(2, 4, 40)}
    actual = {name: values * random.uniform(0.5, 1.5, 40) for name, values in predicted.items()}
    axes = plots.calibration_figure(predicted, actual, "error", "").axes[0]
    cold, hot, dots, _ = axes.get_lines()
    np.testing.assert_array_equal(cold.get_xdata(), predicted["cold"])
    np.testing.assert_array_equal(hot.get_ydata(), actual["hot"])
    x, y = (np.concatenate([values["cold"], values["hot"]]) for values in (predicted, actual))
    first = np.argsort(x)[: len(x) // len(dots.get_xdata())]
    rms = [np.sqrt(np.mean(values[first] ** 2)) for values in (x, y)]
    # the same sums in another order
    np.testing.assert_allclose([dots.get_xdata()[0], dots.get_ydata()[0]], rms, rtol=1e-12)


def test_a_calibration_of_a_few_frames_has_a_dot_for_each() -> None:
    predicted, actual = np.array([1.0, 2.0, 3.0]), np.array([1.5, 1.0, 3.5])
    axes = plots.calibration_figure({"test": predicted}, {"test": actual}, "error", "").axes[0]
    _, dots, _ = axes.get_lines()
    np.testing.assert_allclose(np.asarray(dots.get_ydata(), dtype=float), actual)


def test_every_kind_of_group_has_a_panel():
    atoms = [plots.GroupError("atom", name, None, 40.0) for name in ("C1", "O2")]
    heights = [plots.GroupError("energy", "0 to 2", 4.0, 40.0)]
    one, two = (imread(io.BytesIO(plots.group_errors(own))) for own in (atoms, atoms + heights))
    assert two.shape[1] > 1.5 * one.shape[1]


def test_errors_rise_with_the_temperature_in_the_units_of_the_axes():
    kelvins, errors = [300.0, 600.0], np.array([4.184, 41.84])
    low, high = (
        plots.temperature_errors({"one": plots.TemperatureErrors(kelvins, factor * errors, errors)})
        for factor in (1, 2)
    )
    assert low != high
