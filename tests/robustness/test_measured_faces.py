"""Public lists of hard images, in the spellings in which they are handed out."""

from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.errors import DataError
from ampnet.robustness.measured_faces import read_subset


def index_of(root: Path, names, sources=()) -> FaceIndex:
    (root / "index").mkdir(parents=True, exist_ok=True)
    if sources:
        rows = [FaceRow(n, s, "test", "fear", "detected") for n, s in zip(names, sources, strict=True)]
        write_faces(root / "index" / "faces.csv", rows)
    count = len(names)
    return FaceIndex(
        root=root,
        class_names=("fear", "anger"),
        names=list(names),
        labels=np.zeros(count, dtype=np.int64),
        splits=["test"] * count,
        landmarks=np.zeros((count, 5, 2), dtype=np.float32),
        files=list(names),
    )


def read(tmp_path, text, names, sources=()):
    (tmp_path / "hard.txt").write_text(text, encoding="utf-8")
    return read_subset(tmp_path / "hard.txt", index_of(tmp_path, names, sources))


RAF = [f"test_{number:04}.jpg" for number in (3, 4, 6, 2464)]


def test_occlusion_raf_db_name_label_type_with_a_repeated_line(tmp_path):
    text = "test_0003_aligned 3 4\r\ntest_2464_aligned 6 2\r\ntest_2464_aligned 6 2\n\ntest_0006_aligned 0 4"
    subset = read(tmp_path, text, RAF)
    assert subset.positions.tolist() == [0, 2, 3]
    assert (subset.listed, subset.duplicates, subset.unknown) == (4, 1, ())
    assert {kind: faces.tolist() for kind, faces in subset.types.items()} == {"2": [3], "4": [0, 2]}
    assert subset.name == "hard"


def test_pose_raf_db_label_slash_name(tmp_path):
    subset = read(tmp_path, "0/test_0004_aligned.jpg\n4/test_0006_aligned.jpg\n", RAF)
    assert subset.positions.tolist() == [1, 2]
    assert subset.types == {}


def test_a_plain_list_of_names_with_and_without_label(tmp_path):
    assert read(tmp_path, "test_0003.jpg\ntest_0004 5\n", RAF).positions.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        (["test_fer0032226.jpg", "test_fer0034656.jpg"], ["FER2013Test/fer0032226.png", "FER2013Test/fer0034656.png"]),
        (["test_row32304.jpg", "test_row34737.jpg"], ["PrivateTest/sad/row32304.png", "PrivateTest/sad/row34737.png"]),
        (["test_fer0032304.jpg", "test_fer0034737.jpg"], ["fer2013.csv", "fer2013.csv"]),
        (["test_fer0032304.jpg", "test_fer0034737.jpg"], ["fer2013.csv.gz", "Fer2013.TSV"]),
    ],
)
def test_ferplus_lists_find_their_images_in_every_form_of_fer2013(tmp_path, names, sources):
    text = "0/fer0032226.jpg\n1_fer0034656.png 8 0\n2_fer0035700.png 8 2\n"
    subset = read(tmp_path, text, names, sources)
    assert subset.positions.tolist() == [0, 1]
    assert subset.unknown == ("2_fer0035700.png",)


def test_affectnet_lists_find_the_hash_among_the_folders(tmp_path):
    hashed = ["3c028208c27c0be5fbe6a52738bebcbfb6c64f32", "bc9ad400db82eca1882b11c9603348fb3e92f5b0"]
    text = f"7/{hashed[0]}/8.jpg\nval/0/{hashed[1]}/\n"
    assert read(tmp_path, text, [f"test_{name}.jpg" for name in hashed]).positions.tolist() == [0, 1]


def test_fed_ro_names_that_repeat_in_every_class_are_told_apart_by_their_source(tmp_path):
    names = ["test_occ_img_1.jpg", "test_occ_img_1-2.jpg", "test_occ_img_2.jpg"]
    sources = ["anger/occ_img_1.jpg", "fear/occ_img_1.jpg", "fear/occ_img_2.jpg"]
    assert read(tmp_path, "fear/occ_img_1.jpg\n", names, sources).positions.tolist() == [1]
    subset = read(tmp_path, "occ_img_1.jpg\nocc_img_2.jpg\n", names, sources)
    assert subset.unknown == ("occ_img_1.jpg",)  # which of the two is not said
    assert subset.positions.tolist() == [2]


def test_a_list_of_other_images_is_refused_with_an_example(tmp_path):
    with pytest.raises(DataError, match=r"hard\.txt: none of its 2 names is in this split, such as photo_1\.jpg"):
        read(tmp_path, "photo_1.jpg\nphoto_2.jpg\n", RAF)


def test_a_missing_list_and_one_that_is_no_text_are_refused_with_the_reason(tmp_path):
    index = index_of(tmp_path, RAF)
    with pytest.raises(DataError, match="No such file"):
        read_subset(tmp_path / "gone.txt", index)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match="not UTF-8"):
        read_subset(tmp_path / "photo.jpg", index)


def test_names_from_the_file_are_printed_escaped(tmp_path):
    subset = read(tmp_path, "test_0003 1\n\x1b[31mred 1\n", RAF)
    assert subset.unknown == ("\\x1b[31mred",)
