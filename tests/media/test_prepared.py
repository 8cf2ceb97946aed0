"""Decoding prepared images: like the careful reader, and silent."""

import io
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ampnet.errors import ImageError
from ampnet.media.images import encode_jpeg
from ampnet.media.prepared import decode_prepared, origin_of, with_origin
from tests.hostile_images import claiming, saved, with_scans

FACE = np.asarray(Image.open(Path(__file__).parents[1] / "samples" / "portrait.jpg").resize((224, 224)))


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("stored", [FACE, np.repeat(FACE[..., 1:2], 3, axis=2)], ids=["colour", "grey"])
def test_what_prepare_writes_is_decoded_as_opencv_decodes_it(stored: np.ndarray, grey: bool) -> None:
    data = encode_jpeg(stored)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    assert expected is not None
    assert np.array_equal(decode_prepared(data, grey), expected)


def test_a_quarter_is_what_opencv_decodes_from_a_quarter_of_the_coefficients() -> None:
    data = encode_jpeg(FACE)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    assert expected is not None
    assert np.array_equal(decode_prepared(data, grey=True, reduction=4), expected)


@pytest.mark.parametrize("source", [b"", b"abc", bytes(200_000)], ids=len)
def test_what_the_pixels_were_made_from_travels_with_them_and_does_not_change_them(source: bytes) -> None:
    plain = encode_jpeg(FACE)
    noted = with_origin(plain, 137.5, source)
    assert origin_of(noted) == (137.5, source)
    assert np.array_equal(decode_prepared(noted, grey=False), decode_prepared(plain, grey=False))
    with Image.open(io.BytesIO(noted)) as picture:  # as other programs read it
        assert np.array_equal(np.asarray(picture), decode_prepared(plain, grey=False)[..., ::-1])


@pytest.mark.parametrize("damage", [b"", b"\xff\xd8", encode_jpeg(FACE), with_origin(encode_jpeg(FACE), 5)[:14]])
def test_files_of_others_and_cut_ones_say_nothing_about_their_origin(damage: bytes) -> None:
    assert origin_of(damage) == (math.inf, b"")


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_decoded_too(format_name: str) -> None:
    data = saved(Image.fromarray(FACE), format_name, **({"lossless": True} if format_name == "WEBP" else {}))
    assert np.array_equal(decode_prepared(data, grey=False), FACE[..., ::-1])
    assert decode_prepared(data, grey=True).shape == (224, 224)
    assert decode_prepared(data, grey=True, reduction=4).shape == (56, 56)


def test_exif_rotation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(FACE[:100])
    assert np.array_equal(
        decode_prepared(saved(picture, "JPEG", exif=exif), False), decode_prepared(saved(picture, "JPEG"), False)
    )


def test_four_colours_and_large_images_take_the_careful_way() -> None:
    cmyk = decode_prepared(saved(Image.fromarray(FACE).convert("CMYK"), "JPEG", quality=98, subsampling=0), False)
    assert np.abs(cmyk.astype(int) - FACE[..., ::-1]).mean() < 4
    assert decode_prepared(saved(Image.new("L", (2_100, 2_000), 90), "JPEG"), grey=True)[0, 0] == 90


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"no image", "not an image"),
        (encode_jpeg(FACE)[:-3_000], "truncated"),
        (claiming(60_000, 60_000), "more than 150,000,000"),
        (with_scans(9_000), "more than 100 scans"),
    ],
    ids=["empty", "text", "cut", "bomb", "scans"],
)
def test_what_cannot_be_decoded_gives_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_prepared(data, grey=True)


DAMAGED = """
import numpy as np, sys
from PIL import Image
from ampnet.errors import ImageError
from ampnet.media.images import encode_jpeg
from ampnet.media.prepared import decode_prepared, origin_of, with_origin
from tests.hostile_images import saved
generator = np.random.default_rng(1)
pixels = generator.integers(0, 255, (64, 64, 3), dtype=np.uint8)
for data in (encode_jpeg(pixels), saved(Image.fromarray(pixels), "PNG")):
    for trial in range(60):
        broken = np.frombuffer(data, np.uint8).copy()
        broken[generator.integers(0, len(broken), 4)] = generator.integers(0, 256, 4)
        for grey, reduction in ((True, 1), (False, 1), (True, 4)):
            try:
                decode_prepared(broken.tobytes()[: len(broken) - trial], grey, reduction)
            except ImageError:
                pass
"""


def test_damaged_images_leave_no_line_on_standard_error() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", DAMAGED], capture_output=True, text=True, check=True, cwd=root)
    assert done.stderr == ""
