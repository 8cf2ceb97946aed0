"""Each data set in small, laid out exactly as its owners hand it out, odd details included."""

from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources import LAYOUTS, affectnet, open_source
from ampnet.dataset.sources.fer2013 import argmax_class, majority_class
from ampnet.dataset.sources.source_files import compare_class_counts
from ampnet.dataset.sources.split_names import fold_splits
from ampnet.errors import DataError, ImageError, UsageError
from ampnet.settings import LayoutName, labels
from tests.dataset.sources.small_files import FERPLUS_HEADER, text


def image(path: Path, size: tuple[int, int] = (60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, 128).save(path)
    return path


def listed(source: RawDataSet) -> list[tuple[str, str, str]]:
    return [(item.relative, item.split, item.class_name) for item in source.items]


def test_label_maps_are_the_published_ones() -> None:
    assert labels.RAFDB_CODES == {
        "1": "surprise",
        "2": "fear",
        "3": "disgust",
        "4": "happiness",
        "5": "sadness",
        "6": "anger",
        "7": "neutral",
    }
    affectnet = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
    assert {str(code): name for code, name in enumerate(affectnet)} == labels.AFFECTNET_CODES
    fer2013 = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    assert {str(code): name for code, name in enumerate(fer2013)} == labels.FER2013_CODES
    assert [*labels.FERPLUS_COLUMNS, "unknown", "NF"] == FERPLUS_HEADER.split(",")[2:]
    ckplus = ["neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"]
    assert {str(code): name for code, name in enumerate(ckplus)} == labels.CKPLUS_CODES
    assert {code: name[:2].upper() for code, name in labels.JAFFE_CODES.items()} == {c: c for c in labels.JAFFE_CODES}


def make_old_affectnet(root: Path, images: str = "Manually_Annotated_Images") -> Path:
    points = ";".join(["1.5"] * 136)
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    rows = [("689/a.jpg", 1), ("689/b.JPG", 7), ("12/c.png", 9), ("12/d.jpg", 0)]
    train = [f"{name},10,5,20,30,{points},{code},0.1,-0.2" for name, code in rows]
    text(root / "training.csv", "\r\n".join([header, *train]))  # no newline at the end
    text(root / "validation.csv", f"5/v.jpg,-4,-4,30,30,{points},6,0.0,0.0\n")  # no header
    for name in ("689/a.jpg", "689/b.JPG", "12/c.png", "12/d.jpg", "5/v.jpg"):
        image(root / images / name)
    return root


def test_the_old_affectnet_is_read_with_and_without_header(tmp_path: Path) -> None:
    source = open_source(make_old_affectnet(tmp_path))
    assert source.layout == "affectnet-8"
    assert listed(source) == [
        ("Manually_Annotated_Images/689/a.jpg", "train", "happiness"),
        ("Manually_Annotated_Images/689/b.JPG", "train", "contempt"),
        ("Manually_Annotated_Images/12/d.jpg", "train", "neutral"),
        ("Manually_Annotated_Images/5/v.jpg", "val", "anger"),
    ]
    assert source.items[0].box == (10, 5, 30, 35)  # x, y, width, height made corners
    assert "3 images in train where the published set has 287,651" in source.notes
    assert any(note.startswith("left out: 1 of code 9") for note in source.notes)


def test_the_old_affectnets_images_beside_its_lists_are_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[Path]()
    monkeypatch.setattr(affectnet, "is_file", lambda path: looked.append(path) or path.is_file())
    source = open_source(make_old_affectnet(tmp_path, images="."))
    assert [path for path, _split, _name in listed(source)] == ["689/a.jpg", "689/b.JPG", "12/d.jpg", "5/v.jpg"]
    assert looked == [tmp_path / "689/a.jpg", tmp_path / "5/v.jpg"]


def test_affectnet_with_seven_classes_drops_contempt(tmp_path: Path) -> None:
    source = open_source(make_old_affectnet(tmp_path), "affectnet-7")
    assert source.class_names == labels.EXPRESSIONS
    assert [name for _path, _split, name in listed(source)] == ["happiness", "neutral", "anger"]


def test_a_box_that_leaves_the_image_shows_what_there_is(tmp_path: Path) -> None:
    source = open_source(make_old_affectnet(tmp_path))
    picture = source.items[-1].picture()  # box -4..26 with a quarter more on each side, in 60 x 40
    assert picture.origin_xy == (0, 0)
    assert picture.photo.size_hw == (34, 34)
    assert picture.whole_hw == (40, 60)


def make_new_affectnet(root: Path) -> Path:
    for split, name, value in [
        ("train_set", "10", np.array("3")),  # often text
        ("train_set", "9", np.array(7)),
        ("val_set", "2", np.array(["0", "0"][0])),
    ]:
        image(root / split / "images" / f"{name}.jpg", (224, 224))
        (root / split / "annotations").mkdir(parents=True, exist_ok=True)
        np.save(root / split / "annotations" / f"{name}_exp.npy", value)
        np.save(root / split / "annotations" / f"{name}_val.npy", np.array("0.5"))
    return root


def test_the_2021_affectnet_is_read_from_its_label_files(tmp_path: Path) -> None:
    source = open_source(make_new_affectnet(tmp_path))
    assert listed(source) == [
        ("train_set/images/10.jpg", "train", "surprise"),
        ("train_set/images/9.jpg", "train", "contempt"),
        ("val_set/images/2.jpg", "val", "neutral"),
    ]
    assert "1 images in val where the published set has 3,999" in source.notes


def test_a_2021_label_that_is_a_pickle_is_refused(tmp_path: Path) -> None:
    make_new_affectnet(tmp_path)
    np.save(tmp_path / "val_set/annotations/2_exp.npy", np.array({"label": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"cannot read the label .*2_exp\.npy"):
        open_source(tmp_path)


def fer_row(emotion: int, usage: str, first: int = 0) -> str:
    return f'{emotion},"{" ".join(str((first + i) % 256) for i in range(48 * 48))}",{usage}'


def test_fer2013_is_read_from_its_csv(tmp_path: Path) -> None:
    rows = [fer_row(0, "Training", 3), fer_row(6, "PublicTest"), fer_row(3, "PrivateTest").replace('"', "")]
    text(tmp_path / "fer2013.csv", "emotion,pixels,Usage\r\n" + "\r\n".join(rows))
    source = open_source(tmp_path)
    assert source.layout == "fer2013"
    assert [entry[1:] for entry in listed(source)] == [("train", "anger"), ("val", "neutral"), ("test", "happiness")]
    assert unique_names(source.items) == ["train_fer0000000.jpg", "val_fer0000001.jpg", "test_fer0000002.jpg"]
    first = source.items[0].picture().photo.whole
    assert first.shape == (48, 48, 3)
    assert first[0, :4, 1].tolist() == [3, 4, 5, 6]  # row by row
    assert first[1, 0].tolist() == [51, 51, 51]
    assert source.items[2].picture().photo.whole[47, 47, 0] == (48 * 48 - 1) % 256


def test_the_other_fer2013_csv_has_blanks_in_its_header_and_another_order(tmp_path: Path) -> None:
    emotion, pixels, usage = fer_row(4, "Training").split(",")
    text(tmp_path / "icml_face_data.csv", f"emotion, Usage, pixels\n{emotion},{usage},{pixels}\n")
    source = open_source(tmp_path)
    assert [entry[1:] for entry in listed(source)] == [("train", "sadness")]
    assert source.items[0].picture().photo.size_hw == (48, 48)


def test_a_row_with_missing_pixels_is_one_unreadable_image(tmp_path: Path) -> None:
    text(tmp_path / "fer2013.csv", 'emotion,pixels,Usage\n0,"1 2 3",Training\n')
    with pytest.raises(ImageError, match="image 0 is not a square of pixels"):
        _ = open_source(tmp_path).items[0].picture().photo.whole


def test_fer2013_folders_keep_their_usages(tmp_path: Path) -> None:
    for folder in ("Training/angry", "Training/sad", "PublicTest/angry", "PrivateTest/sad"):
        image(tmp_path / folder / "1.jpg", (48, 48))
    source = open_source(tmp_path)
    assert source.layout == "fer2013"
    assert Counter(item.split for item in source.items) == {"train": 2, "val": 1, "test": 1}
    assert "2 images in train where the published set has 28,709" in source.notes


def test_classes_are_compared_with_the_published_ones_in_splits_of_the_right_size(tmp_path: Path) -> None:
    published = {"train": {"fear": 2, "anger": 1}, "test": {"fear": 5, "anger": 5}}
    found = [("train", "fear"), ("train", "anger"), ("train", "anger"), ("test", "fear")]
    items = [SourceImage(tmp_path, "a.png", split, name) for split, name in found]
    assert compare_class_counts(items, published) == [
        "1 images of fear in train where the published set has 2",
        "2 images of anger in train where the published set has 1",
    ]  # nothing of test: that it has one image instead of ten is said once


def test_ferplus_gives_the_rows_of_fer2013_its_own_labels(tmp_path: Path) -> None:
    text(
        tmp_path / "fer2013.csv",
        "emotion,pixels,Usage\n" + "\n".join(fer_row(0, usage) for usage in ["Training"] * 4 + ["PrivateTest"]),
    )
    votes = [
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",  # 4 of the 9 that count: no majority
        "Training,fer0000001.png,6,0,1,1,0,0,0,0,2,0",  # 6 of 8
        "Training,,0,0,0,0,0,0,0,0,0,10",  # a row without a name
        "Training,fer0000003.png,0,0,0,0,0,0,0,0,6,4",  # unknown
        "PrivateTest,fer0000004.png,0,0,0,0,0,0,0,9,1,0",
    ]
    text(tmp_path / "fer2013new.csv", "\r\n".join([FERPLUS_HEADER, *votes]))
    source = open_source(tmp_path)
    assert source.layout == "ferplus"
    assert [(item.stem, item.split, item.class_name) for item in source.items] == [
        ("fer0000001", "train", "neutral"),
        ("fer0000004", "test", "contempt"),
    ]
    assert source.notes[0] == (
        "rule: majority after dropping single votes; "
        "left out: 1 rows without a name, 2 undecided, unknown or without a face"
    )
    by_most = open_source(tmp_path, "ferplus-argmax")
    assert [item.class_name for item in by_most.items] == ["neutral", "neutral", "contempt"]


def test_ferplus_is_read_from_its_png_folders_too(tmp_path: Path) -> None:
    text(tmp_path / "fer2013new.csv", f"{FERPLUS_HEADER}\nPublicTest,fer0000007.png,0,10,0,0,0,0,0,0,0,0\n")
    image(tmp_path / "FER2013Valid" / "fer0000007.png")
    assert listed(open_source(tmp_path)) == [("FER2013Valid/fer0000007.png", "val", "happiness")]


@pytest.mark.parametrize(
    ("votes", "majority", "argmax"),
    [
        ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0], "neutral", "neutral"),
        ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None, "neutral"),  # exactly half is no majority
        ([5, 1, 1, 1, 1, 1, 0, 0, 0, 0], "neutral", "neutral"),  # single votes do not count
        ([0, 0, 0, 0, 0, 0, 0, 0, 8, 2], None, None),
        ([0, 0, 0, 0, 0, 0, 0, 0, 2, 8], None, None),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, "neutral"),
    ],
)
def test_ferplus_rules(votes: list[int], majority: str | None, argmax: str | None) -> None:
    assert majority_class(votes) == majority
    assert argmax_class(votes) == argmax


