import os
from pathlib import Path

import pytest

from ampnet.files.printable import free_name, is_text, one_line, path_as_text, path_of_text, printable


@pytest.mark.parametrize("text", ["photo.jpg", "Zoë", "笑顔.png", "C:\\photos", "a b", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nampnet: done", r"a\nampnet: done"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("fdp.\u202egpj", r"fdp.\u202egpj"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        (Path(os.fsdecode(b"caf\xe9.jpg")), r"caf\xe9.jpg"),
        (b"caf\xe9", r"caf\xe9"),
    ],
)
def test_what_would_disturb_a_terminal_is_escaped(text: object, expected: str) -> None:
    assert printable(text) == expected
    printable(text).encode()


def test_long_text_loses_its_middle() -> None:
    text = printable("start" + "x" * 10_000 + "end")
    assert len(text) == 200
    assert text.startswith("startx")
    assert text.endswith("xend")
    assert "..." in text


@pytest.mark.parametrize("text", ["Zoë", "笑顔.png", "a\u3000b", "12.00\u202fPM.png", "fdp.\u202egpj", "x" * 5000, ""])
def test_a_name_that_fits_on_a_line_stays_whole(text: str) -> None:
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\r\t\x1b\x85", r"a\nb\r\t\x1b\x85"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        (Path(os.fsdecode(b"caf\xe9\n.jpg")), r"caf\xe9\n.jpg"),
        (b"\xff", r"\xff"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_not_fit_on_a_line_of_utf8_is_escaped(text: object, expected: str) -> None:
    assert one_line(text) == expected
    assert len(one_line(text).encode().decode().splitlines()) == 1


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


def test_names_that_are_wanted_again_get_numbers_past_those_that_files_have_of_their_own() -> None:
    taken: dict[Path, int] = {}
    wanted = ("a.jpg", "a.jpg", "a-3.jpg", "a.png", "a-2.jpg", "a.jpg")
    names = [free_name(Path("out", name), "", ".jpg", taken).name for name in wanted]
    assert names == ["a.jpg", "a-2.jpg", "a-3.jpg", "a-4.jpg", "a-2-2.jpg", "a-5.jpg"]


def test_a_name_that_is_wanted_a_thousand_times_is_not_looked_for_from_the_beginning_each_time() -> None:
    class Taken(dict[Path, int]):
        looks = 0

        def __contains__(self, name: object) -> bool:
            self.looks += 1
            return super().__contains__(name)

    taken = Taken()
    for _ in range(1000):
        free_name(Path("out/face.jpg"), "", ".jpg", taken)
    assert taken.looks == 1 + 999 * 2  # the name itself, then the next number
