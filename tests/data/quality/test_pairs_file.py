"""duplicates.csv, of check and of anybody."""

from pathlib import Path

import pytest

from ampnet.data.quality.pairs_file import COLUMNS, CopyPair, read_pairs, write_pairs
from ampnet.errors import DataError

PAIR = CopyPair(("a.jpg", "b.jpg"), ("train", "test"), ("fear", "joy"), 0.95, False)


def test_pairs_come_back_as_written(tmp_path: Path) -> None:
    exact = CopyPair(("a.jpg", "c.jpg"), ("train", "train"), ("fear", "fear"), 1.0, True)
    write_pairs(tmp_path / "pairs.csv", [PAIR, exact])
    assert read_pairs(tmp_path / "pairs.csv") == [PAIR, exact]


def test_without_the_last_column_similarity_one_is_a_copy_of_the_file(tmp_path: Path) -> None:
    rows = "a.jpg,b.jpg,train,test,fear,joy,0.95\na.jpg,c.jpg,train,train,fear,fear,1.0000\n"
    (tmp_path / "pairs.csv").write_text(f"{','.join(COLUMNS[:-1])}\n{rows}")
    assert [pair.exact for pair in read_pairs(tmp_path / "pairs.csv")] == [False, True]


@pytest.mark.parametrize("cells", ["nan,0", "inf,0", "2,0", "0.95,7", "0.95,nan", "x,0", "0.95", f"{'9' * 5_000},0"])
def test_other_numbers_are_refused(tmp_path: Path, cells: str) -> None:
    (tmp_path / "pairs.csv").write_text(f"{','.join(COLUMNS)}\na.jpg,b.jpg,train,test,fear,joy,{cells}\n")
    with pytest.raises(DataError, match=r"pairs\.csv, line 2: .*; run `ampnet check` again"):
        read_pairs(tmp_path / "pairs.csv")