def test_sfew_leaves_its_unlabelled_test_images_out(tmp_path: Path) -> None:
    for split in ("Train", "Val"):
        for name in ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"):
            image(tmp_path / split / name / "Movie_001.png")
    image(tmp_path / "Test" / "Movie_9.png")
    source = open_source(tmp_path)
    assert (source.layout, source.class_names) == ("sfew", labels.EXPRESSIONS)
    assert Counter(item.split for item in source.items) == {"train": 7, "val": 7}
    assert any("1 image directly in" in note for note in source.notes)
    assert "7 images in val where the published set has 436" in source.notes


def make_fedro(root: Path) -> Path:
    for name in ("anger", "disgust", "fear", "happy", "neural", "sad", "surprise"):
        image(root / name / "occ_img_1.jpg")
    return root


def test_fedro_keeps_its_spelling_of_neutral_and_only_tests(tmp_path: Path) -> None:
    source = open_source(make_fedro(tmp_path))
    assert source.layout == "fedro"
    assert ("neural/occ_img_1.jpg", "test", "neutral") in listed(source)
    assert Counter(item.split for item in source.items) == {"test": 7}
    assert source.notes == ["7 images where the published set has 400"]


def test_fedros_list_file_decides_what_belongs_to_it(tmp_path: Path) -> None:
    make_fedro(tmp_path)
    text(tmp_path / "test_list.txt", "sad/occ_img_1.jpg \r\nneural/occ_img_1.jpg")
    assert [path for path, _split, _name in listed(open_source(tmp_path))] == [
        "sad/occ_img_1.jpg",
        "neural/occ_img_1.jpg",
    ]


