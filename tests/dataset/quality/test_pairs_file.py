"""duplicates.csv keeps what check found, and tells which images have a copy elsewhere."""

from pathlib import Path

import pytest

from ampnet.dataset.quality.pairs_file import COLUMNS, CopyPair, copies_of, read_pairs, write_pairs
from ampnet.errors import DataError

FORMER = "first,second,first_split,second_split,first_class,second_class,similarity\n"


def pair(first, second, exact=True):
    return CopyPair((first, second), ("test", "train"), ("fear", "joy"), 1.0 if exact else 0.95, exact)


def test_pairs_come_back_as_they_were_written(tmp_path):
    pairs = [pair("a", "b"), pair("c", "d", exact=False)]
    write_pairs(tmp_path / "duplicates.csv", pairs)
    assert read_pairs(tmp_path / "duplicates.csv") == pairs


def test_in_a_file_of_an_earlier_version_similarity_1_means_exact(tmp_path):
    (tmp_path / "d.csv").write_text(f"{FORMER}a,b,test,train,fear,joy,1.0000\nc,d,test,train,fear,joy,0.9731\n")
    assert [found.exact for found in read_pairs(tmp_path / "d.csv")] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "first,second\na,b\n",
        "no csv",
        f"{FORMER}a,b,c,d,e,f,much\n",
    ],
)
def test_a_damaged_file_names_the_command_that_makes_it(tmp_path, text):
    (tmp_path / "d.csv").write_text(text + "\n")
    with pytest.raises(DataError, match="run `ampnet check` again"):
        read_pairs(tmp_path / "d.csv")


def test_copies_are_found_directly_and_through_further_copies():
    pairs = [pair("t1", "x1"), pair("t2", "t3"), pair("t3", "x2"), pair("t4", "x3", exact=False), pair("t5", "t6")]
    found = copies_of(pairs, ["t1", "t2", "t3", "t4", "t5", "t6", "t7"], ["x1", "x2", "x3", "x4"])
    assert found.tolist() == ["exact", "exact", "exact", "near", "", "", ""]


def test_an_exact_copy_of_a_near_copy_is_a_near_copy():
    assert copies_of([pair("t1", "t2"), pair("t2", "x", exact=False)], ["t1"], ["x"]).tolist() == ["near"]


def test_without_pairs_there_are_no_copies():
    assert copies_of([], ["a", "b"], ["c"]).tolist() == ["", ""]


@pytest.mark.parametrize("cells", ["nan,0", "inf,0", "2,0", "0.95,7", "0.95,nan", "x,0", "0.95", f"{'9' * 5_000},0"])
def test_other_numbers_are_refused(tmp_path: Path, cells: str) -> None:
    (tmp_path / "pairs.csv").write_text(f"{','.join(COLUMNS)}\na.jpg,b.jpg,train,test,fear,joy,{cells}\n")
    with pytest.raises(DataError, match=r"pairs\.csv, line 2: .*; run `ampnet check` again"):
        read_pairs(tmp_path / "pairs.csv")
