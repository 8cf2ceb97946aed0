"""Lists of data sets with wrong, absurd or hostile cells: one line says where, and nothing grows with them."""

import io
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.sources import open_source
from ampnet.errors import AmpnetError, DataError, ImageError
from ampnet.files.documents import MAX_LINE
from tests.dataset.sources.small_files import FERPLUS_HEADER, text, touch

DIGITS = "9" * 5_000
LONGEST = 420
"""Characters of a message: a path of the test, a quotation, and words."""


def refusal(path: Path, layout: str = "auto", votes: Path | None = None) -> str:
    """Open a data set that must be refused in one printable line."""
    with pytest.raises(DataError) as refused:
        open_source(path, layout, votes=votes)
    message = str(refused.value)
    assert message.isprintable()
    assert len(message) <= LONGEST
    return message


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e300", DIGITS, "", "x" * 1_000])
def test_boxes_are_finite_numbers_of_pixels(tmp_path: Path, cell: str) -> None:
    text(tmp_path / "list.csv", f"path,label,x0,y0,x1,y1\na.jpg,joy,1,2,30,40\nb.jpg,sad,1,2,30,{cell}\n")
    assert "line 3: the box must be four numbers of pixels" in refusal(tmp_path / "list.csv")
    (tmp_path / "expw" / "image" / "origin").mkdir(parents=True)
    text(tmp_path / "expw" / "label.lst", f"a.jpg 0 1 2 30 40 99 3\nb.jpg 0 1 2 30 {cell} 99 3\n")
    assert "line 2: expected `name face top left" in refusal(tmp_path / "expw")
    (tmp_path / "net").mkdir()
    text(tmp_path / "net" / "validation.csv", f"a.jpg,1,2,30,{cell},points,3,0,0\n")
    text(tmp_path / "net" / "training.csv", "")
    assert "line 1: expected AffectNet's 9 columns" in refusal(tmp_path / "net")


def write_label(root: Path, content: bytes) -> Path:
    touch(root, "train_set/images/1.jpg", "train_set/annotations/1_exp.npy")
    (root / "train_set/annotations/1_exp.npy").write_bytes(content)
    return root


def npy(value: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(value))
    return stream.getvalue()


