"""16-bit files that use a part of the range, as cameras write them."""

from io import BytesIO
from zlib import crc32

import cv2
import numpy as np
import pytest
from PIL import Image

from ampnet.errors import ImageError
from ampnet.media import decoding, sixteen_bits
from ampnet.media.decoding import decode, from_pillow

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)  # every value once
COLOUR = np.dstack([GREY, GREY.T, GREY[::-1]])


def white(bits: int) -> int:
    return int(2**bits - 1)


def of_bits(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Spread 8-bit values over a range of more bits, black to black and white to white."""
    return np.round(pixels * (white(bits) / 255)).astype(np.uint16)


def encoded(pixels: np.ndarray, extension: str = ".png") -> bytes:
    return cv2.imencode(extension, pixels)[1].tobytes()  # colour in BGR


@pytest.mark.parametrize("extension", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("bits", [8, 10, 11, 12, 14, 16])
def test_grey_of_any_number_of_bits_has_the_brightness_of_8_bits(bits: int, extension: str) -> None:
    image = decode(encoded(of_bits(GREY, bits), extension)).image
    np.testing.assert_array_equal(image, np.dstack([GREY] * 3))


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 10, 11, 12, 14])
def test_colour_of_any_number_of_bits_has_the_brightness_of_8_bits(bits: int, extension: str) -> None:
    image = decode(encoded(of_bits(COLOUR, bits), extension)).image
    np.testing.assert_array_equal(image, COLOUR[..., ::-1])


def test_full_range_colour_keeps_its_upper_bits() -> None:
    image = decode(encoded(COLOUR.astype(np.uint16) << 8 | 255)).image
    np.testing.assert_array_equal(image, COLOUR[..., ::-1])


@pytest.mark.parametrize("factor", [256, 257])
@pytest.mark.parametrize("pixels", [GREY // 8, COLOUR // 8], ids=["grey", "colour"])
def test_a_dark_8_bit_photo_saved_with_16_bits_stays_as_dark(pixels: np.ndarray, factor: int) -> None:
    image = decode(encoded(pixels.astype(np.uint16) * factor)).image
    np.testing.assert_array_equal(image, np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels[..., ::-1])


def test_a_dark_photo_with_one_bright_lamp_is_not_stretched() -> None:
    night = of_bits(GREY // 8, 16) + 5
    night[3, 3] = 60_000
    image = decode(encoded(night)).image[..., 0]
    assert image[3, 3] == 233  # 60,000 / 257 = 233.5, less half of 257
    assert np.delete(image.ravel(), 3 * 16 + 3).max() == 31


@pytest.mark.parametrize(("largest", "expected"), [(16_383, 255), (16_384, 64)])
def test_the_range_is_full_from_the_15th_bit_on(largest: int, expected: int) -> None:
    assert decode(encoded(np.array([[1, largest]], dtype=np.uint16))).image[0, 1, 0] == expected


@pytest.mark.parametrize("alpha", [0xFFFF, 4095])
def test_transparency_of_a_12_bit_picture_is_composited_over_white(alpha: int) -> None:
    wide = of_bits(COLOUR, 12)
    opaque = np.full(GREY.shape, alpha, dtype=np.uint16)
    opaque[0] = 0
    image = decode(encoded(np.dstack([wide, opaque]))).image
    np.testing.assert_array_equal(image[1:], COLOUR[1:, :, ::-1])
    assert (image[0] == 255).all()


def test_grey_with_transparency_is_stretched_as_well() -> None:
    samples = np.dstack([of_bits(GREY, 12), np.full(GREY.shape, 0xFFFF, dtype=np.uint16)]).astype(">u2")
    data = BytesIO()
    # Pillow cannot write this kind of PNG, so a picture of 4 x 8 bits becomes one of 2 x 16: a row has the same bytes.
    Image.fromarray(samples.view(np.uint8).reshape(16, 16, 4), "RGBA").save(data, "PNG")
    png = bytearray(data.getvalue())
    png[24:26] = 16, 4
    png[29:33] = crc32(png[12:29]).to_bytes(4, "big")
    np.testing.assert_array_equal(decode(bytes(png)).image, np.dstack([GREY] * 3))


@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_picture_in_bands_is_stretched_by_its_brightest_band(
    monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray
) -> None:
    data = encoded(of_bits(pixels, 12))
    whole = decode(data).image
    monkeypatch.setattr(sixteen_bits, "_BAND", 32)
    np.testing.assert_array_equal(decode(data).image, whole)


def test_a_reduced_12_bit_photo_is_as_bright_as_the_whole_one() -> None:
    data = encoded(np.kron(of_bits(COLOUR, 12), np.ones((8, 8, 1), dtype=np.uint16)))
    np.testing.assert_array_equal(decode(data, enough_side=16).image, COLOUR[..., ::-1])


def test_a_programs_own_picture_of_12_bits_is_stretched() -> None:
    image = from_pillow(Image.fromarray(of_bits(GREY, 12))).image
    np.testing.assert_array_equal(image, np.dstack([GREY] * 3))


def test_a_second_look_that_would_take_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    full, part = encoded(of_bits(COLOUR, 16)), encoded(of_bits(COLOUR, 12))
    monkeypatch.setattr(decoding, "MAX_MEMORY", 40_000_000 + len(full) + 7 * 256 + 300)  # enough for one look
    decode(full)
    with pytest.raises(ImageError, match="MB to decode"):
        decode(part)


def test_pixels_of_32_bits_are_refused() -> None:
    with pytest.raises(ImageError, match="more than 16 bits"):
        from_pillow(Image.fromarray(np.array([[1, 70_000]], dtype=np.int32)))