def make_ckplus(root: Path, people: int = 12) -> Path:
    for person in range(people):
        name = f"S{person:03d}"
        for frame in range(1, 6):
            image(root / "cohn-kanade-images" / name / "001" / f"{name}_001_{frame:08d}.png")
            image(root / "cohn-kanade-images" / name / "002" / f"{name}_002_{frame:08d}.png")
        code = "   3.0000000e+00\n" if person else "   5.0000000e+00\n"
        text(root / "Emotion" / name / "001" / f"{name}_001_00000005_emotion.txt", code)
        (root / "Emotion" / name / "002").mkdir()  # most sequences have no label
    return root


@pytest.mark.parametrize(
    ("layout", "frames"),
    [("auto", ["03", "04", "05"]), ("ckplus-1", ["05"]), ("ckplus-neutral", ["01", "03", "04", "05"])],
)
def test_ckplus_takes_the_last_frames_of_labelled_sequences(tmp_path: Path, layout: str, frames: list[str]) -> None:
    source = open_source(make_ckplus(tmp_path), layout)
    first = [item for item in source.items if item.subject == "S000"]
    assert [item.relative[-6:-4] for item in first] == frames
    expected = ["happiness"] * len(frames) if layout != "ckplus-neutral" else ["neutral", *["happiness"] * 3]
    assert [item.class_name for item in first] == expected
    assert len(source.items) == 12 * len(frames)


