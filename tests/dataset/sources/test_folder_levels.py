"""Folders as people have them: splits, classes and people are told apart, or refused in one line."""

import time
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.sources import open_source
from ampnet.dataset.sources.folder_levels import find_levels
from ampnet.errors import DataError
from tests.dataset.sources.small_files import text, touch

BOTH = [f"{split}/{name}/{i}.jpg" for split in ("train", "test") for name in ("happy", "angry") for i in range(2)]


def read(source: RawDataSet) -> Counter[tuple[str, str]]:
    return Counter((item.split, item.class_name) for item in source.items)


EXPECTED = Counter({(split, name): 2 for split in ("train", "test") for name in ("happiness", "anger")})


@pytest.mark.parametrize(
    "names",
    [
        ("training_set", "test_set"),
        ("train_images", "test_images"),
        ("trainset", "testset"),
        ("TrainData", "TestData"),
        ("01_TRAIN", "02_TEST"),
        ("FER2013Train", "FER2013Test"),
        ("train-faces", "holdout"),
        ("kitchen_train", "kitchen_test"),
        ("Training", "PrivateTest"),
        ("train2", "Testing Images"),
        ("Session 1 train", "my-test"),
        ("lab train", "test"),
    ],
)
def test_splits_are_known_by_any_common_name(tmp_path: Path, names: tuple[str, str]) -> None:
    train, test = names
    touch(tmp_path, *(file.replace("train/", f"{train}/").replace("test/", f"{test}/") for file in BOTH))
    assert read(open_source(tmp_path)) == EXPECTED


@pytest.mark.parametrize("name", ["val", "dev", "eval", "Validation", "valid_images", "validation set", "PublicTest"])
def test_a_second_split_for_validation_has_many_names(tmp_path: Path, name: str) -> None:
    touch(tmp_path, *(file.replace("test/", f"{name}/") for file in BOTH))
    assert {item.split for item in open_source(tmp_path).items} == {"train", "val"}


def test_eval_beside_val_is_for_testing(tmp_path: Path) -> None:
    touch(
        tmp_path, *BOTH, *(file.replace("test/", "eval/") for file in BOTH), *(f.replace("test/", "val/") for f in BOTH)
    )
    (tmp_path / "test").rename(tmp_path.parent / "elsewhere")
    assert {item.split for item in open_source(tmp_path).items} == {"train", "val", "test"}


@pytest.mark.parametrize(
    "place",
    [
        "archive/data/{split}/{name}/{i}.jpg",
        "{split}/images/{name}/{i}.jpg",
        "{name}/{split}/{i}.jpg",
        "data/{name}/{split}_images/{i}.jpg",
        "my faces (1)/{split}/{name}/nested/{i}.jpg",
        "{split}/0_{name}/{i}.jpg",
        "{split}/{name}_faces/{i}.jpg",
    ],
)
def test_outer_and_inner_folders_mean_nothing(tmp_path: Path, place: str) -> None:
    for file in BOTH:
        split, name, i = file.removesuffix(".jpg").split("/")
        touch(tmp_path, place.format(split=split, name=name, i=i))
    touch(tmp_path, "__MACOSX/train/happy/._0.jpg", "Thumbs.db", ".DS_Store")
    assert read(open_source(tmp_path)) == EXPECTED


def test_what_systems_and_notebooks_leave_is_no_class(tmp_path: Path) -> None:
    touch(tmp_path, *BOTH, "train/.ipynb_checkpoints/a.jpg", "__MACOSX/train/happy/copy.jpg", "train/labels/1.txt")
    (tmp_path / "train" / "contempt").mkdir()
    source = open_source(tmp_path)
    assert read(source) == EXPECTED
    assert "without images: train/contempt" in source.notes


@pytest.mark.parametrize("people", [("id00", "id01", "id02"), ("subject_a", "subject_b", "subject_c"), ("1", "2", "3")])
def test_a_folder_for_each_person_gives_subjects_and_not_classes(tmp_path: Path, people: tuple[str, ...]) -> None:
    touch(tmp_path, *(f"{person}/{name}/{i}.jpg" for person in people for name in ("happy", "angry") for i in range(2)))
    source = open_source(tmp_path)
    assert source.class_names == ("happiness", "anger")
    assert {item.subject for item in source.items} == set(people)
    assert {item.subject: item.split for item in source.items} == dict(
        zip(people, ("test", "val", "train"), strict=True)
    )


