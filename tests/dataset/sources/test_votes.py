"""Sets that hold several opinions about an image, or come with a file of them."""

from pathlib import Path

import pytest

from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.dataset.sources import open_source
from ampnet.dataset.sources.list_columns import plurality
from ampnet.errors import DataError
from ampnet.settings import labels
from tests.dataset.sources.small_files import FERPLUS_HEADER, text, touch

ANSWERS = (*FERPLUS_HEADER.split(",")[2:-1], "no_face")
HAPPY = (0, 10, 0, 0, 0, 0, 0, 0, 0, 0)
ANGRY = (2, 0, 0, 1, 5, 0, 0, 1, 1, 0)
FACELESS = (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)


def voted(source: RawDataSet) -> dict[str, tuple[str, tuple[float, ...]]]:
    return {item.relative: (item.class_name, item.votes) for item in source.items}


def ferplus(path: Path, *rows: tuple[str, tuple[int, ...]]) -> Path:
    """Write FER+'s file; an image that people call no face has no name there."""
    lines = [
        f"{usage},{'' if votes == FACELESS else f'fer{row:07d}.png'},{','.join(map(str, votes))}"
        for row, (usage, votes) in enumerate(rows)
    ]
    return text(path, "\n".join([FERPLUS_HEADER, *lines]))


def fer2013_csv(root: Path, *usages: str) -> Path:
    pixels = " ".join(["7"] * 48 * 48)
    return text(root / "fer2013.csv", "emotion,pixels,Usage\n" + "".join(f'0,"{pixels}",{u}\n' for u in usages))


ROWS = (("Training", HAPPY), ("Training", FACELESS), ("PublicTest", ANGRY), ("PrivateTest", HAPPY))


@pytest.mark.parametrize("layout", ["ferplus", "ferplus-argmax"])
def test_ferplus_keeps_all_ten_columns_of_votes(tmp_path: Path, layout: str) -> None:
    fer2013_csv(tmp_path, *(usage for usage, _votes in ROWS))
    ferplus(tmp_path / "fer2013new.csv", *ROWS)
    source = open_source(tmp_path, layout)
    assert source.vote_columns == ANSWERS
    assert [(item.stem, item.class_name, item.votes) for item in source.items] == [
        ("fer0000000", "happiness", HAPPY),
        ("fer0000002", "anger", ANGRY),
        ("fer0000003", "happiness", HAPPY),
    ]


def test_ferplus_beside_a_fer2013_in_another_order_is_refused(tmp_path: Path) -> None:
    fer2013_csv(tmp_path, "Training", "Training", "PrivateTest", "PublicTest")
    ferplus(tmp_path / "fer2013new.csv", *ROWS)
    with pytest.raises(DataError, match=r"row 2 in val, but .*fer2013\.csv has it in test; they must be the same"):
        open_source(tmp_path)


def test_ferplus_png_folders_have_votes_too(tmp_path: Path) -> None:
    ferplus(tmp_path / "fer2013new.csv", ("PublicTest", ANGRY))
    assert voted(open_source(tmp_path)) == {"FER2013Valid/fer0000000.png": ("anger", ANGRY)}


def test_the_csv_of_fer2013_keeps_its_labels_beside_the_votes(tmp_path: Path) -> None:
    fer2013_csv(tmp_path / "raw", *(usage for usage, _votes in ROWS))
    source = open_source(tmp_path / "raw", votes=ferplus(tmp_path / "new.csv", *ROWS))
    assert (source.layout, source.class_names, source.vote_columns) == ("fer2013", labels.EXPRESSIONS, ANSWERS)
    assert [item.votes for item in source.items] == [HAPPY, FACELESS, ANGRY, HAPPY]
    assert {item.class_name for item in source.items} == {"anger"}


def test_votes_of_ferplus_are_not_given_to_classes_of_other_names(tmp_path: Path) -> None:
    fer2013_csv(tmp_path / "raw", *(usage for usage, _votes in ROWS))
    own = text(
        tmp_path / "own.json", '{"0": "negative", "3": "happiness", "6": "neutral"}'
    )  # nobody voted for negative
    with pytest.raises(DataError, match=r"the data set has other classes \(negative\); omit --classes"):
        open_source(tmp_path / "raw", votes=ferplus(tmp_path / "new.csv", *ROWS), classes=str(own))


