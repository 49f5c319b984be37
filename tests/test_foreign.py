import os
from pathlib import Path

import pytest

from hybridff.errors import InputError, MissingProgramError
from hybridff.foreign import check_file, nesting, printable, read_json, read_text, read_toml, reading


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("POINTERS"), "f: this is not a thing that can be read ('POINTERS' is missing); mend it."),
        (IndexError("list index"), "f: this is not a thing that can be read (list index); mend it."),
        (ZeroDivisionError(), "f: this is not a thing that can be read (ZeroDivisionError); mend it."),
        (RecursionError("maximum"), "f: this is not a thing that can be read (it is nested too deeply); mend it."),
        (MemoryError(), "f: what the file says it holds does not fit into memory; mend it."),
        (OSError(13, "Permission denied"), "f: the file cannot be read (permission denied)."),
        (ValueError("two\nlines\x00"), "f: this is not a thing that can be read (two); mend it."),
    ],
)
def test_what_a_library_throws_becomes_one_sentence(error: Exception, sentence: str) -> None:
    with pytest.raises(InputError) as caught, reading("f", "a thing", "mend it"):
        raise error
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "error", [InputError("as it is"), MissingProgramError("as it is"), KeyboardInterrupt("as it is")]
)
def test_sentences_of_our_own_and_interruptions_pass(error: BaseException) -> None:
    with pytest.raises(type(error), match="as it is"), reading("f", "a thing", "mend it"):
        raise error


def test_text_is_utf_8_or_latin_1_where_the_format_is_ascii(tmp_path: Path) -> None:
    path = tmp_path / "a.sdf"
    path.write_bytes("\ufeffMüller\r\n".encode())
    assert read_text(path) == "Müller\n"
    path.write_bytes("Müller".encode("latin-1"))
    assert read_text(path, any_encoding=True) == "Müller"
    with pytest.raises(InputError, match="cannot be read as text"):
        read_text(path)
    path.write_bytes(b"\xfc\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_text(path, any_encoding=True)


def test_what_is_no_file_or_too_large_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        check_file(tmp_path)
    with pytest.raises(InputError, match="there is no such file"):
        check_file(tmp_path / "none")
    with pytest.raises(InputError, match="there is no such file"):
        check_file("a\0b")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a device or a pipe"):
        check_file(tmp_path / "pipe")
    (tmp_path / "a").write_bytes(bytes(2_000_000))
    with pytest.raises(InputError, match="the file has 2 MiB, and of its kind at most 1 MiB are read"):
        check_file(tmp_path / "a", 2**20)


def test_json_and_toml_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for text, reason in (("[" * 10**5, "nested too deeply"), ("[NaN]", "it has NaN"), ("[1e999]", "is too large")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=reason):
            read_json(path, "a thing", "mend it")
    path.write_text("a = " + "[" * 10**4, encoding="utf-8")
    with pytest.raises(InputError, match="is no TOML file: "):
        read_toml(path)


def test_brackets_are_counted() -> None:
    assert nesting("(()(()))", "(", ")") == 3
    assert nesting("))((", "(", ")") == 2
    assert printable("a\x1bé") == "a?é"
