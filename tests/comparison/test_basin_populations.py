from dataclasses import replace

import numpy as np
import pytest
from models import force_field

pytest.importorskip("pyscf", reason="the reference is PySCF's")

from hybridff.analysis.sampling import SamplingOptions
from hybridff.comparison import basin_populations as bp
from hybridff.export.modelfile import SavedModel
from hybridff.frames.accuracy import predict
from hybridff.reference.minima import ReferenceMinima
from hybridff.reference.pyscf_level import PySCFLevel
from hybridff.units import BOLTZMANN, KCAL_MOL

MODEL = force_field("ethanol")


@pytest.fixture(scope="module")
def runs() -> list[bp.Run]:
    options = SamplingOptions(temperatures=(300.0, 500.0), hottest=500.0, time=0.004)
    assert MODEL.molecule.positions is not None
    return [bp.tempering(MODEL, MODEL.molecule.positions[None], seed, options) for seed in range(2)]


@pytest.fixture(scope="module")
def minima(runs: list[bp.Run]) -> ReferenceMinima:
    frames = runs[0]["500 frames"]
    return ReferenceMinima(MODEL.molecule, "some level", frames[[0, -1]], np.array([0.0, 2.0]))


def test_a_run_keeps_torsions_and_some_frames_of_each_temperature(runs: list[bp.Run]) -> None:
    assert set(runs[0]) == {"300", "500", "300 frames", "500 frames"}
    assert runs[0]["500"].ndim == 2
    assert runs[0]["500 frames"].shape[1:] == (9, 3)
    assert len(runs[0]["500 frames"]) <= bp.KEPT


def test_shares_of_the_minima_add_up(runs: list[bp.Run], minima: ReferenceMinima) -> None:
    shares = bp.run_shares(runs, 500.0, minima)
    np.testing.assert_allclose(shares.sum(1), 1.0)
    means, errors = bp.mean_shares(runs, 500.0, minima)
    np.testing.assert_allclose(means, shares.mean(0))
    assert (errors >= 0).all()
    _, alone = bp.mean_shares(runs[:1], 500.0, minima)
    np.testing.assert_array_equal(alone, 0.0)


def test_labels_of_a_method_that_is_the_model_change_nothing(
    runs: list[bp.Run], minima: ReferenceMinima, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_model(symbols: object, positions: np.ndarray, level: PySCFLevel) -> float:
        return float(predict(MODEL, positions[None])[0][0]) + 77.0

    monkeypatch.setattr(bp, "labelled_energy", by_model)
    said: list[str] = []
    labels = bp.labelled_frames(runs, 500.0, minima, wanted=3, level=PySCFLevel(dispersion=False), say=said.append)
    assert np.bincount(labels["basins"]).max() <= 3
    assert said[-1] == f"500 K: {len(labels['energies'])} of {len(labels['energies'])} reference energies"
    found = bp.reference_populations(labels, runs, 500.0, minima, MODEL)
    assert found.spread == pytest.approx(0.0, abs=1e-6)
    sampled = bp.run_shares(runs, 500.0, minima).mean(0) * [bool((labels["basins"] == i).any()) for i in (0, 1)]
    np.testing.assert_allclose(found.populations, sampled / sampled.sum(), atol=1e-9)
    higher = {**labels, "energies": labels["energies"] + (labels["basins"] == 0) * BOLTZMANN * 500.0}
    assert bp.reference_populations(higher, runs, 500.0, minima, MODEL).populations[0] <= found.populations[0] + 1e-9


def test_the_table_has_the_reference_first_and_each_model_with_what_was_sampled(
    runs: list[bp.Run], minima: ReferenceMinima
) -> None:
    saved = SavedModel(MODEL, None, {"errors": [1.234, 5.678], "kernels": ["a sentence."]})
    bare = bp.SampledModel("harmonic", saved, [], {})
    found = bp.population_table([bare, replace(bare, name="class2", runs=runs)], minima, (300.0, 500.0), "4 ps")
    reference, first, second = found.rows
    assert reference == ["**reference**", "", f"0.00 / {2.0 / KCAL_MOL:.2f}", "", "", ""]
    assert first[:2] == ["harmonic", "1.23 / 5.68"]
    assert first[3:] == ["", "", ""]
    assert second[-1] == "2 × 4 ps"
    assert "±" in second[3]
    assert list(found.shares) == ["class2"]
    assert found.remarks == ["harmonic: a sentence.", "class2: a sentence."]


def test_cells() -> None:
    assert bp.share_cell(np.array([0.5, 0.25]), np.array([0.1, 0.0])) == "50 ± 10 / 25 ± 0"