def test_people_within_splits_keep_the_splits_and_are_told_if_they_are_on_both_sides(tmp_path: Path) -> None:
    files = [f"{split}/p{person}/{name}/1.jpg" for split in ("train", "test") for person in range(3) for name in "ab"]
    touch(tmp_path, *files)
    source = open_source(tmp_path)
    assert source.class_names == ("a", "b")
    assert any("3 of 3 people are in more than one split" in note for note in source.notes)


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        (
            [f"{s}/{n}/1.jpg" for s in ("FER", "RAF") for n in ("happy", "sad")],
            "FER, RAF hold the folders happy, sad",
        ),
        ([f"fold{k}/{n}/1.jpg" for k in range(5) for n in ("happy", "sad")], "fold0, fold1, fold2, fold3, fold4"),
        ([f"{s}/{n}/1.jpg" for s in ("setA", "setB", "setC") for n in ("a", "b")], "setA, setB, setC"),
        (["train/images/1.jpg", "test/images/2.jpg"], "without a folder for each class"),
        (
            [f"{s}/{p}/{n}/1.jpg" for s in ("A", "B") for p in ("train", "test") for n in ("happy", "sad")],
            "A, B hold happy",
        ),
        (
            ["archive/FER/happy/1.jpg", "archive (1)/RAF/happy/1.jpg", "archive/FER/sad/1.jpg"],
            "archive, archive (1) hold",
        ),
        (["subject_1/happy_1.jpg", "subject_2/sad_1.jpg", "subject_3/sad_2.jpg"], "are named like people"),
        (["fer2013.zip"], "unpack it first"),
        (["images/1.jpg", "coco.json"], "but coco.json: labels in JSON are not read; make a CSV"),
        (["train/happy/1.jpg", "train/sad/1.jpg", "extra/happy/2.jpg"], "mixes splits"),
        (["id00/happy/1.jpg", "id00/sad/1.jpg", "id01/happy/1.jpg", "id01/sad/1.jpg"], "three or more people"),
        (["train/suprise/1.jpg", "train/happy/1.jpg"], "'suprise' looks like 'surprise'"),
        (["happyness_/1.jpg", "hapiness/1.jpg", "sad/1.jpg"], "'hapiness' looks like 'happiness'"),
        (
            [f"{person}/{name}.jpg" for person in ("anna", "bob") for name in ("joy", "fear")],
            "the folders anna, bob each hold fear, happiness",
        ),
        ([f"2023-01-0{day}/{name}.jpg" for day in (1, 2) for name in "ab"], "are numbers (2023-01-01, 2023-01-02)"),
        (
            [f"{name}_{part}/1.jpg" for name in ("happy", "sad") for part in ("train", "test")],
            "name a split and a class at once",
        ),
        (["happy,sad/1.jpg", "sad/1.jpg"], "'happy,sad' names several classes"),
        (["index/data_label.txt", "dataset/1.jpg", "index/preview.png"], "is a prepared set; use it with --data"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_was_seen(tmp_path: Path, files: list[str], seen: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(DataError) as refused:
        open_source(tmp_path)
    assert seen in str(refused.value)
    assert str(refused.value).isprintable()


def test_folders_of_a_name_of_their_own_may_hold_files_that_were_called_something_else(tmp_path: Path) -> None:
    touch(
        tmp_path, *(f"{name}/id{i}_{was}.jpg" for name in ("calm", "rage") for was in ("fear", "joy") for i in range(2))
    )
    touch(tmp_path, "calm/neutral_1.jpg", "calm/sad_1.jpg", "rage/anger_1.jpg")
    assert open_source(tmp_path).class_names == ("calm", "rage")
    touch(tmp_path, "rage/sad.jpg", "rage/neutral.jpg")
    with pytest.raises(DataError, match="the folders calm, rage each hold neutral, sadness"):
        open_source(tmp_path)
    assert open_source(tmp_path, classes="keep").class_names == ("calm", "rage")


def test_a_list_in_json_beside_class_folders_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "happy/1.jpg", "sad/1.jpg", "splits.json", "labels.jsonl")
    assert "not read: labels.jsonl, splits.json; labels are those of the folders" in open_source(tmp_path).notes


def test_a_folder_of_what_has_no_class_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{i}.jpg" for name in ("happy", "sad", "no_face", "None", "Uncertain") for i in range(2)))
    source = open_source(tmp_path)
    assert source.class_names == ("happiness", "sadness")
    assert len(source.items) == 4
    assert any("left out 6 images labelled 'None', 'Uncertain', 'no_face'" in note for note in source.notes)
    assert len(open_source(tmp_path, classes="keep").class_names) == 5


def test_names_that_differ_in_case_or_composition_are_one_class(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "col\u00e8re") for form in ("NFC", "NFD"))
    touch(tmp_path, f"train/{composed}/1.jpg", f"test/{apart}/1.jpg", "train/Tense/1.jpg", "test/tense/1.jpg")
    source = open_source(tmp_path)
    assert source.class_names == ("Tense", composed)
    assert "tense and Tense are one class" in source.notes


