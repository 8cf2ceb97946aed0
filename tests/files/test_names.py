"""File names in tables: any name becomes one line of UTF-8, and comes back as it was."""

import os

import pytest

from ampnet.files.names import is_text, path_as_text, path_of_text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain/happy.jpg", "plain/happy.jpg"),
        ("fröhlich/笑.jpg".encode(), "fröhlich/笑.jpg"),
        ("3.45\u202fPM.png".encode(), "3.45\u202fPM.png"),  # the narrow space of macOS's screenshots is a character
        ("fröhlich.jpg".encode("latin-1"), r"fr\xf6hlich.jpg"),
        (b"a\nampnet: done\x1b[2J.jpg", r"a\u000aampnet: done\u001b[2J.jpg"),
        (b"back\\slash.jpg", r"back\\slash.jpg"),
        (rb"not an escape \xf6.jpg", r"not an escape \\xf6.jpg"),
        ("\x85\u2028".encode(), r"\u0085\u2028"),
    ],
)
def test_a_name_is_written_with_escapes_that_can_be_read_back(name: bytes, text: str) -> None:
    written = path_as_text(os.fsdecode(name))
    assert written == text
    assert len(written.encode("utf-8").splitlines()) == 1
    assert is_text(written)
    assert os.fsencode(path_of_text(written)) == name


def test_every_byte_comes_back() -> None:
    name = bytes(range(1, 256))
    assert os.fsencode(path_of_text(path_as_text(os.fsdecode(name)))) == name


def test_no_two_names_are_written_alike() -> None:
    names = [b"\xf6", rb"\xf6", rb"\\xf6", "ö".encode(), b"\n", rb"\n", rb"\u000a"]
    assert len({path_as_text(os.fsdecode(name)) for name in names}) == len(names)
