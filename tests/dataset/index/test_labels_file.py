"""data_label.txt: labels within bounds, whatever a line says."""

import os
from pathlib import Path

import pytest

from ampnet.dataset.index.labels_file import read_labels
from ampnet.errors import DataError


def test_names_may_hold_blanks_and_lines_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "data_label.txt"
    path.write_bytes("\ufeff  a.jpg 12 \r\n\r\nb c.jpg\t0\n\x0c\nd.jpg 007".encode())
    names, labels = read_labels(path)
    assert (names, labels.tolist()) == (["a.jpg", "b c.jpg", "d.jpg"], [12, 0, 7])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("b.jpg 1000000000000", "line 2: the label 1000000000000 is above the maximum of 100"),
        ("b.jpg 101", "line 2: the label 101 is above the maximum of 100"),
        ("b.jpg " + "9" * 20, "line 2: the label 9+ is above the maximum of 100"),
        ("b.jpg " + "9" * 5_000, r"line 2: the label 9+\.\.\.9+ is above the maximum of 100"),
        ("b.jpg -1", "line 2: expected `name label`, got 'b.jpg -1'"),
        ("b.jpg nan", "line 2: expected `name label`"),
        ("b.jpg 1.0", "line 2: expected `name label`"),
        ("b.jpg \u0661", "line 2: expected `name label`"),  # a digit, but none of ours
        ("b.jpg", "line 2: expected `name label`"),
        ("x" * 100_000, r"got 'x+\.\.\.x+'"),
        ("\x1b[2Jb.jpg", r"got '\\x1b\[2Jb\.jpg'"),
        ("a.jpg 1", "a.jpg is listed twice"),
    ],
)
def test_a_line_that_is_no_name_and_label_is_quoted_in_short(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "data_label.txt"
    path.write_text(f"a.jpg 1\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=reason) as refused:
        read_labels(path)
    assert len(str(refused.value)) < len(str(path)) + 250


@pytest.mark.parametrize(("content", "reason"), [(b"caf\xe9.jpg 1\n", "not UTF-8"), (b"a\0b 1\n", "not UTF-8")])
def test_other_bytes_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "data_label.txt").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_labels(tmp_path / "data_label.txt")


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data_label.txt")
    with pytest.raises(DataError, match="it is a pipe"):
        read_labels(tmp_path / "data_label.txt")
