"""Damaged files of every kind: a result, or one sentence; ``run_fuzz.py`` does the same for as long as wanted."""

import os
from pathlib import Path

import pytest
from readers import READERS, good_file, outcome

TIMES = int(os.environ.get("HYBRIDFF_FUZZ_TIMES", "1"))
"""How many times as many damaged files as usual."""


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    content = good_file(name, tmp_path)
    found = [outcome(name, content, number, tmp_path) for number in range(TIMES * READERS[name].cases)]
    assert "refused" in found or READERS[name].forgives