def test_names_that_become_ours_are_listed_and_keep_leaves_them(tmp_path: Path) -> None:
    touch(tmp_path, "train/joy/1.jpg", "train/calm/1.jpg")
    assert "class names: joy -> happiness (--classes keep leaves them as they are)" in open_source(tmp_path).notes
    kept = open_source(tmp_path, classes="keep")
    assert kept.class_names == ("joy", "calm")
    assert kept.notes == []


def test_a_file_decides_what_labels_mean(tmp_path: Path) -> None:
    touch(tmp_path / "raw", "suprise/1.jpg", "joy/1.jpg", "Calm/1.jpg")
    written = text(tmp_path / "classes.json", '{"calm": "at ease", "Suprise": "surprise", "joy": "joy"}')
    source = open_source(tmp_path / "raw", classes=str(written))
    assert source.class_names == ("at ease", "surprise", "joy")
    assert {item.relative: item.class_name for item in source.items}["Calm/1.jpg"] == "at ease"


def test_a_class_without_training_images_is_named(tmp_path: Path) -> None:
    touch(tmp_path, *BOTH, "test/surprise/1.jpg")
    assert "no training image of surprise: such a class cannot be learned" in open_source(tmp_path).notes


def test_a_person_alone_in_a_split_is_a_person_and_no_class(tmp_path: Path) -> None:
    people = ("train/S1", "train/S2", "test/S3")
    touch(tmp_path, *(f"{person}/{name}/{i}.jpg" for person in people for name in ("happy", "angry") for i in range(2)))
    source = open_source(tmp_path)
    assert source.class_names == ("happiness", "anger")
    assert {(item.split, item.subject) for item in source.items} == {("train", "S1"), ("train", "S2"), ("test", "S3")}


def test_sessions_between_people_and_classes_are_no_classes(tmp_path: Path) -> None:
    folders = [f"S{person}/session{session}" for person in (1, 2, 3) for session in (1, 2)]
    touch(tmp_path, *(f"{folder}/{name}/0.jpg" for folder in folders for name in ("happy", "angry")))
    with pytest.raises(DataError, match="the folders session1, session2 hold angry, happy, so they are"):
        open_source(tmp_path)


def test_folders_below_classes_that_may_be_people_are_asked_about(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{who}/0.jpg" for name in ("happy", "angry") for who in ("anna", "ben", "carla")))
    assert open_source(tmp_path).notes[0].startswith("the folders anna, ben, carla are below several classes; if they")


def test_a_copy_of_a_class_is_that_class_and_a_short_misspelling_is_asked_about(tmp_path: Path) -> None:
    touch(tmp_path, "happy/1.jpg", "happy - Copy/2.jpg", "angry/3.jpg")
    assert open_source(tmp_path).class_names == ("happiness", "anger")
    touch(tmp_path, "hapy/4.jpg")
    with pytest.raises(DataError, match=r"'hapy' looks like 'happy'.*\{\"hapy\": \"happiness\", \.\.\.\}"):
        open_source(tmp_path)


def test_splits_beside_other_folders_below_classes_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}/{part}/1.jpg" for name in ("happy", "angry") for part in ("test", "kitchen")))
    with pytest.raises(DataError, match=r"mixes splits \(test\) with other folders of images \(kitchen\)"):
        open_source(tmp_path)


def test_splits_with_words_of_their_own_are_known_below_classes_too(tmp_path: Path) -> None:
    parts = ("Session 1 train", "my-test")
    touch(tmp_path, *(f"{name}/{part}/{i}.jpg" for name in ("happy", "angry") for part in parts for i in range(2)))
    assert read(open_source(tmp_path)) == EXPECTED


def test_the_folders_of_many_people_are_told_apart_in_time() -> None:
    found = {(f"subject_{person:05d}", name) for person in range(5000) for name in ("anger", "fear", "happy", "sad")}
    started = time.process_time()
    assert find_levels(found, Path("raw")).person_level == 0
    assert time.process_time() - started < 5  # 25 s when every folder was compared with every other
