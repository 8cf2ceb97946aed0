"""Raw folders: class/*.jpg, split/class/*.jpg, and RAF-DB as handed out; and the names the images get."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from ampnet.dataset.index.face_names import clean_stem, face_name, unique_names
from ampnet.dataset.index.raw_images import SourceImage
from ampnet.dataset.sources import open_source
from ampnet.errors import DataError, UsageError
from ampnet.settings.labels import EXPRESSIONS
from tests.dataset.sources.small_files import touch


def listed(root: Path, layout: str = "auto") -> list[tuple[str, str, str]]:
    return [(item.relative, item.split, item.class_name) for item in open_source(root, layout).items]


def test_class_folders_with_common_synonyms_come_in_the_written_order(tmp_path: Path) -> None:
    touch(tmp_path, "Happy/1.jpg", "ANGRY/2.png", "neural/3.jpg", "happiness/4.jpg")
    source = open_source(tmp_path)
    assert source.class_names == ("happiness", "anger", "neutral")  # not the folders' alphabetical order
    assert not source.has_splits
    assert listed(tmp_path) == [
        ("ANGRY/2.png", "", "anger"),
        ("Happy/1.jpg", "", "happiness"),
        ("happiness/4.jpg", "", "happiness"),
        ("neural/3.jpg", "", "neutral"),
    ]


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "PublicTest", "PrivateTest"),
        ("TRAIN", "validation", "Test"),
        ("training", "valid", "testing"),
    ],
)
def test_split_folders_are_recognised_by_their_usual_names(tmp_path: Path, train: str, val: str, test: str) -> None:
    touch(tmp_path, f"{train}/sad/1.jpg", f"{val}/sad/1.jpg", f"{test}/fear/1.jpg")
    assert listed(tmp_path) == [
        (f"{train}/sad/1.jpg", "train", "sadness"),
        (f"{val}/sad/1.jpg", "val", "sadness"),
        (f"{test}/fear/1.jpg", "test", "fear"),
    ]


def test_unknown_folder_names_are_classes_after_the_known_ones(tmp_path: Path) -> None:
    touch(tmp_path, "zeal/1.jpg", "awe/1.jpg", "fear/1.jpg", "surprise/1.jpg")
    assert open_source(tmp_path).class_names == ("surprise", "fear", "awe", "zeal")


def test_bare_numbers_are_refused_until_someone_says_what_they_mean(tmp_path: Path) -> None:
    touch(tmp_path, "train/0/a.jpg", "train/1/b.jpg")
    with pytest.raises(DataError, match=r"class folders of .* are numbers \(0, 1\).*classes\.json.*--layout"):
        open_source(tmp_path)
    (tmp_path / "classes.json").write_text(json.dumps({"1": "calm", "0": "tense"}))
    source = open_source(tmp_path)
    assert source.class_names == ("calm", "tense")
    assert [item.class_name for item in source.items] == ["tense", "calm"]


def test_numbered_folders_have_rafdbs_meaning_when_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "train/1/a.jpg", "test/7/b.jpg")
    assert listed(tmp_path, "rafdb") == [("train/1/a.jpg", "train", "surprise"), ("test/7/b.jpg", "test", "neutral")]
    assert open_source(tmp_path, "rafdb").class_names == EXPRESSIONS


def test_images_without_a_class_folder_are_left_out_and_said_so(tmp_path: Path) -> None:
    touch(tmp_path, "train/sadness/1.jpg", "train/fear/1.jpg", "test/1.jpg", "test/2.jpg")
    source = open_source(tmp_path)
    assert len(source.items) == 2
    assert source.notes == [f"left out 2 images directly in {tmp_path / 'test'}, without a class"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "holds no images"),
        (("notes.txt", "sad/readme.md"), "holds no images"),
        (("1.jpg", "2.jpg"), r"holds no images in class folders; expected \[split/\]class/"),
        (("sad/1.jpg",), "only one class"),
        (("train/sad/1.jpg", "train/fear/1.jpg", "extra/sad/2.jpg"), "mixes splits"),
    ],
    ids=["empty", "no images", "no classes", "one class", "mixed"],
)
def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=message):
        open_source(tmp_path)


def test_a_missing_folder_and_an_unknown_layout_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere is not a folder"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="unknown layout 'fer2014'; choose one of auto, "):
        open_source(tmp_path, "fer2014")


def make_rafdb(root: Path, kind: str, lines: str) -> Path:
    touch(root, "EmoLabel/list_patition_label.txt", f"Image/{kind}/placeholder.txt")
    (root / "EmoLabel/list_patition_label.txt").write_bytes(lines.encode())
    return root


RAFDB_LIST = "train_00001.jpg 5\r\ntrain_00002.jpg 1 \r\ntest_0001.jpg 7"


def test_rafdb_takes_split_and_class_from_its_list(tmp_path: Path) -> None:
    make_rafdb(tmp_path, "aligned", RAFDB_LIST)
    source = open_source(tmp_path)
    assert (source.layout, source.class_names) == ("rafdb", EXPRESSIONS)
    assert listed(tmp_path) == [
        ("Image/aligned/train_00001_aligned.jpg", "train", "sadness"),
        ("Image/aligned/train_00002_aligned.jpg", "train", "surprise"),
        ("Image/aligned/test_0001_aligned.jpg", "test", "neutral"),
    ]
    assert unique_names(source.items) == ["train_00001.jpg", "train_00002.jpg", "test_0001.jpg"]
    assert "non-commercial" in source.licence


def test_rafdb_originals_have_no_suffix(tmp_path: Path) -> None:
    make_rafdb(tmp_path / "basic", "original", RAFDB_LIST)
    assert listed(tmp_path)[0][0] == "basic/Image/original/train_00001.jpg"


@pytest.mark.parametrize("line", ["train_00001.jpg 8", "train_00001.jpg 0", "val_1.jpg 3", "train_00001.jpg"])
def test_a_line_that_is_none_of_rafdbs_is_named(tmp_path: Path, line: str) -> None:
    make_rafdb(tmp_path, "aligned", f"test_0001.jpg 1\n{line}\n")
    with pytest.raises(DataError, match=r"list_patition_label\.txt, line 2: expected"):
        open_source(tmp_path)


def item(relative: str, split: str = "") -> SourceImage:
    return SourceImage(Path("raw"), relative, split, "fear")


def test_names_hold_no_white_space_quotes_or_other_alphabets() -> None:
    assert clean_stem("my  photo\t1") == "my__photo_1"
    assert clean_stem('it\'s "so" $HOME;') == "it_s__so___HOME_"
    assert clean_stem("Gr\u00fc\u00dfe") == "Gru_e"
    assert clean_stem("Gru\u0308\u00dfe") == "Gru_e"  # the same letters, decomposed
    assert clean_stem("\u8868\u60c5") == "__"
    assert clean_stem("..-hidden") == "hidden"
    assert clean_stem("") == "_"
    assert len(clean_stem("x" * 500)) == 120


def test_files_with_one_stem_get_different_names() -> None:
    items = [item("a/1.jpg"), item("b/1.png"), item("b/1-2.jpg"), item("c/1.JPG"), item("c/A.jpg"), item("c/a.jpg")]
    assert unique_names(items) == ["1.jpg", "1-2.jpg", "1-2-2.jpg", "1-3.jpg", "A.jpg", "a-2.jpg"]


def test_names_begin_with_the_split_once_and_only_where_there_is_one() -> None:
    with_splits = [item("x/face.jpg", "train"), item("x/test_1.jpg", "test"), item("x/train_1.jpg", "val")]
    assert unique_names(with_splits) == ["train_face.jpg", "test_1.jpg", "val_train_1.jpg"]
    assert unique_names([item("x/train_station.jpg"), item("x/trainer.jpg")]) == [
        "img_train_station.jpg",
        "trainer.jpg",
    ]


def test_further_faces_of_an_image_get_names_that_no_image_can_have() -> None:
    assert [face_name("a.jpg", number) for number in (1, 2, 3)] == ["a.jpg", "a+2.jpg", "a+3.jpg"]
    assert clean_stem("a+2") == "a_2"


@pytest.mark.slow
def test_twenty_thousand_like_names_are_told_apart() -> None:
    names = unique_names([item(f"{i}/face.jpg") for i in range(20_000)])
    assert len(set(names)) == 20_000


def write_phone_photo(path: Path, grey: int) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(path, format="HEIF")


def test_heic_photos_are_listed_and_read_like_others(tmp_path: Path) -> None:
    touch(tmp_path, "happiness/1.jpg")
    write_phone_photo(tmp_path / "sadness" / "phone.HEIC", 120)
    source = open_source(tmp_path)
    assert [item.relative for item in source.items] == ["happiness/1.jpg", "sadness/phone.HEIC"]
    assert source.notes == []
    photo = source.items[1].picture().photo
    assert photo.size_hw == (48, 64)
    assert abs(float(photo.whole.mean()) - 120) < 3


def test_heic_photos_that_cannot_be_read_here_are_counted_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ampnet.media.heif.find_spec", lambda _name: None)
    touch(tmp_path, "train/happy/1.heic", "train/sad/2.HEIF", "test/sad/3.heic")
    remedy = r"not read: 3 HEIC photos \(read them after pip install 'ampnet\[heic\]'\)"
    with pytest.raises(DataError, match=f"holds no images that can be read; {remedy}"):
        open_source(tmp_path)
    touch(tmp_path, "train/happy/1.jpg", "train/sad/2.jpg")
    source = open_source(tmp_path)
    assert len(source.items) == 2
    assert re.fullmatch(remedy, source.notes[-1])