def test_votes_go_to_the_rows_of_the_csv_also_where_the_numbers_of_ferplus_differ(tmp_path: Path) -> None:
    rows = [("Training", (2, 8, row, 0, 0, 0, 0, 0, 0, 0)) for row in range(64)]  # FER+'s number 60 is row 61
    fer2013_csv(tmp_path / "raw", *["Training"] * len(rows))
    source = open_source(tmp_path / "raw", votes=ferplus(tmp_path / "new.csv", *rows))
    assert [item.votes[2] for item in source.items] == list(range(64))


def make_folders(root: Path) -> Path:
    return touch(
        root,
        "Training/angry/row00001.png",
        "Training/happy/row00000.png",
        "PublicTest/angry/row00002.png",
        "PrivateTest/sad/row00003.png",
    )


def test_the_folders_of_fer2013_get_votes_by_the_row_in_their_names(tmp_path: Path) -> None:
    source = open_source(make_folders(tmp_path / "raw"), votes=ferplus(tmp_path / "new.csv", *ROWS))
    assert voted(source) == {
        "Training/angry/row00001.png": ("anger", FACELESS),
        "Training/happy/row00000.png": ("happiness", HAPPY),
        "PublicTest/angry/row00002.png": ("anger", ANGRY),
        "PrivateTest/sad/row00003.png": ("sadness", HAPPY),
    }


def test_a_row_without_any_vote_is_no_opinion(tmp_path: Path) -> None:
    rows = (("Training", (0,) * 10), *ROWS[1:])
    source = open_source(make_folders(tmp_path / "raw"), votes=ferplus(tmp_path / "new.csv", *rows))
    assert voted(source)["Training/happy/row00000.png"] == ("happiness", ())


@pytest.mark.parametrize(
    ("rows", "extra", "message"),
    [
        (ROWS[:3], [], r"has 3 rows, none for .*row00003\.png"),
        ((*ROWS[:2], ("Training", ANGRY), ROWS[3]), [], r"has row 2 in train, but .*row00002\.png is in val"),
        (ROWS, ["Training/sad/face 9.png"], r"face 9\.png does not hold its row of fer2013\.csv"),
        (ROWS, ["Training/sad/fer0000001.png"], r"row00001\.png and .*fer0000001\.png both claim row 1"),
        ((*ROWS[:3], ("PrivateTest", (1, 2))), [], "line 5: expected Usage, name and 10 votes"),
    ],
    ids=["rows missing", "usage", "name", "twice", "columns"],
)
def test_votes_of_another_set_are_refused(
    tmp_path: Path, rows: tuple[tuple[str, tuple[int, ...]], ...], extra: list[str], message: str
) -> None:
    raw = touch(make_folders(tmp_path / "raw"), *extra)
    with pytest.raises(DataError, match=message):
        open_source(raw, votes=ferplus(tmp_path / "new.csv", *rows))


def test_the_csv_of_fer2013_needs_a_row_of_votes_for_each_of_its_rows(tmp_path: Path) -> None:
    fer2013_csv(tmp_path / "raw", "Training", "Training")
    with pytest.raises(DataError, match="has 4 rows for 2 images"):
        open_source(tmp_path / "raw", votes=ferplus(tmp_path / "new.csv", *ROWS))


def test_ferplus_votes_on_another_layout_are_refused(tmp_path: Path) -> None:
    raw = touch(tmp_path / "raw", "sad/row0.png", "fear/row1.png")
    with pytest.raises(DataError, match="is FER\\+'s file, but the layout is folders; use --layout fer2013"):
        open_source(raw, votes=ferplus(tmp_path / "new.csv", *ROWS))


def test_a_set_with_votes_of_its_own_takes_no_others(tmp_path: Path) -> None:
    ferplus(tmp_path / "fer2013new.csv", ("PublicTest", ANGRY))
    with pytest.raises(DataError, match="ferplus has its own votes; omit --votes"):
        open_source(tmp_path, votes=tmp_path / "fer2013new.csv")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return touch(tmp_path / "raw", "train/Zeal/1.jpg", "train/happy/1.jpg", "test/happy/2.jpg", "test/Zeal/3.jpg")


