from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmark import benchmark_set

from hybridff.comparison import recipes
from hybridff.comparison.recipes import RECIPES, SGDML, SIX, StoredModels, sgdml_fits, train_sgdml
from hybridff.errors import InputError
from hybridff.frames.accuracy import evaluate
from hybridff.stability.gate import GateOptions

NO_GATE = GateOptions(gate="none")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredModels:
    monkeypatch.setattr(recipes, "VALIDATION", 20)
    monkeypatch.setattr(recipes, "RECIPES", {name: replace(how, gate=NO_GATE) for name, how in RECIPES.items()})
    return StoredModels(tmp_path / "models", benchmark_set(), 30)


def test_the_six_models_of_most_tables_have_recipes() -> None:
    assert set(SIX) <= set(RECIPES)
    assert RECIPES["class2 + kernel"].correction == "all"
    assert RECIPES["stock GAFF"].form is None


def test_folders_are_named_by_set_frames_and_recipe(kept: StoredModels) -> None:
    assert kept.path("class2 + n→π*").name == "ethanol-30-class2-n-pi-star"
    assert kept.file("stock GAFF", "scan.npz") == kept.folder / "ethanol-30-stock-GAFF-scan.npz"
    fewer = replace(kept, points=7)
    assert fewer.path("class2 + kernel").name == "ethanol-30-class2-kernel-7-points"
    assert fewer.path("class2").name == "ethanol-30-class2"


def test_a_model_is_made_once_with_its_errors_on_unseen_frames(kept: StoredModels) -> None:
    said: list[str] = []
    kept = replace(kept, say=said.append)
    assert not kept.has("harmonic")
    first = kept.model("harmonic")
    assert kept.has("harmonic")
    again = kept.model("harmonic")
    assert said == ["ethanol, harmonic: fit"]
    np.testing.assert_array_equal(first.force_field.parameter_table.values, again.force_field.parameter_table.values)
    stock, fitted = (kept.model(name).provenance["errors"][1] for name in ("stock GAFF", "harmonic"))
    assert fitted < stock


def test_sgdml_is_a_kernel_without_terms(kept: StoredModels) -> None:
    model = kept.force_field(SGDML)
    assert len(model.table.products) == 0
    assert [len(term.atoms) for term in model.corrections] == [9]


def test_the_length_scale_is_the_one_that_validates_best(monkeypatch: pytest.MonkeyPatch) -> None:
    data = benchmark_set()
    train, validation = data.frames.subset(np.arange(30)), data.frames.subset(np.arange(30, 50))
    best = train_sgdml(data, train, validation)
    assert best is not None
    for width in recipes.WIDTHS[::2]:
        monkeypatch.setattr(recipes, "WIDTHS", (width,))
        own = train_sgdml(data, train, validation)
        assert own is not None
        found, limit = (evaluate(term, validation).force_rmse for term in (best, own))
        assert found is not None
        assert limit is not None
        assert found <= limit


def test_what_does_not_fit_into_memory_is_no_model(kept: StoredModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "most_rows", lambda device: 30 * 21 - 1)
    assert sgdml_fits(9, 29)
    assert not sgdml_fits(9, 30)
    with pytest.raises(InputError, match="sgdml with 30 frames does not fit into memory"):
        kept.model(SGDML)
