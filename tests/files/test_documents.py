"""Documents of the outside world are read within bounds, or refused in one line."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

from ampnet.errors import DataError
from ampnet.files.documents import MAX_LINE, csv_rows, csv_table, number_of, read_json, short, text_lines


@dataclass(frozen=True)
class Example:
    name: str
    count: Annotated[int, Meta(ge=0, le=100)] = 0


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_json_is_read_by_its_schema(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", b'\xef\xbb\xbf{"name": "Zo\xc3\xab", "count": 3, "other": [1, {}]}')
    assert read_json(path, Example, "cure") == Example("Zoë", 3)


def test_names_that_python_wrote_with_their_odd_bytes_come_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", rb'{"name": "caf\udce9"}')
    assert read_json(path, Example, "cure").name == os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"name": "a"', "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"name": "a", "deep": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "nested too deeply"),
        (b'{"name": "a", "count": ' + b"9" * 5_000 + b"}", "too many digits"),
        (b'{"name": "a", "count": ' + b"9" * 30 + b"}", "<= 100"),
        (b'{"name": "a", "count": -1}', ">= 0"),
        (b'{"name": "a", "count": 1.5}', "Expected `int`, got `float`"),
        (b'{"name": "a", "count": true}', "Expected `int`, got `bool`"),
        (b'{"name": "a", "count": NaN}', "Expected `int`, got `float`"),
        (b'{"name": 5}', "Expected `str`, got `int`"),
        (b"{}", "missing required field `name`"),
        (b'["name"]', "Expected `object`, got `array`"),
        (b'{"name": "caf\xe9"}', "not UTF-8"),
        (b'"' + b"x" * (4 << 20) + b'"', "more than the limit"),
    ],
)
def test_other_json_is_refused_with_its_reason_and_the_cure(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=re.escape(reason)) as refused:
        read_json(path, Example, "run it again")
    assert str(refused.value).endswith("; run it again")
    assert len(str(refused.value)) < len(str(path)) + 200


def test_a_pipe_is_no_document(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (lambda path: read_json(path, dict, "cure"), lambda path: list(text_lines(path))):
        with pytest.raises(DataError, match="it is a pipe"):
            read(tmp_path / "pipe")


def test_lines_keep_the_bytes_of_file_names(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\ncaf\xe9.jpg\n")
    assert list(text_lines(path, "surrogateescape")) == ["one\n", "caf\udce9.jpg\n"]
    with pytest.raises(DataError, match="not UTF-8 text"):
        list(text_lines(path))


def test_a_line_without_end_and_text_without_a_known_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2 has more than 1,048,576 characters"):
        list(text_lines(written(tmp_path / "a.txt", b"short\n" + b"x" * (MAX_LINE + 1))))
    with pytest.raises(DataError, match="not UTF-8 text"):
        list(text_lines(written(tmp_path / "b.txt", b"\0\0\0\0name label"), "surrogateescape"))


def test_utf_16_with_its_mark_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    assert list(text_lines(written(tmp_path / "a.txt", "name\tlabel\n".encode("utf-16")))) == ["name\tlabel\n"]


def test_csv_has_bounded_cells(tmp_path: Path) -> None:
    assert list(csv_rows(written(tmp_path / "a.csv", b'a,"b\nc"\r\n\r\nd,e\n'))) == [
        (2, ["a", "b\nc"]),
        (3, []),
        (4, ["d", "e"]),
    ]
    for number, content in enumerate((b"a,b\n" + b"x" * 200_000, b'a,b\n"' + b"x\n" * 100_000)):
        with pytest.raises(DataError, match=r"b\.csv, line \d+: field larger than field limit \(131072\)"):
            list(csv_rows(written(tmp_path / f"{number}b.csv", content)))


def test_a_table_gives_the_cells_of_its_columns_in_the_order_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"more,size,name\nx,1,a.jpg\n\ny,2,b.jpg\n")
    assert list(csv_table(path, ("name", "size", "new"), ("new",))) == [
        (2, ("a.jpg", "1", "")),
        (4, ("b.jpg", "2", "")),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "lacks the column name"),
        (b"name,length\na,1\n", "lacks the column size"),
        (b"name,size\na\n", "line 2: expected 2 cells, got 1"),
        (b"name,size\na,1\nb,2,3\n", "line 3: expected 2 cells, got 3"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=f"{reason}; run it again"):
        list(csv_table(written(tmp_path / "a.csv", content), ("name", "size"), cure="run it again"))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "9" * 5_000, "10.5", "-1", "", "ten"])
def test_a_number_lies_within_its_bounds(text: str) -> None:
    assert number_of("10", 0, 10) == 10
    with pytest.raises(ValueError, match=r"number|float"):
        number_of(text, 0, 10)


def test_quotations_are_short_and_printable() -> None:
    assert short("a\nb\x1b[2J") == r"a\nb\x1b[2J"
    assert len(short("x" * 10_000)) == 80