def test_any_set_takes_a_file_of_votes_by_path_or_by_a_name_of_one_image(tmp_path: Path, folders: Path) -> None:
    rows = ["train/Zeal/1.jpg,8,2,0,0", "2.jpg,1,2.5,,0", "3.jpg,0,0,0,0", "gone.jpg,1,1,1,1"]
    votes = text(tmp_path / "v.csv", "\n".join(["Path,zeal,votes_Joy,contempt,NF", *rows]))
    source = open_source(folders, votes=votes)
    assert source.vote_columns == ("Zeal", "happiness", "contempt", "no_face")
    assert voted(source) == {
        "train/Zeal/1.jpg": ("Zeal", (8, 2, 0, 0)),
        "train/happy/1.jpg": ("happiness", ()),
        "test/happy/2.jpg": ("happiness", (1, 2.5, 0, 0)),
        "test/Zeal/3.jpg": ("Zeal", ()),  # nobody voted
    }
    assert source.notes[-1] == "votes for 2 of 4 images; 1 rows of v.csv match no image"


def test_names_of_votes_may_be_spelled_as_on_another_computer(tmp_path: Path) -> None:
    root = touch(tmp_path / "raw", "happy/e\u0301.jpg", "happy/2.jpg", "Zeal/2.jpg")  # decomposed, as on a Mac
    rows = ["\u00e9.jpg,5,0", "HAPPY\\2.JPG,4,0", "./Zeal/2.jpg,0,3"]
    source = open_source(root, votes=text(tmp_path / "v.csv", "\n".join(["name,happy,zeal", *rows])))
    assert [(item.relative, item.votes) for item in source.items] == [
        ("Zeal/2.jpg", (0, 3)),
        ("happy/2.jpg", (4, 0)),
        ("happy/e\u0301.jpg", (5, 0)),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; it needs a column name or path"),
        ("image,happy,zeal\n2.jpg,1,2\n", "expected a column name or path"),
        ("name,happy,age,zeal\n2.jpg,1,31,1\n", r"unknown columns age; use the data set's classes \(happiness, Zeal\)"),
        ("name,happy,fear\n2.jpg,1,2\n", "one column for each of two or more classes"),
        ("name,happy,joy,zeal\n2.jpg,1,2,3\n", "one column for each of two or more classes"),
        ("name,happy,zeal\n1.jpg,1,2\n", r"line 2: 1\.jpg names several images; use paths relative"),
        ("name,happy,zeal\n2.jpg,1,2\ntest/happy/2.jpg,1,2\n", "line 3: .* is listed twice"),
        ("name,happy,zeal\n2.jpg,1\n", "line 2: expected 3 cells, got 2"),
        ("name,happy,zeal\n2.jpg,1,-1\n", "line 2: votes must be numbers of at least 0"),
        ("name,happy,zeal\n2.jpg,1,few\n", "line 2: votes must be numbers of at least 0"),
        ("name,happy,zeal\nother.jpg,1,2\n", "names no image of"),
    ],
)
def test_a_wrong_file_of_votes_is_refused_with_the_place(
    tmp_path: Path, folders: Path, content: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        open_source(folders, votes=text(tmp_path / "v.csv", content))


def test_faces_with_boxes_in_one_image_cannot_be_told_apart_by_its_name(tmp_path: Path) -> None:
    text(tmp_path / "raw" / "label.lst", "a.jpg 0 1 2 9 9 60 3\na.jpg 1 3 4 9 9 60 0\n")
    (tmp_path / "raw" / "image").mkdir()
    with pytest.raises(DataError, match=r"a\.jpg names several images"):
        open_source(tmp_path / "raw", votes=text(tmp_path / "v.csv", "name,anger,happiness\na.jpg,1,2\n"))


def test_a_list_with_a_column_for_each_class_keeps_labels_and_votes(tmp_path: Path) -> None:
    rows = ["a.jpg,sad,train,7,2,1,0", "b.jpg,happy,test,,,,", "c.jpg,happy,test,1,6,0,3"]
    text(tmp_path / "list.csv", "\n".join(["path,label,split,sadness,votes_happy,fear,NF", *rows]))
    source = open_source(tmp_path)
    assert (source.layout, source.class_names) == ("csv", ("happiness", "sadness"))
    assert source.vote_columns == ("sadness", "happiness", "fear", "no_face")
    assert voted(source) == {
        "a.jpg": ("sadness", (7, 2, 1, 0)),
        "b.jpg": ("happiness", ()),
        "c.jpg": ("happiness", (1, 6, 0, 3)),
    }
    assert "votes for 2 of 3 images" in source.notes


def test_a_list_without_labels_takes_the_plurality_of_its_votes(tmp_path: Path) -> None:
    rows = ["a.jpg,2,1,5,0,0", "b.jpg,3,3,0,3,0", "c.jpg,1,2,0,3,0", "d.jpg,0,0,0,0,9", "e.jpg,0,0,0,0,0"]
    text(tmp_path / "list.csv", "\n".join(["path,anger,votes_fear,votes_zeal,unknown,no_face", *rows]))
    source = open_source(tmp_path)
    assert source.class_names == ("fear", "anger", "zeal")
    assert [(item.relative, item.class_name) for item in source.items] == [("a.jpg", "zeal"), ("b.jpg", "fear")]
    assert source.notes[-1] == "votes for 2 of 5 images; 3 left out without votes, or with most for unknown or no face"


def test_several_rows_for_one_image_are_votes(tmp_path: Path) -> None:
    rows = ["a.jpg,joy,ann", "b.jpg,fear,bob", "a.jpg,happy,ann", "a.jpg,fear,ann", "c.jpg,sad,cy", "c.jpg,fear,cy"]
    rows += ["d.jpg,NF,ann", "d.jpg,NF,ann", "d.jpg,sad,ann"]
    text(tmp_path / "list.csv", "\n".join(["path,label,subject", *rows]))
    source = open_source(tmp_path)
    assert source.class_names == ("fear", "happiness", "sadness")
    assert source.vote_columns == ("fear", "happiness", "sadness", "no_face")
    assert voted(source) == {
        "a.jpg": ("happiness", (1, 2, 0, 0)),
        "b.jpg": ("fear", (1, 0, 0, 0)),
        "c.jpg": ("fear", (1, 0, 1, 0)),  # of two with one vote each the first in class order
    }
    told = "votes for 3 of 4 images; 1 left out without votes, or with most for unknown or no face"
    split = "no person is in two splits: test has 1 of 3 people (ann); for others: --fold"
    assert {told, split} <= set(source.notes)


def test_several_faces_of_one_image_are_told_apart_by_their_boxes(tmp_path: Path) -> None:
    rows = ["a.jpg,joy,0,0,9,9", "a.jpg,fear,20,0,29,9", "a.jpg,fear,0,0,9,9", "a.jpg,fear,0,0,9,9"]
    text(tmp_path / "list.csv", "\n".join(["path,label,x0,y0,x1,y1", *rows]))
    source = open_source(tmp_path)
    assert [(item.box, item.class_name, item.votes) for item in source.items] == [
        ((0, 0, 9, 9), "fear", (2, 1)),
        ((20, 0, 29, 9), "fear", (1, 0)),
    ]


def test_one_row_for_each_image_is_no_vote(tmp_path: Path) -> None:
    text(tmp_path / "list.csv", "path,label\na.jpg,joy\nb.jpg,sad\n")
    source = open_source(tmp_path)
    assert (source.class_names, source.vote_columns) == (("happiness", "sadness"), ())
    assert {item.votes for item in source.items} == {()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,anger,fear\na.jpg,1,0\na.jpg,0,1\n", "lists an image twice"),
        ("path,anger,angry,fear\na.jpg,1,0,0\n", "two vote columns mean the same answer"),
        ("path,anger,fear\na.jpg,1,x\n", "line 2: votes must be numbers"),
        ("path,anger,unknown\na.jpg,1,0\n", "only one class"),
        ("path,unknown,no_face\na.jpg,1,0\n", "names no class"),
        ("path,anger\na.jpg,1\n", "expected the columns path and label"),
        ("path,anger,fear\na.jpg,0,0\n", "no image has a label"),
        ("path,label,split\na.jpg,joy,train\na.jpg,fear,test\n", r"the rows of a\.jpg differ in split or subject"),
    ],
)
def test_wrong_votes_in_a_list_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(text(tmp_path / "list.csv", content))


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        ({"fear": 2, "anger": 3}, "anger"),
        ({"anger": 3, "fear": 3}, "fear"),
        ({"anger": 3, "unknown": 3}, "anger"),
        ({"anger": 3, "unknown": 4}, None),
        ({"no_face": 1}, None),
        ({}, None),
    ],
)
def test_a_plurality_is_the_class_with_most_votes(votes: dict[str, float], winner: str | None) -> None:
    assert plurality(votes, ("fear", "anger")) == winner
