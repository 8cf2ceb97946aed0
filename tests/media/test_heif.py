"""HEIC and AVIF photos."""

import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, features

from ampnet.errors import ImageError
from ampnet.media.decoding import decode


def photo(suffix, orientation=1):
    """Return a photo 96 wide and 64 high, red on its left half, as a camera stores it."""
    if suffix == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    picture = Image.new("RGB", (96, 64), "blue")
    picture.paste("red", (0, 0, 48, 64))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = BytesIO()
    picture.save(content, format=suffix, exif=exif.tobytes())
    return content.getvalue()


@pytest.mark.parametrize("suffix", ["HEIF", "AVIF"])
def test_a_photo_is_read_upright(suffix):
    flat = decode(photo(suffix))
    assert flat.size_hw == flat.image.shape[:2] == (64, 96)
    assert np.abs(flat.image[32, 10].astype(int) - (255, 0, 0)).max() < 20
    turned = decode(photo(suffix, orientation=6))  # the camera was turned: its left is the photo's top
    assert turned.size_hw == turned.image.shape[:2] == (96, 64)
    assert np.abs(turned.image[10, 32].astype(int) - (255, 0, 0)).max() < 20
    assert np.abs(turned.image[85, 32].astype(int) - (0, 0, 255)).max() < 20


@pytest.mark.parametrize("suffix", ["HEIF", "AVIF"])
def test_a_damaged_photo_is_an_error_of_this_file(suffix):
    whole = photo(suffix)
    for data in (whole[:40], whole[: len(whole) // 2], whole[:12] + bytes(len(whole) - 12)):
        with pytest.raises(ImageError):
            decode(data)


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    data = photo("HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"^it is a HEIC photo; to read it: pip install 'ampnet\[heic\]'$"):
        decode(data)
