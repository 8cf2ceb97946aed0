import os
from pathlib import Path

import pytest

from ampnet.media.printable import printable


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
