"""Copies within a data set, found without comparing all with all."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ampnet.dataset.quality.duplicates import (
    COLUMNS,
    SIDE,
    CopyPair,
    copies_of,
    copy_groups,
    find_duplicates,
    read_pairs,
    thumbnail,
    write_pairs,
)
from ampnet.errors import DataError


def people(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random pictures with a common part, as faces have."""
    generator = np.random.default_rng(seed)
    common = cv2.resize(generator.uniform(0, 255, (6, 6)), (96, 96), interpolation=cv2.INTER_CUBIC)
    own = [cv2.resize(generator.uniform(0, 255, (8, 8)), (96, 96), interpolation=cv2.INTER_CUBIC) for _ in range(count)]
    return np.clip((common + np.stack(own)) / 2, 0, 255).astype(np.uint8)


def thumbnails(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.stack([thumbnail(picture) for picture in pictures])


def test_other_versions_of_one_picture_are_found_and_other_people_are_not() -> None:
    faces = list(people(400))
    _written, jpeg = cv2.imencode(".jpg", faces[3], [cv2.IMWRITE_JPEG_QUALITY, 30])
    versions = [
        np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), dtype=np.uint8),  # compressed again
        (faces[10] * 0.6 + 70).astype(np.uint8),  # paler
        cv2.resize(faces[20][2:-2, 2:-2], (96, 96)),  # cropped a little
        faces[30].copy(),  # the same
    ]
    found = find_duplicates(thumbnails(faces + versions), np.arange(404, dtype=np.uint64))
    assert found.pairs.tolist() == [[3, 400], [10, 401], [20, 402], [30, 403]]
    assert not found.exact.any()
    assert (found.similarity >= 0.92).all()


def test_equal_files_are_exact_copies_whatever_they_show() -> None:
    flat = np.zeros((5, SIDE, SIDE), dtype=np.uint8)
    found = find_duplicates(flat, np.array([7, 8, 7, 9, 7], dtype=np.uint64))
    assert found.pairs[found.exact].tolist() == [[0, 2], [2, 4]]  # each with the next one
    assert found.similarity[found.exact].tolist() == [1, 1]


def test_a_set_of_two_is_compared_too() -> None:
    first, second = people(2)
    pair = find_duplicates(thumbnails([first, second]), np.array([1, 2], dtype=np.uint64))
    assert len(pair.pairs) == 0
    same = find_duplicates(thumbnails([first, first]), np.array([1, 2], dtype=np.uint64))
    assert same.pairs.tolist() == [[0, 1]]
    for count in (0, 1):
        fewer = find_duplicates(thumbnails([first])[:count], np.arange(count, dtype=np.uint64))
        assert fewer.pairs.shape == (0, 2)


def test_chains_of_copies_are_one_group() -> None:
    groups = copy_groups(6, np.array([[4, 5], [1, 2], [2, 4]]))
    assert groups.tolist() == [0, 1, 1, 3, 1, 1]


@pytest.mark.soak
def test_time_grows_with_the_number_of_images_and_not_with_its_square() -> None:
    generator = np.random.default_rng(0)

    def seconds(count: int) -> float:
        small = generator.integers(0, 255, (count, SIDE, SIDE), dtype=np.uint8)
        start = time.process_time()
        find_duplicates(small, np.arange(count, dtype=np.uint64))
        return time.process_time() - start

    seconds(1000)  # warm up
    assert seconds(16_000) < 10 * seconds(4000)  # four times as many; the square would be sixteen times


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