@pytest.mark.parametrize("fold", [0, 4, 9])
def test_nobody_of_ckplus_is_in_two_splits(tmp_path: Path, fold: int) -> None:
    source = open_source(make_ckplus(tmp_path), "ckplus-1", fold)
    splits: dict[str, set[str]] = {}
    for item in source.items:
        splits.setdefault(item.subject, set()).add(item.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {person for person, found in splits.items() if "test" in found} == {
        f"S{person:03d}" for person in range(12) if person % 10 == fold
    }


def test_every_fold_tests_other_people_and_all_are_tested_once() -> None:
    people = [f"p{number}" for number in range(23)]
    tested = [person for fold in range(10) for person, split in fold_splits(people, fold).items() if split == "test"]
    assert sorted(tested) == sorted(people)


def test_folds_of_two_people_are_refused() -> None:
    with pytest.raises(DataError, match="three or more people"):
        fold_splits(["a", "b", "a"], 0)


def test_jaffe_takes_person_and_expression_from_the_file_name(tmp_path: Path) -> None:
    for number, person in enumerate(("KA", "KL", "KM", "KR")):
        image(tmp_path / f"{person}.AN1.{number}.tiff", (256, 256))
        image(tmp_path / f"{person}.SU3.{number + 50}.tiff", (256, 256))
    text(tmp_path / "README", "read me")
    source = open_source(tmp_path)
    assert (source.layout, source.class_names) == ("jaffe", ("surprise", "anger"))
    assert [(item.subject, item.split, item.class_name) for item in source.items[:3]] == [
        ("KA", "test", "anger"),
        ("KA", "test", "surprise"),
        ("KL", "val", "anger"),
    ]


def test_kdef_takes_person_and_expression_from_the_file_name(tmp_path: Path) -> None:
    for folder in ("AF01", "BF01", "AF02", "AM01"):
        for code in ("AFS", "HAHL", "NEFR"):
            image(tmp_path / folder / f"{folder}{code}.JPG", (76, 56))
    source = open_source(tmp_path)
    assert (source.layout, source.class_names) == ("kdef", ("fear", "happiness", "neutral"))
    assert {item.subject for item in source.items} == {"F01", "F02", "M01"}  # both sessions are one person
    assert {item.class_name for item in source.items if "AFS" in item.relative} == {"fear"}


def make_expw(root: Path) -> Path:
    # image_name, face_id_in_image, box top, left, right, bottom, confidence, label
    lines = ["laugh.jpg 0 10 20 50 38 75.9 3", "laugh.jpg 1 2 4 14 12 60.1 0 ", "cry.jpg 0 1 2 30 30 99.0 4"]
    text(root / "label" / "label.lst", "\r\n".join(lines))
    for name in ("laugh.jpg", "cry.jpg"):
        image(root / "image" / "origin" / name)
    return root


def test_expw_boxes_come_top_left_right_bottom(tmp_path: Path) -> None:
    source = open_source(make_expw(tmp_path))
    assert source.layout == "expw"
    assert [(item.stem, item.class_name, item.box) for item in source.items] == [
        ("laugh_0", "happiness", (20, 10, 50, 38)),
        ("laugh_1", "anger", (4, 2, 14, 12)),
        ("cry_0", "sadness", (2, 1, 30, 30)),
    ]
    assert unique_names(source.items) == ["laugh_0.jpg", "laugh_1.jpg", "cry_0.jpg"]
    assert source.items[1].picture().photo.size_hw == (14 - 0, 16 - 2)  # 10 x 10 and a quarter more (2.5) on each side


def test_a_plain_csv_gives_splits_boxes_and_subjects(tmp_path: Path) -> None:
    image(tmp_path / "a b.jpg")
    text(
        tmp_path / "faces.csv",
        "\ufeffPath,Label,split,x0,y0,x1,y1,subject\r\n"
        '"a b.jpg",Happy,train,1,2,30,40,ann\r\nc.jpg,sad ,PrivateTest,,,,,bob',
    )
    for root in (tmp_path, tmp_path / "faces.csv"):
        source = open_source(root)
        assert (source.layout, source.class_names) == ("csv", ("happiness", "sadness"))
        assert listed(source) == [("a b.jpg", "train", "happiness"), ("c.jpg", "test", "sadness")]
        assert [(item.box, item.subject) for item in source.items] == [((1, 2, 30, 40), "ann"), (None, "bob")]


def test_a_csv_with_people_and_no_split_is_split_by_person(tmp_path: Path) -> None:
    rows = "".join(f"{person}{i}.jpg,{label},{person}\n" for person in "abc" for i, label in enumerate(("fear", "joy")))
    text(tmp_path / "list.csv", "path,label,subject\n" + rows)
    source = open_source(tmp_path, "csv", fold=1)
    assert {item.subject: item.split for item in source.items} == {"a": "train", "b": "test", "c": "val"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\na.jpg,fear\nb.jpg,joy\n", "not every image says whose face it shows; leave it out"),
        ("path,label,split,subject\na.jpg,fear,train,ann\nb.jpg,joy,test,bob\n", "has its own splits; leave it out"),
        ("path,label,subject\na.jpg,fear,ann\nb.jpg,joy,bob\nc.jpg,joy,cid\n", "of 3 people, --fold is 0 to 2, not 3"),
    ],
)
def test_a_fold_that_would_change_nothing_is_refused(tmp_path: Path, content: str, message: str) -> None:
    text(tmp_path / "list.csv", content)
    open_source(tmp_path, "csv")
    with pytest.raises(UsageError, match=message):
        open_source(tmp_path, "csv", fold=3)


