"""The result of a photo is a list of its faces that prints, saves and shows itself."""

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.errors import DataError, ImageError, UsageError
from ampnet.files.printable import one_line
from ampnet.media.decoding import Decoded
from ampnet.reading.contents import content_of
from ampnet.reading.photo import Photo
from ampnet.results.photo_result import PhotoResult
from ampnet.settings.labels import EXPRESSIONS
from tests.limits import file_size_limit
from tests.some_results import photo, some_face

GREY = np.full((48, 64, 3), 90, np.uint8)


def result(*faces, name="photo.jpg", given=GREY):
    return PhotoResult(Photo(one_line(name), content_of(given)), faces, EXPRESSIONS, "small@1234abcd")


def unreadable():
    return PhotoResult(Photo("a.jpg", None, "cannot read a.jpg: the file is empty"), [], EXPRESSIONS)


def test_it_is_the_list_of_its_faces():
    one = some_face()
    assert result(one)[0] is one
    assert result(one) == [one]
    assert result(one).faces == [one]
    assert result() == []
    assert not result()


def test_it_says_in_a_line_what_was_found():
    happy, angry = replace(some_face(), probability=0.987), replace(some_face("anger"), probability=0.66)
    unsure = replace(happy, rejection_threshold=0.99)
    assert str(result(happy, angry)) == "photo.jpg: 2 faces: happiness 99%, anger 66%"
    assert str(result(angry)) == "photo.jpg: 1 face: anger 66%"
    assert str(result(unsure)) == "photo.jpg: 1 face: not sure"
    assert str(result()) == "photo.jpg: no face"
    assert str(unreadable()) == "cannot read a.jpg: the file is empty"
    assert repr(result()) == "<PhotoResult photo.jpg: no face>"


def test_a_crowd_is_cut_and_a_strange_name_escaped():
    text = str(result(*[some_face()] * 1200, name="a\x1b[2J\n.jpg"))
    assert text.startswith(r"a\x1b[2J\n.jpg: 1,200 faces: happiness 40%, ")
    assert text.endswith("happiness 40%, 1,190 more")


def test_its_dictionary_is_that_of_the_command():
    found = result(some_face(), some_face(shift=1))
    assert found.to_dict() == photo("photo.jpg", faces=2).to_dict()
    assert json.loads(found.to_json()) == found.to_dict()
    assert unreadable().to_dict()["status"] == "unreadable"


def test_its_table_has_a_row_for_each_face_or_one_that_says_why_there_is_none():
    table = result(some_face(), some_face(shift=1)).to_df()
    assert table["x0"].tolist() == [10, 11]
    assert table["label"].tolist() == ["happiness"] * 2
    assert table["score_fear"].tolist() == [0.1, 0.1]
    assert result().to_df()["status"].tolist() == ["no face"]
    assert unreadable().to_df()["problem"].tolist() == ["cannot read a.jpg: the file is empty"]


def test_the_drawing_changes_the_copy_only():
    drawn = result(some_face()).plot()
    assert drawn.shape == GREY.shape
    assert (drawn != GREY).any()
    assert (GREY == 90).all()
    assert (result().plot() == GREY).all()


def test_boxes_of_a_photo_that_is_decoded_at_half_its_size_are_drawn_at_half_theirs():
    class Halved:
        def decode(self, enough_side):
            return Decoded(GREY, (96, 128))

    twice = some_face().moved(np.diag([2.0, 2.0, 1.0])[:2])
    half = PhotoResult(Photo("large.jpg", Halved()), [twice], EXPRESSIONS)
    assert half.size_hw == (96, 128)
    assert np.array_equal(half.plot(), result(some_face()).plot())


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("b.jpeg", "JPEG")])
def test_it_is_saved_as_its_name_says(tmp_path, name, kind):
    found = result(some_face())
    found.save(tmp_path / name)
    found.save(str(tmp_path / name))
    with Image.open(tmp_path / name) as saved:
        assert (saved.format, saved.size) == (kind, (64, 48))
        assert kind == "JPEG" or np.array_equal(np.asarray(saved), found.plot())


def test_a_picture_that_cannot_be_saved_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.jpg, \.jpeg, \.png"):
        result().save(tmp_path / "a.gif")
    with pytest.raises(DataError, match="cannot write"), file_size_limit(20):
        result().save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_the_drawing_reduced():
    content = result(some_face(), given=np.zeros((500, 2000, 3), np.uint8))._repr_png_()
    with Image.open(io.BytesIO(content)) as shown:
        assert (shown.format, shown.size) == ("PNG", (1000, 250))
    assert unreadable()._repr_png_() is None


def test_what_cannot_be_drawn_says_why(tmp_path):
    with pytest.raises(ImageError, match="the file is empty"):
        unreadable().plot()
    gone = tmp_path / "gone.png"
    Image.fromarray(GREY).save(gone)
    found = result(some_face(), given=gone, name="gone.png")
    found.release()
    gone.unlink()
    with pytest.raises(ImageError, match=r"gone\.png: No such file"):
        found.plot()


def test_it_travels_to_another_process():
    found = result(some_face())
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)
    assert np.array_equal(again.plot(), found.plot())


def test_the_folder_of_a_saved_picture_is_made(tmp_path):
    result().save(tmp_path / "new" / "a.png")
    assert (Path(tmp_path) / "new" / "a.png").is_file()
