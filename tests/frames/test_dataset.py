import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames

WATER = "[O:1]([H:2])[H:3]"
EXACT = 1e-14  # one multiplication and one division in double precision


def frames(count: int = 10) -> Frames:
    random = np.random.default_rng(0)
    return Frames(
        numbers=np.array([8, 1, 1]),
        positions=random.normal(size=(count, 3, 3)),
        energies=random.normal(size=count),
        forces=random.normal(size=(count, 3, 3)),
        name="water",
        smiles=WATER,
        theory="PBE/def2-SVP",
        source="made up",
    )


def test_what_is_written_is_read_back(tmp_path):
    original = frames()
    original.write(tmp_path / "a.npz")
    read = read_frames(tmp_path / "a.npz")
    np.testing.assert_allclose(read.positions, original.positions, rtol=EXACT)
    np.testing.assert_allclose(read.energies, original.energies, rtol=EXACT)
    np.testing.assert_allclose(read.forces, original.forces, rtol=EXACT)
    assert (read.name, read.smiles, read.theory, read.source) == ("water", WATER, "PBE/def2-SVP", "made up")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    frames().write(tmp_path / "a.npz")
    before = (tmp_path / "a.npz").read_bytes()

    def stop(*_args, **_arrays):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", stop)
    with pytest.raises(KeyboardInterrupt):
        frames(3).write(tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(InputError, match=r"the folder .*none does not exist; make it first"):
        frames().write(tmp_path / "none" / "a.npz")


def test_a_split_covers_all_frames_once_and_is_the_same_for_the_same_seed():
    split = frames().split(4, 3, seed=7)
    assert [len(rows) for rows in split] == [4, 3, 3]
    assert sorted(np.concatenate(split).tolist()) == list(range(10))
    np.testing.assert_array_equal(frames().split(4, 3, seed=7).train, split.train)
    assert frames().split(4, 3, seed=8).train.tolist() != split.train.tolist()


@pytest.mark.parametrize(("train", "validation"), [(0, 1), (-1, 0), (5, -1), (8, 3), (11, 0)])
def test_a_split_that_is_impossible_is_refused(train, validation):
    with pytest.raises(InputError):
        frames().split(train, validation)


def test_a_subset_takes_indices_or_a_mask():
    rows = frames().subset(np.array([3, 1]))
    np.testing.assert_array_equal(rows.energies, frames().energies[[3, 1]])
    assert len(frames().subset(frames().energies > 0)) == np.sum(frames().energies > 0)


def test_data_without_an_atom_mapped_smiles_have_no_molecule():
    with pytest.raises(InputError, match="carries no SMILES"):
        Frames(np.array([1]), np.zeros((1, 1, 3)), np.zeros(1), None).molecule()
    with pytest.raises(InputError, match="no atom map"):
        Frames(np.array([8, 1, 1]), np.zeros((1, 3, 3)), np.zeros(1), None, smiles="O").molecule()
