"""label_votes.csv, and what its votes mean for a list of classes."""

from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.index.label_votes import LabelVotes, read_votes, write_votes
from ampnet.errors import DataError

CLASSES = ("fear", "anger", "neutral")
COLUMNS = ("neutral", "anger", "contempt", "unknown", "no_face")  # nobody could vote for fear


def votes(*rows: list[float]) -> LabelVotes:
    return LabelVotes(COLUMNS, np.array(rows, dtype=np.float32))


def test_votes_come_back_by_name_in_the_order_asked_for(tmp_path: Path) -> None:
    write_votes(tmp_path / "v.csv", ("fear", "no_face"), [("a.jpg", (1, 9)), ("b.jpg", (2.5, 0)), ("gone.jpg", (7, 7))])
    assert (tmp_path / "v.csv").read_text() == "name,fear,no_face\na.jpg,1,9\nb.jpg,2.5,0\ngone.jpg,7,7\n"
    found = read_votes(tmp_path / "v.csv", ["b.jpg", "a.jpg", "a+2.jpg"])
    assert found.columns == ("fear", "no_face")
    assert found.counts.tolist() == [[2.5, 0], [1, 9], [0, 0]]  # a second face has no votes
    assert found.subset(np.array([1])).counts.tolist() == [[1, 9]]


def test_votes_are_put_into_the_order_of_the_classes() -> None:
    assert votes([5, 3, 1, 1, 0]).on_classes(CLASSES).tolist() == [[0, 3, 5]]


def test_shares_are_those_of_the_votes_on_the_classes() -> None:
    labels = np.array([0, 2])
    found = votes([6, 2, 1, 1, 0], [0, 3, 0, 0, 7]).distribution(CLASSES, labels)
    assert found.tolist() == [[0, 0.25, 0.75], [0, 1, 0]]
    assert found.dtype == np.float32


def test_fewer_than_three_votes_on_the_classes_leave_the_label() -> None:
    labels = np.array([0, 1, 2])
    found = votes([1, 1, 8, 0, 0], [0, 0, 0, 0, 0], [1, 2, 0, 0, 0]).distribution(CLASSES, labels)
    assert found[:2].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert np.allclose(found[2], [0, 2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("row", "majority"),
    [
        ([6, 4, 0, 0, 0], 2),
        ([5, 5, 0, 0, 0], -1),  # half is not more than half
        ([5, 0, 5, 0, 0], -1),  # contempt counts, though it is no class here
        ([5, 0, 0, 4, 0], 2),
        ([5, 0, 0, 3, 3], -1),
        ([0, 0, 9, 1, 0], -1),
        ([0, 0, 0, 0, 0], -1),
        ([0, 1, 0, 0, 0], 1),
    ],
)
def test_a_majority_is_more_than_half_of_all_votes(row: list[float], majority: int) -> None:
    assert votes(row).majority(CLASSES).tolist() == [majority]


def test_an_image_is_called_no_face_by_more_people_than_anything_else() -> None:
    found = votes([0, 0, 0, 0, 10], [3, 3, 0, 0, 4], [4, 2, 0, 0, 4], [0, 0, 0, 6, 4], [0, 0, 0, 0, 0])
    assert found.calls_no_face().tolist() == [True, True, False, False, False]
    assert LabelVotes(("fear", "anger"), np.zeros((2, 2), np.float32)).calls_no_face().tolist() == [False, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a column name"),
        ("name,fear\na.jpg,1\n", "expected a column name"),
        ("file,fear,anger\na.jpg,1,2\n", "expected a column name"),
        ("name,fear,fear\na.jpg,1,2\n", "expected a column name"),
        ("name,fear,anger\na.jpg,1\n", "line 2: expected 3 cells, got 2"),
        ("name,fear,anger\na.jpg,1,many\n", "cannot read .*many"),
        ("name,fear,anger\na.jpg,1,-2\n", "numbers of at least 0"),
        ("name,fear,anger\na.jpg,1,nan\n", "numbers of at least 0, those for a.jpg are not"),
        ("name,fear,anger\na.jpg,1,inf\n", "numbers of at least 0"),
        ("name,fear,anger\na.jpg,1,1e300\n", "numbers of at least 0"),
        (f"name,fear,anger\na.jpg,1,{'9' * 5_000}\n", "numbers of at least 0"),
        (f"name,fear,anger\na.jpg,1,{'x' * 200_000}\n", "field larger than field limit"),
        (f"name,{','.join(map(str, range(1_000)))}\n", "expected a column name"),
        ("name,fear,anger\n\x00", "not UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_the_cure(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "v.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        read_votes(tmp_path / "v.csv", ["a.jpg"])
    with pytest.raises(DataError, match="run prepare again"):
        read_votes(tmp_path / "missing.csv", ["a.jpg"])