def test_a_layout_without_people_takes_no_fold(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--fold: the layout rafdb is not split by people"):
        open_source(tmp_path, "rafdb", fold=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\n", "lists no images"),
        ("path,label,x0\na.jpg,fear,1\n", "a box needs all four"),
        ("path,label\na.jpg,1\nb.jpg,2\n", r"are numbers \(1, 2\), whose meaning differs between data sets"),
        ("path,label\na.jpg,fear\nb.jpg\n", "line 3: expected 2 cells"),
        ("path,label,split\na.jpg,fear,holiday\n", "line 2: unknown split 'holiday'"),
        ("path,label,split\na.jpg,fear,train\nb.jpg,joy,\n", "some rows have a split and some do not"),
        ("path,label,x0,y0,x1,y1\na.jpg,fear,1,2,3\nb.jpg,joy,5,5,5,9\n", "line 2: expected 6 cells"),
        ("path,label,x0,y0,x1,y1\na.jpg,fear,5,5,5,9\n", "line 2: the box must have x0 < x1"),
        ("path,label,x0,y0,x1,y1\na.jpg,fear,a,b,c,d\n", "line 2: the box must be four numbers"),
        ("path,label\na.jpg,fear\nb.jpg,fear\n", "only one class"),
    ],
)
def test_a_wrong_csv_is_refused_with_the_place(tmp_path: Path, content: str, message: str) -> None:
    text(tmp_path / "list.csv", content)
    with pytest.raises(DataError, match=message):
        open_source(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("expw", "label.lst"),
        ("ckplus", "cohn-kanade-images"),
        ("jaffe", "KA.AN1.39.tiff"),
        ("kdef", "AF01HAS.JPG"),
        ("ferplus", "fer2013new.csv"),
        ("csv", "holds no list"),
        ("fedro", "class folders"),
        ("rafdb", "holds no images"),
        ("affectnet-7", "holds no images"),
    ],
)
def test_a_layout_asked_for_by_mistake_says_what_it_looked_for(tmp_path: Path, layout: str, message: str) -> None:
    text(tmp_path / "notes.md", "nothing here")
    with pytest.raises(DataError, match=message):
        open_source(tmp_path, layout)


def test_the_command_line_offers_exactly_the_layouts_there_are() -> None:
    assert get_args(LayoutName) == ("auto", *LAYOUTS)


def test_published_sets_come_with_their_licence(tmp_path: Path) -> None:
    for layout, make in [("expw", make_expw), ("ckplus", make_ckplus), ("fedro", make_fedro)]:
        assert open_source(make(tmp_path / layout)).licence
