"""faces.csv: what prepare wrote comes back, and what it would not write is refused."""

from pathlib import Path

import pytest

from ampnet.dataset.index.faces_table import COLUMNS, FaceRow, read_faces, write_faces, write_failures
from ampnet.errors import DataError
from ampnet.files.printable import path_as_text


def test_face_rows_come_back_as_written_whatever_the_file_is_called(tmp_path: Path) -> None:
    rows = [
        FaceRow(
            "a.jpg",
            path_as_text('it\'s "odd", really\n\udcff\\ ü\u202f表.jpg'),
            "train",
            "joy, or so",
            "detected",
            "",
            0.5,
            (1.5, 2, 3, 4),
            2,
            9,
            8,
            "id1",
            ("equalised", "few-tones"),
            127.25,
            74.5,
        ),
        FaceRow("", "b.jpg", "", "x", "rejected", "not an image"),
    ]
    write_faces(tmp_path / "faces.csv", rows)
    assert list(read_faces(tmp_path / "faces.csv")) == rows
    assert len((tmp_path / "faces.csv").read_text(encoding="utf-8").splitlines()) == 3  # each row is one line of UTF-8
    write_failures(tmp_path / "err.csv", rows)
    assert (tmp_path / "err.csv").read_text() == "source,reason\nb.jpg,not an image\n"


def test_the_bytes_of_an_earlier_version_are_read_as_escapes(tmp_path: Path) -> None:
    row = b"a.jpg,fr\xf6h/\xfc.png,train,fear,detected,,0.9,1 2 3 4,1,48,48,,,,\n"
    (tmp_path / "faces.csv").write_bytes(",".join(COLUMNS).encode() + b"\n" + row)
    assert next(read_faces(tmp_path / "faces.csv")).source == r"fr\xf6h/\xfc.png"


def test_faces_csv_of_an_earlier_version_has_no_traits(tmp_path: Path) -> None:
    columns = "name,source,split,class,status,reason,score,box,faces,width,height,subject\n"
    (tmp_path / "faces.csv").write_text(columns + "a.jpg,a.png,train,fear,detected,,0.9,1 2 3 4,1,48,48,\n")
    (row,) = read_faces(tmp_path / "faces.csv")
    assert (row.width, row.traits, row.grey_mean, row.grey_spread) == (48, (), None, None)


GOOD = dict(
    zip(
        COLUMNS,
        ("a.jpg", "a.png", "train", "fear", "detected", "", "0.9", "1 2 3 4", "1", "48", "48", "", "", "127", "70"),
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("name", "../a.jpg", r"the name '\.\./a\.jpg' is not that of a file in dataset/"),
        ("name", "/home/me/a.jpg", "is not that of a file"),
        ("name", "sub/a.jpg", "is not that of a file"),
        ("name", "..", "is not that of a file"),
        ("name", "a\x00.jpg", r"is not that of a file|not UTF-8|NUL"),
        ("name", "\x1b[2J/.jpg", r"the name '\\x1b\[2J/\.jpg'"),
        ("name", "x" * 100_000, r"the name 'x+\.\.\.x+'"),
        ("status", "found", "unknown status 'found'"),
        ("score", "nan", "expected a number from 0 to 1"),
        ("score", "2", "expected a number from 0 to 1"),
        ("box", "1 2 3", "not enough values"),
        ("box", "1 2 3 nan", "is not finite"),
        ("box", "1 2 -inf inf", "is not finite"),
        ("faces", "one", "invalid literal"),
        ("width", "9" * 5_000, "limit"),
        ("grey_mean", "nan", "expected a number from 0 to 255"),
        ("grey_spread", "-1", "expected a number from 0 to 255"),
    ],
)
def test_a_row_that_prepare_does_not_write_is_refused(tmp_path: Path, column: str, cell: str, reason: str) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{','.join(GOOD.values())}\n{','.join({**GOOD, column: cell}.values())}\n")
    rows = read_faces(path, "ask the owner")
    with pytest.raises(DataError, match=rf"faces\.csv.*({reason}).*; ask the owner") as refused:
        list(rows)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < len(str(path)) + 300


@pytest.mark.parametrize("content", ["", "name,source\na.jpg,a.png\n", f"{','.join(COLUMNS)}\na.jpg\n", "[" * 200_000])
def test_a_table_of_another_form_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "faces.csv").write_text(content)
    with pytest.raises(DataError, match=r"faces\.csv.*; run prepare again"):
        list(read_faces(tmp_path / "faces.csv"))
