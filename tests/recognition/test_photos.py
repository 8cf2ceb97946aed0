"""One photo gives one result, several give as many, and a bad one stops no other."""

import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ampnet.detection.detector import FaceDetector
from ampnet.errors import ImageError
from ampnet.reading.image_files import read_image
from ampnet.recognition.predictor import Predictor
from ampnet.results.photo_result import PhotoResult
from tests.small_checkpoint import small_checkpoint

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"
WALL = np.full((40, 40, 3), 80, np.uint8)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor(small_checkpoint(tmp_path_factory.mktemp("model")), FaceDetector())


@pytest.fixture(scope="module")
def pixels():
    return read_image(PORTRAIT)


@pytest.fixture(scope="module")
def expected(predictor, pixels):
    (face,) = predictor.predict(pixels)
    return face


def same(face, expected):
    return np.array_equal(face.box, expected.box) and face.scores == expected.scores


def test_every_form_of_a_photo_gives_the_same_answer(predictor, pixels, expected):
    opened = Image.open(BytesIO(PORTRAIT.read_bytes()))
    forms = [str(PORTRAIT), PORTRAIT.read_bytes(), opened, torch.from_numpy(pixels).permute(2, 0, 1)]
    for given in forms:
        found = predictor.predict(given)
        assert isinstance(found, PhotoResult)
        assert found.size_hw == pixels.shape[:2]
        (face,) = found
        assert same(face, expected)
    with PORTRAIT.open("rb") as file:
        found = predictor.predict(file)
    assert str(found).startswith("/")  # the file's own name
    assert same(found[0], expected)


def test_grey_and_floating_point_pixels_are_classified_as_what_they_show(predictor, pixels, expected):
    for given in (pixels / 255, (pixels / 255).astype(np.float32), torch.from_numpy(pixels) / 255):
        assert same(predictor.predict(given)[0], expected)
    grey = np.asarray(Image.open(PORTRAIT).convert("L"))
    (face,) = predictor.predict(grey)
    assert face.box == pytest.approx(expected.box, abs=0.05 * len(pixels))
    assert same(predictor.predict(np.stack([grey] * 3, axis=2))[0], face)


@pytest.fixture
def every_warning_of_torch():
    torch.set_warn_always(True)  # else it warns once in a process
    yield
    torch.set_warn_always(False)


@pytest.mark.usefixtures("every_warning_of_torch")
def test_pixels_that_may_not_be_written_to_are_read_without_a_warning(predictor):
    with Image.open(PORTRAIT) as picture:
        locked = np.asarray(picture.resize((250, 250)))  # no multiple of 32, so that the network's input is padded
    assert not locked.flags.writeable
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(predictor.predict(locked)) == 1


def test_a_list_of_arrays_gives_a_list_of_lists_as_ever(predictor, pixels, expected):
    found = predictor.predict(images=[WALL, pixels])
    assert isinstance(found, list)
    assert found[0] == []
    assert found[1][0].label == expected.label
    assert list(found[1][0].scores.values()) == pytest.approx(list(expected.scores.values()), abs=1e-5)
    assert predictor.predict([]) == []


def test_a_stack_is_as_many_photos(predictor):
    stack = np.stack([WALL] * 2)
    assert predictor.predict(stack) == [[]] * 2
    assert predictor.predict(torch.from_numpy(stack).permute(0, 3, 1, 2)) == [[]] * 2


def test_a_photo_that_cannot_be_read_is_an_error_alone_and_a_note_among_others(predictor, expected):
    with pytest.raises(ImageError, match=r"^cannot read nowhere\.jpg: No such file or directory$"):
        predictor.predict("nowhere.jpg")
    found = predictor.predict(["nowhere.jpg", PORTRAIT, b"", 7])
    assert [one.problem for one in found] == [
        "cannot read nowhere.jpg: No such file or directory",
        None,
        "cannot read photo 3: the file is empty",
        "cannot read photo 4: it is of type int; give a path, an address, bytes, a file opened with 'rb', a "
        "NumPy array, a PIL image or a torch tensor",
    ]
    assert [len(one) for one in found] == [0, 1, 0, 0]
    assert found[1][0].label == expected.label


def test_more_photos_than_a_chunk_keep_their_order(predictor, monkeypatch):
    monkeypatch.setattr("ampnet.reading.reader.CHUNK_IMAGES", 2)
    sizes = [20, 21, 22, 20, 24]
    found = predictor.predict(WALL[:size] for size in sizes)
    assert [one.size_hw for one in found] == [(size, 40) for size in sizes]
    assert found[-1].name == "photo 5"


def test_a_stream_reads_a_photo_when_its_result_is_asked_for(predictor):
    taken = []

    def photos():
        for number in range(1_000_000_000):
            taken.append(number)
            yield "nowhere.jpg" if number == 1 else WALL

    found = predictor.predict(photos(), stream=True)
    assert taken == []
    assert next(found) == []
    assert taken == [0]
    assert next(found).problem is not None
    assert next(found).problem is None
    assert taken == [0, 1, 2]


def test_a_stream_of_one_photo_is_a_stream(predictor):
    assert [len(one) for one in predictor.predict(PORTRAIT, stream=True)] == [1]


def test_faces_of_a_photo_that_was_decoded_at_half_its_size_are_in_its_own_pixels(
    predictor, pixels, expected, monkeypatch
):
    monkeypatch.setattr("ampnet.media.decoding_memory.MAX_DECODED", pixels.shape[0] * pixels.shape[1] - 1)
    monkeypatch.setattr("ampnet.reading.photo.ENOUGH_SIDE", pixels.shape[0] // 2)
    (face,) = found = predictor.predict(PORTRAIT)
    assert found.size_hw == pixels.shape[:2]
    assert not same(face, expected)  # else nothing was reduced
    assert face.box == pytest.approx(expected.box, abs=0.05 * pixels.shape[0])
    assert found.plot().shape[0] == -(-pixels.shape[0] // 2)


@pytest.mark.parametrize("is_reduced", [False, True])
def test_a_minimum_size_counts_pixels_of_the_whole_photo(predictor, pixels, expected, monkeypatch, is_reduced):
    if is_reduced:
        monkeypatch.setattr("ampnet.reading.photo.ENOUGH_SIDE", len(pixels) // 2)
    side = (expected.box[2:] - expected.box[:2]).min()
    for min_face, count in ((0.9 * side, 1), (1.1 * side, 0)):
        monkeypatch.setattr(predictor, "min_face", min_face)
        assert len(predictor.predict(PORTRAIT)) == count


def test_the_parts_that_onnx_shares_load_neither_torch_nor_pandas_nor_matplotlib():
    code = (
        "import sys, ampnet.recognition.recognizer\nprint(sorted({'torch', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_result_draws_on_the_pixels_that_it_was_found_in_though_their_array_is_filled_again(predictor, pixels):
    buffer = pixels.copy()
    result = predictor.predict(buffer)
    before = result.plot()
    buffer[:] = 0
    assert np.array_equal(result.plot(), before)
    result.release()
    assert np.array_equal(result.plot(), before)
