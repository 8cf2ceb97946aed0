"""A photo decodes itself once, to the same pixels in whatever form it came."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.errors import ImageError
from ampnet.reading import contents
from ampnet.reading.contents import BytesContent, FileContent, LaterContent, PixelContent, content_of
from ampnet.reading.photo import Photo

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"


@pytest.fixture
def large(tmp_path):
    """A file of 2,600 x 2,000 pixels, with its turned twin."""
    with Image.open(PORTRAIT) as portrait:
        canvas = Image.new("RGB", (2600, 2000), (120, 130, 140))
        canvas.paste(portrait.resize((800, 800)), (900, 500))
    exif = canvas.getexif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    canvas.save(tmp_path / "large.jpg", quality=95)
    canvas.save(tmp_path / "turned.jpg", quality=95, exif=exif)
    return tmp_path / "large.jpg"


@pytest.fixture
def decodes(monkeypatch):
    """The ``enough_side`` of each file that is decoded."""
    calls = []
    decode = vars(contents)["decode"]

    def counted(data, **options):
        calls.append(options["enough_side"])
        return decode(data, **options)

    monkeypatch.setattr(contents, "decode", counted)
    return calls


def test_a_photo_is_decoded_at_most_once_reduced_and_once_whole(large, decodes):
    photo = Photo.of_file(large)
    assert decodes == []
    for _ in range(2):
        assert photo.reduced.shape == (1000, 1300, 3)
        assert photo.whole.shape == (2000, 2600, 3)
        assert photo.size_hw == (2000, 2600)
        assert photo.problem is None
    assert decodes == [1280, None]


def test_a_small_photo_is_decoded_once_for_both(decodes):
    photo = Photo.of_file(PORTRAIT)
    assert photo.whole is photo.reduced
    assert len(decodes) == 1


def test_released_pixels_are_decoded_again(large, decodes):
    photo = Photo.of_file(large)
    assert photo.reduced is photo.reduced
    assert photo.pixels == 1000 * 1300
    photo.release()
    assert photo.pixels == 0
    assert photo.size_hw == (2000, 2600)
    assert decodes == [1280]
    assert photo.reduced.shape == (1000, 1300, 3)
    assert decodes == [1280, 1280]


def test_a_file_that_was_replaced_is_not_taken_for_the_photo_that_was_read(large):
    photo = Photo.of_file(large)
    photo.release()  # of what was not read yet
    assert photo.problem is None
    photo.release()
    (large.parent / "turned.jpg").replace(large)
    for _ in range(2):
        with pytest.raises(ImageError, match=r"large\.jpg: it has changed since it was first read"):
            _ = photo.whole
    assert Photo.of_file(large).whole.shape == (2600, 2000, 3)


def test_a_turned_photo_is_upright_at_both_sizes(large):
    photo = Photo.of_file(large.with_name("turned.jpg"))
    assert (photo.reduced.shape, photo.whole.shape) == ((1300, 1000, 3), (2600, 2000, 3))


def test_a_file_has_the_same_pixels_in_every_form(large):
    with Image.open(large) as opened:
        forms = [large, str(large), large.read_bytes(), memoryview(large.read_bytes()), opened]
        pixels = [Photo("a", content_of(form)).reduced for form in forms]
    assert all(np.array_equal(pixels[0], other) for other in pixels[1:])


def test_pixels_are_reduced_like_a_file_that_is_reduced_by_averaging(large):
    with Image.open(large) as opened:
        opened.load()
        opened.save(large.with_suffix(".png"), compress_level=1)
    of_file = Photo.of_file(large.with_suffix(".png"))
    of_pixels = Photo("array", content_of(of_file.whole))
    assert of_pixels.size_hw == of_file.size_hw
    assert np.abs(of_pixels.reduced.astype(int) - of_file.reduced).max() <= 1  # each rounds in its own way


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "tiff", "bmp"])
def test_a_pil_image_is_its_file_until_its_pixels_are_loaded(kind):
    file = io.BytesIO()
    with Image.open(PORTRAIT) as portrait:
        portrait.save(file, kind)
    opened = Image.open(file)
    place = file.tell()
    content = content_of(opened)
    assert isinstance(content, BytesContent)
    assert content.data == file.getvalue()
    assert file.tell() == place
    opened.load()
    assert isinstance(content_of(opened), PixelContent)


def test_a_pil_image_that_was_changed_before_it_was_loaded_is_what_it_shows():
    with Image.open(PORTRAIT) as drafted:
        drafted.draft("RGB", (50, 50))
        assert Photo("a", content_of(drafted)).size_hw == drafted.size


def test_an_unreadable_photo_says_why_each_time(tmp_path):
    for photo in (Photo.of_file(tmp_path / "no.jpg"), Photo("no.jpg", None, problem="cannot read no.jpg: gone")):
        problem = photo.problem
        assert problem is not None
        assert problem.startswith("cannot read ")
        with pytest.raises(ImageError, match="cannot read"):
            photo.reduced  # noqa: B018


def test_content_that_is_obtained_later_is_obtained_once():
    asked = []

    def take():
        asked.append(1)
        return PORTRAIT.read_bytes()

    photo = Photo("later", LaterContent(take))
    assert asked == []
    assert photo.size_hw == (512, 512)
    photo.release()
    assert photo.whole.shape == (512, 512, 3)
    assert asked == [1]


def test_a_pickled_photo_leaves_its_pixels_behind(large):
    photo = Photo("large", FileContent(large))
    assert photo.whole.shape == (2000, 2600, 3)
    stored = pickle.dumps(photo)
    assert len(stored) < 1000
    assert np.array_equal(pickle.loads(stored).reduced, photo.reduced)
