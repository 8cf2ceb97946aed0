"""A photo is the same photo in whatever form a program has it."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ampnet.errors import ImageError
from ampnet.reading.image_files import read_image
from ampnet.reading.python_inputs import is_photo, photo_of, sources_of

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"


@pytest.fixture(scope="module")
def pixels():
    return read_image(PORTRAIT)


def decoded(given):
    return photo_of(given).whole


def reason(given):
    with pytest.raises(ImageError) as error:
        decoded(given)
    assert "\n" not in str(error.value)
    return str(error.value)


FORMS = {
    "path": lambda rgb: PORTRAIT,
    "text": lambda rgb: str(PORTRAIT),
    "bytes": lambda rgb: PORTRAIT.read_bytes(),
    "bytearray": lambda rgb: bytearray(PORTRAIT.read_bytes()),
    "memoryview": lambda rgb: memoryview(PORTRAIT.read_bytes()),
    "file object": lambda rgb: io.BytesIO(PORTRAIT.read_bytes()),
    "PIL image": lambda rgb: Image.open(io.BytesIO(PORTRAIT.read_bytes())),
    "uint8 array": lambda rgb: rgb,
    "strided array": lambda rgb: np.repeat(rgb, 2, axis=1)[:, ::2],
    "float array": lambda rgb: rgb / 255,
    "float32 array": lambda rgb: (rgb / 255).astype(np.float32),
    "uint8 tensor": lambda rgb: torch.from_numpy(rgb),
    "tensor, channels first": lambda rgb: torch.from_numpy(rgb).permute(2, 0, 1),
    "float tensor with gradient": lambda rgb: (torch.from_numpy(rgb).permute(2, 0, 1) / 255).requires_grad_(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_photo_has_the_same_pixels(form, pixels):
    given = form(pixels)
    assert is_photo(given)
    image = decoded(given)
    assert image.flags.c_contiguous
    assert image.dtype == np.uint8
    assert np.array_equal(image, pixels)


def test_grey_pixels_are_three_equal_channels():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for given in (grey, torch.from_numpy(grey), Image.fromarray(grey), grey / 255):
        assert np.array_equal(decoded(given), np.stack([grey] * 3, axis=2))


def test_a_matrix_is_grey_pixels():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1, 2]], dtype=np.uint8)
    assert np.array_equal(decoded(matrix), [[[1] * 3, [2] * 3]])


def test_half_precision_is_read(pixels):
    tensor = torch.tensor([[[0.0, 0.5, 1.0]]], dtype=torch.bfloat16)
    assert decoded(tensor).tolist() == [[[0, 128, 255]]]


def test_a_pil_image_is_turned_upright_as_its_file_is(tmp_path):
    picture = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3))
    exif = picture.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    picture.save(tmp_path / "turned.png", exif=exif)
    of_file = decoded(tmp_path / "turned.png")
    assert of_file.shape == (4, 2, 3)
    with Image.open(tmp_path / "turned.png") as opened:
        assert np.array_equal(decoded(opened), of_file)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((4, 4, 4), np.uint8), r"shape is (4, 4, 4); expected (height, width, 3)"),
        (np.zeros((3, 20, 20), np.uint8), "expected (height, width, 3)"),
        (np.zeros(5, np.uint8), "expected (height, width, 3)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.full((4, 4, 3), 200.0), "within [0, 1]"),
        (np.full((4, 4), np.nan), "within [0, 1]"),
        (np.full((4, 4), -0.1), "within [0, 1]"),
        (np.zeros((4, 4, 3), np.int64), "type int64; expected uint8"),
        (np.zeros((4, 4, 3), bool), "type bool"),
        (np.array([["a", "b"]], dtype=object), "type object"),
        (torch.zeros(5, 3, 2, dtype=torch.uint8), "shape"),
        (torch.zeros(3, 4, 4).to_sparse(), "its pixels cannot be read"),
        (torch.zeros(3, 4, 4, device="meta"), "its pixels cannot be read"),
        (Image.new("F", (4, 4)), "floating-point"),
        (b"", "the file is empty"),
        (b"not a picture", "not an image"),
        ("http://127.0.0.1:9/a.jpg", "127.0.0.1 is not a public host"),
        ("nowhere.jpg", "cannot read nowhere.jpg: No such file"),
        ("bad\0name.jpg", "not usable"),
        (io.StringIO("nowhere.jpg"), "gives str, not bytes; open the file with 'rb'"),
        (None, "of type NoneType; give a path"),
        (7, "of type int"),
        ({"image": 1}, "of type dict"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_line(given, words):
    assert is_photo(given)
    assert words in reason(given)


def test_a_folder_is_no_photo(tmp_path):
    assert "it is a folder" in reason(tmp_path)


def test_a_closed_file_is_refused_with_its_name(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    with (tmp_path / "a.jpg").open("rb") as file:
        pass
    assert "a.jpg" in reason(file)


def test_a_file_object_is_read_once_and_can_be_decoded_again(pixels):
    photo = photo_of(io.BytesIO(PORTRAIT.read_bytes()))
    first = photo.whole
    photo.release()
    assert np.array_equal(photo.whole, first)


def test_several_photos_are_iterables_and_stacks():
    stack = np.zeros((2, 4, 4, 3), np.uint8)
    for several in ([], (), ["a.jpg"], iter(["a.jpg"]), {"a.jpg"}, Path().glob("*"), stack, torch.from_numpy(stack)):
        assert not is_photo(several)


def test_a_generator_may_use_its_array_image_or_file_again_for_the_next_photo():
    def shades():
        array = np.zeros((4, 4, 3), dtype=np.uint8)
        for shade in (10, 20, 30):
            array[:] = shade
            yield array
        image = Image.new("RGB", (4, 4))
        for shade in (40, 50):
            image.paste((shade,) * 3, (0, 0, 4, 4))
            yield image
        for shade in (60, 70):
            with io.BytesIO() as file:
                Image.new("RGB", (4, 4), (shade,) * 3).save(file, "PNG")
                file.seek(0)
                yield file

    photos = [source.photo() for source in list(sources_of(shades(), videos=False))]
    assert [int(photo.whole.max()) for photo in photos] == [10, 20, 30, 40, 50, 60, 70]
    assert [photo.name for photo in photos] == [f"photo {number}" for number in range(1, 8)]


def test_an_array_of_paths_is_several_photos():
    for paths in (np.array([str(PORTRAIT)] * 2), np.array([PORTRAIT] * 2, dtype=object)):
        assert not is_photo(paths)
        assert [source.name for source in sources_of(paths, videos=False)] == [PORTRAIT] * 2


def test_a_file_at_its_end_is_read_from_its_beginning(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    for _ in range(2):
        assert np.array_equal(decoded(file), pixels)


def test_a_file_that_gives_a_part_at_a_time_is_read_to_its_end(pixels):
    class Socket(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000))

    assert np.array_equal(decoded(Socket(PORTRAIT.read_bytes())), pixels)


def test_a_damaged_file_within_an_archive_is_one_photo_that_cannot_be_read():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jpg", PORTRAIT.read_bytes())
    content = bytearray(packed.getvalue())
    content[2000] ^= 255  # within the photo, which is stored as it is
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert "a.jpg: Bad CRC-32" in reason(archive.open("a.jpg"))
    assert "Bad CRC-32" in reason(Image.open(archive.open("a.jpg")))
    assert "cannot read photo" in reason(archive)
    cut_off = io.BytesIO(gzip.compress(PORTRAIT.read_bytes())[:-20])
    assert "ended before" in reason(gzip.GzipFile(fileobj=cut_off))