def claim(shape: str, descr: str = "<f8") -> bytes:
    """An .npy file whose header claims a shape, with one number behind it."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + np.float64(3).tobytes()


def archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, label=np.array(3))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        npy(np.inf),
        npy(np.nan),
        npy(np.datetime64("2024-01-01")),
        npy(1 + 2j),
        npy("happy"),
        npy(np.zeros(0)),
        archive(),
        b"",
        b"\x93NUMPY\x09\x00",
        claim("(1,)", "|O"),
        claim("(1,)", "<f99"),
        claim("(" * 500 + ")" * 500),
        claim("(" + "-" * 5_000 + "1,)"),
        npy(np.zeros(10_000)),
    ],
    ids=lambda content: f"{len(content)} bytes, {content[-12:]!r}",
)
def test_a_label_file_that_holds_no_number_is_named(tmp_path: Path, content: bytes) -> None:
    assert "cannot read the label" in refusal(write_label(tmp_path, content))


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(1,)", "()"])
def test_a_label_file_claims_any_size_and_gives_its_first_number(tmp_path: Path, shape: str) -> None:
    (image,) = open_source(write_label(tmp_path, claim(shape))).items
    assert image.class_name == "surprise"


def test_a_label_file_that_is_a_pipe_does_not_block(tmp_path: Path) -> None:
    write_label(tmp_path, b"")
    (tmp_path / "train_set/annotations/1_exp.npy").unlink()
    os.mkfifo(tmp_path / "train_set/annotations/1_exp.npy")
    assert "it is a pipe" in refusal(tmp_path)


def test_a_table_without_header_is_quoted_in_short(tmp_path: Path) -> None:
    row = f"0,{' '.join(['100'] * 48 * 48)},Training\n"
    text(tmp_path / "fer2013.csv", row * 3)
    message = refusal(tmp_path)
    assert "expected the columns emotion and pixels, got 0, 100 100" in message


def test_a_row_of_absurd_length_is_refused_without_reading_all_of_it(tmp_path: Path) -> None:
    text(tmp_path / "fer2013.csv", f"emotion,pixels,Usage\n0,{'1' * MAX_LINE},Training\n")
    assert "more than 1048576 characters" in refusal(tmp_path).replace(",", "")


@pytest.mark.parametrize(
    "pixels",
    [DIGITS, f"{DIGITS} " * 8, "-1 " * 2_304, "256 " * 2_304, "nan " * 2_304, "1 " * 9_000, "0.5 " * 2_304],
    ids=lambda p: p[:9],
)
def test_pixels_that_are_no_grey_levels_are_one_unreadable_image(tmp_path: Path, pixels: str) -> None:
    text(tmp_path / "fer2013.csv", f"emotion,pixels,Usage\n0,{pixels},Training\n")
    with pytest.raises(ImageError, match="image 0 is not a square of pixels"):
        _ = open_source(tmp_path).items[0].picture().photo.whole


def test_a_table_that_is_gone_is_one_unreadable_image(tmp_path: Path) -> None:
    text(tmp_path / "fer2013.csv", "emotion,pixels,Usage\n0,1 2 3,Training\n")
    (image,) = open_source(tmp_path).items
    (tmp_path / "fer2013.csv").unlink()
    with pytest.raises(ImageError, match="No such file"):
        _ = image.picture().photo.whole


@pytest.mark.parametrize("code", ["8", "nan", "-1", DIGITS, "\x1b[2J"])
def test_an_emotion_is_one_of_eight(tmp_path: Path, code: str) -> None:
    text(tmp_path / "fer2013.csv", f"emotion,pixels,Usage\n{code},1 2 3,Training\n")
    assert "image 0: expected an emotion from 0 to 7, got '" in refusal(tmp_path)


@pytest.mark.parametrize("votes", ["nan", "inf", "-1", "1.5", DIGITS, "\u0661\u0661\u0661\u0661\u0661\u0661\u0661", ""])
def test_votes_of_ferplus_are_numbers_of_people(tmp_path: Path, votes: str) -> None:
    text(tmp_path / "fer2013new.csv", f"{FERPLUS_HEADER}\nTraining,fer0000000.png,{votes},0,0,1,3,2,0,0,0,0\n")
    assert "line 2: expected Usage, name and 10 votes" in refusal(tmp_path)


@pytest.mark.parametrize("votes", ["nan", "inf", "-1", "1e300", DIGITS, "many"])
def test_votes_of_a_list_are_numbers_of_people(tmp_path: Path, votes: str) -> None:
    text(tmp_path / "list.csv", f"path,joy,sad\na.jpg,1,2\nb.jpg,1,{votes}\n")
    assert "line 3: votes must be numbers of at least 0" in refusal(tmp_path / "list.csv")
    touch(tmp_path / "set", "joy/a.jpg", "sad/b.jpg")
    text(tmp_path / "votes.csv", f"name,joy,sad\na.jpg,1,{votes}\n")
    assert "line 2: votes must be numbers of at least 0" in refusal(tmp_path / "set", votes=tmp_path / "votes.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"path,label\na.jpg,joy\nb.jpg," + b"x" * 10_000_000, "characters|field limit"),
        (b'path,label\na.jpg,"' + b"x\n" * 200_000, "field larger than field limit"),
        (b"path,label\na.jpg,joy\n\0", "not UTF-8"),
        (b"\0\0\0\0", "not UTF-8"),
        (b"path,label," + b",".join(b"happy" for _ in range(5_000)), "columns must be there once each"),
        (b"path," + b",".join(b"votes_%d" % n for n in range(5_000)) + b"\n", "columns must be there once each"),
        (b"path,label,path\na,b,c\n", "once each"),
        (
            b"path,label\n" + b"".join(b"%d.jpg,x%d\n" % (n, n) for n in range(101)),
            "name 101 classes, more than the max",
        ),
        (b"path,label\na.jpg," + b"x" * 101 + b"\nb.jpg,joy\n", "has more than 100 characters"),
        (b"path,label\na.jpg," + b"9" * 5_000 + b"\nb.jpg,1\n", "are numbers"),
        (b"path,label,split\na.jpg,joy," + b"x" * 5_000 + b"\nb.jpg,sad,train\n", "unknown split 'x+"),
    ],
)
def test_lists_out_of_bounds_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    assert re.search(reason, refusal(tmp_path / "list.csv"))


def test_a_file_that_only_bears_the_name_csv_is_no_list(tmp_path: Path) -> None:
    touch(tmp_path, "joy/a.jpg", "sad/b.jpg")
    (tmp_path / "notes.csv").write_bytes(b"\0" * 100)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "pipe.txt")
    assert open_source(tmp_path).class_names == ("happiness", "sadness")


def test_names_in_another_encoding_reach_their_files_and_classes_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"path,label\ncaf\xe9.jpg,g\xeane\nb.jpg,joy\n")
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    source = open_source(tmp_path)
    assert os.fsencode(source.items[0].relative) == b"caf\xe9.jpg"
    assert source.class_names == ("happiness", "gêne")
    assert source.items[0].class_name == "gêne"


def test_class_folders_that_cannot_be_printed_become_classes_that_can(tmp_path: Path) -> None:
    for name in (b"g\xeane", b"two\nlines", b"\x1b[2J"):
        (tmp_path / os.fsdecode(name)).mkdir()
        (tmp_path / os.fsdecode(name) / "a.jpg").touch()
    assert set(open_source(tmp_path).class_names) == {r"g\xeane", "two lines", r"\x1b[2J"}


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '{"a": {"b": "c"}}', '{"0": 5, "1": "x"}', '{"0": ["x"], "1": "y"}', "[]", '{"0": " "}', "{}"],
    ids=lambda content: content[:20],
)
def test_class_names_of_a_wrong_kind_are_refused(tmp_path: Path, content: str) -> None:
    touch(tmp_path, "0/a.jpg", "1/b.jpg")
    text(tmp_path / "classes.json", content)
    assert "it must be a JSON object of label -> class name" in refusal(tmp_path)


def test_a_label_that_is_given_two_names_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "F/a.jpg", "g/b.jpg")
    text(tmp_path / "classes.json", '{"F": "one", "f": "two", "g": "three"}')
    assert "names 'F' twice, in another spelling" in refusal(tmp_path)


@pytest.mark.parametrize("code", ["", "nan", "inf", "1e999", "8", DIGITS, "\x1b[2J", "3" * 10_000])
def test_an_emotion_file_of_ckplus_holds_a_code(tmp_path: Path, code: str) -> None:
    touch(tmp_path, "cohn-kanade-images/S1/001/1.png")
    text(tmp_path / "Emotion/S1/001/S1_001_1_emotion.txt", code)
    assert "emotion" in refusal(tmp_path)


def write_lists(root: Path) -> list[Path]:
    """A small data set of each layout with a list; returns the lists."""
    points = ";".join(["1.5"] * 136)
    touch(root / "rafdb", "Image/aligned/a.jpg")
    touch(root / "expw", "image/origin/a.jpg")
    touch(root / "folders", "0/a.jpg", "1/b.jpg")
    for folder in ("anger", "disgust", "fear", "happy", "neural", "sad", "surprise"):
        touch(root / "fedro", f"{folder}/a.jpg")
    return [
        text(root / "rafdb/EmoLabel/list_patition_label.txt", "train_1.jpg 5\ntest_1.jpg 1\n"),
        text(root / "expw/label/label.lst", "a.jpg 0 1 2 30 40 99 3\nb.jpg 1 1 2 30 40 99 2\n"),
        text(root / "affectnet-8/training.csv", f"a.jpg,1,2,3,4,{points},3,0,0\nb.jpg,1,2,3,4,{points},7,0,0\n"),
        text(root / "fer2013/fer2013.csv", "emotion,pixels,Usage\n0,1 2 3,Training\n1,1 2 3,PrivateTest\n"),
        text(root / "ferplus/fer2013new.csv", f"{FERPLUS_HEADER}\nTraining,a.png,4,0,0,1,3,2,0,0,0,0\n"),
        text(root / "csv/a.csv", "path,label,split,x0,y0,x1,y1,subject\na.jpg,joy,val,1,2,3,4,p\nb.jpg,x,test,,,,,q\n"),
        text(root / "csv-votes/a.csv", "path,joy,votes_x,unknown\na.jpg,3,4,5\nb.jpg,2,1,0\n"),
        text(root / "csv-rows/a.csv", "path,label\na.jpg,joy\na.jpg,sad\nb.jpg,unknown\nb.jpg,sad\n"),
        text(root / "folders/classes.json", '{"0": "calm", "1": "tense"}'),
        text(root / "fedro/list.txt", "anger/a.jpg\nhappy/a.jpg\n"),
    ]


PIECES: tuple[bytes, ...] = (
    *(b"nan", b"inf", b"-1", b"1e999", b"9" * 20, DIGITS.encode(), b"\0", b"\xff\xfe", b"\xe9", b"\x1b[2J"),
    *(b'"', b"\n", b"\r", b",", b" ", b"../../x", b"/etc/passwd", b"x" * 140_000, b"[" * 100_000, b"{}", b"null"),
)


def mutate(content: bytes, generator: random.Random) -> bytes:
    """Insert, replace, delete or flip something at one to three places."""
    mutated = bytearray(content)
    changes: tuple[Callable[[int, int], None], ...] = (
        lambda start, _end: mutated.__setitem__(slice(start, start), generator.choice(PIECES)),
        lambda start, end: mutated.__setitem__(slice(start, end), generator.choice(PIECES)),
        lambda start, end: mutated.__delitem__(slice(start, end)),
        lambda start, end: mutated.__setitem__(slice(start, end), generator.randbytes(end - start)),
    )
    for _ in range(generator.randint(1, 3)):
        start = generator.randrange(len(mutated) + 1)
        generator.choice(changes)(start, min(start + generator.randint(1, 9), len(mutated)))
    return bytes(mutated)


def test_damaged_lists_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    lists = write_lists(tmp_path)
    originals = [path.read_bytes() for path in lists]
    generator = random.Random(15)
    outcomes = {"read": 0, "refused": 0}
    for number in range(250):
        path, original = lists[number % len(lists)], originals[number % len(lists)]
        path.write_bytes(mutate(original, generator))
        root = tmp_path / path.relative_to(tmp_path).parts[0]
        try:
            source = open_source(root, root.name.removesuffix("-votes").removesuffix("-rows"))
        except AmpnetError as error:
            said = str(error)
            outcomes["refused"] += 1
        else:
            said = " ".join((*source.class_names, *source.vote_columns))
            assert len(set(unique_names(source.items))) == len(source.items)
            outcomes["read"] += 1
        assert said.isprintable()
        assert len(said) <= LONGEST
        path.write_bytes(original)
    assert min(outcomes.values()) > 40, outcomes
