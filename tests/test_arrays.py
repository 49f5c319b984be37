import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hybridff import arrays
from hybridff.arrays import names_of_arrays, numbers_in, read_arrays, text_in
from hybridff.errors import InputError


def lying(path: Path, shape: str, dtype: str = "<f8") -> Path:
    """An npz file whose array claims a shape that it does not have."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(80)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    return path


def test_arrays_come_back_as_they_were_written(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.eye(3), y=np.array("Ä text"), z=np.asfortranarray(np.ones((2, 3))))
    found = read_arrays(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["x"], np.eye(3))
    assert found["z"].shape == (2, 3)
    assert text_in(found, "y") == "Ä text"
    assert text_in(found, "x") == text_in(found, "none") == ""
    assert list(read_arrays(tmp_path / "a.npz", ("y", "none"))) == ["y"]
    assert names_of_arrays(tmp_path / "a.npz") == ("x", "y", "z")


@pytest.mark.parametrize("shape", ["(999999999999,)", "(3, 99999999, 99999999)", "(-1,)", "(4, 0.5)"])
def test_a_header_that_claims_more_than_the_file_has_is_refused_before_anything_is_read(tmp_path: Path, shape: str):
    with pytest.raises(InputError, match=r"which the file does not hold|is not an npz file that can be read"):
        read_arrays(lying(tmp_path / "a.npz", shape))


def test_numbers_without_size_are_counted_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which the file does not hold"):
        read_arrays(lying(tmp_path / "a.npz", "(999999999999,)", "<U0"))


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(2**20), small=np.ones(3))
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    monkeypatch.setattr(arrays, "LARGEST_ARRAYS", 2**20)
    with pytest.raises(InputError, match=r"its arrays would take 0\.00781 GiB of memory"):
        read_arrays(tmp_path / "a.npz")
    assert read_arrays(tmp_path / "a.npz", ("small",))["small"].tolist() == [1, 1, 1]


def test_python_objects_are_refused_where_they_are_wanted_and_left_alone_elsewhere(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object), y=np.ones(2))
    with pytest.raises(InputError, match="'x' holds pickled Python objects, which are not read because they"):
        read_arrays(tmp_path / "a.npz")
    assert list(read_arrays(tmp_path / "a.npz", ("y",))) == ["y"]


def test_what_is_no_plain_archive_of_arrays_is_refused(tmp_path: Path) -> None:
    written = io.BytesIO()
    np.save(written, np.ones(2))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", written.getvalue())
    with pytest.raises(InputError, match="compressed in an unusual way"):
        read_arrays(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("a.npy", written.getvalue())
        archive.writestr("a", written.getvalue())
    with pytest.raises(InputError, match="two arrays of the name 'a'"):
        read_arrays(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", t=np.array(["2020-01-01"], dtype="datetime64[D]"))
    with pytest.raises(InputError, match=r"'t' is of the type datetime64\[D\]"):
        read_arrays(tmp_path / "c.npz")
    for code in (0xD800, 0x110000):  # half a character, and a number beyond all characters
        np.savez(tmp_path / "d.npz", t=np.array([code], dtype=np.uint32).view("<U1"))
        with pytest.raises(InputError, match="the text 't' has characters that are none"):
            read_arrays(tmp_path / "d.npz")


def test_a_name_in_the_archive_is_never_a_path(tmp_path: Path) -> None:
    written = io.BytesIO()
    np.save(written, np.ones(2))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("../../evil.npy", written.getvalue())
    assert list(read_arrays(tmp_path / "a.npz")) == ["../../evil"]
    assert [path.name for path in tmp_path.parent.rglob("evil*")] == []


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 2)), r"'x' has the shape \(2, 2\), not n × 3"),
        (np.full((2, 3), np.nan), "'x' is not of finite numbers"),
        (np.array([["a", "b", "c"]]), "'x' is not of finite numbers"),
    ],
)
def test_numbers_of_another_shape_or_kind_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        numbers_in("f.npz", {"x": array}, "x", (None, 3))
    with pytest.raises(InputError, match="it has no 'y'"):
        numbers_in("f.npz", {"x": array}, "y", ())
