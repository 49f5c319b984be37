from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import distorted, molecule

from hybridff.errors import InputError
from hybridff.frames.label_folder import CONTENTS, Contents, LabelFolder
from hybridff.frames.reading import read_frames
from hybridff.jobs.provenance import provenance

ETHANOL = molecule("ethanol")
CONTENTS_OF_ETHANOL = Contents(
    level="some",
    options={},
    settings="Some level",
    theory="Some level (version 1)",
    name="ethanol",
    smiles=ETHANOL.smiles,
    numbers=tuple(ETHANOL.numbers.tolist()),
    charge=0,
)
FRAMES = distorted("ethanol", 4)


def filled(path: Path) -> LabelFolder:
    """A folder whose labels are energies 0, 1, 2 … and twice the positions as forces."""
    folder = LabelFolder.opened(path, CONTENTS_OF_ETHANOL)
    for number, frame in enumerate(FRAMES):
        folder.write(folder.key(frame), frame, float(number), 2 * frame)
    return folder


def test_labels_are_read_as_frames(tmp_path: Path) -> None:
    folder = filled(tmp_path / "new" / "labels")
    folder.write_failure("failed", FRAMES[0], ["why"])
    (folder.path / ".part.npz").write_text("half a label", encoding="utf-8")
    found = read_frames(folder.path)
    order = np.argsort(found.energies)
    np.testing.assert_allclose(found.energies[order], np.arange(4.0))
    np.testing.assert_allclose(found.positions[order], FRAMES, rtol=1e-14)
    assert found.forces is not None
    np.testing.assert_allclose(found.forces, 2 * found.positions, rtol=1e-14)
    assert found.smiles == ETHANOL.smiles
    assert (found.name, found.theory) == ("ethanol", "Some level (version 1)")
    assert folder.reasons("failed") == ("why",)
    (folder.path / "odd.failed.json").write_text("[" * 100_000, encoding="utf-8")
    assert folder.reasons("odd") == ("unknown",)
    (folder.path / "odd.failed.json").unlink()
    keys, failed = folder.done()
    assert (len(keys), failed) == (4, {"failed"})


def test_a_key_is_of_geometry_and_level(tmp_path: Path) -> None:
    folder = LabelFolder.opened(tmp_path / "a", CONTENTS_OF_ETHANOL)
    other = LabelFolder.opened(tmp_path / "b", replace(CONTENTS_OF_ETHANOL, settings="Another"))
    key = folder.key(FRAMES[0])
    assert key == folder.key(FRAMES[0] + 1e-10)
    assert len({key, folder.key(FRAMES[1]), other.key(FRAMES[0]), folder.key(FRAMES[0] + 1e-7)}) == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"numbers": (8, 1, 1), "name": "water"}, "labels of ethanol, whose elements are not those of water"),
        ({"charge": 1}, "labels of the charge 0, not 1"),
        ({"settings": "Another"}, "labels of Some level, not Another"),
    ],
)
def test_labels_of_something_else_do_not_go_into_a_folder(change: dict, sentence: str, tmp_path: Path) -> None:
    LabelFolder.opened(tmp_path, CONTENTS_OF_ETHANOL)
    LabelFolder.opened(tmp_path, replace(CONTENTS_OF_ETHANOL, theory="Some level (version 2)"))
    with pytest.raises(InputError, match=sentence):
        LabelFolder.opened(tmp_path, replace(CONTENTS_OF_ETHANOL, **change))


def test_a_folder_cannot_name_another_class_for_the_same_level(tmp_path: Path) -> None:
    wanted = replace(CONTENTS_OF_ETHANOL, level="package:Class")
    LabelFolder.opened(tmp_path, replace(wanted, level="other:Class"))
    with pytest.raises(InputError, match="has labels of the level other:Class with other options, not package:Class"):
        LabelFolder.opened(tmp_path, wanted)


def test_what_is_no_folder_of_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path, sentence in [(tmp_path / "file", "a file of that name exists"), (tmp_path, "is not empty")]:
        with pytest.raises(InputError, match=sentence):
            LabelFolder.opened(path, CONTENTS_OF_ETHANOL)
    LabelFolder.opened(tmp_path / "labels", CONTENTS_OF_ETHANOL)
    with pytest.raises(InputError, match="no frame has a label yet"):
        read_frames(tmp_path / "labels")
    for text in ("{}", "[]", "half {", '{"format": "hybridff labels 1", "numbers": 3}'):
        (tmp_path / "labels" / CONTENTS).write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="no folder of labels"):
            read_frames(tmp_path / "labels")


def test_the_provenance_of_a_folder_is_that_of_its_labels(tmp_path: Path) -> None:
    folder = filled(tmp_path / "labels")
    before = provenance([folder.path])["inputs"]
    folder.write(folder.key(FRAMES[0]), FRAMES[0], 0.0, 2 * FRAMES[0], seconds=12.0)  # computed again
    assert before == provenance([folder.path])["inputs"]
    folder.write("another", FRAMES[0] + 1.0, 5.0, FRAMES[0])
    assert before != provenance([folder.path])["inputs"]
