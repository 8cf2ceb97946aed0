"""Files that are not used are named for what they are, and damage that decoders fill in is found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.errors import ImageError
from ampnet.media.decoding import decode
from ampnet.media.faults import jpeg_damage, unreadable_format
from tests.hostile_images import saved

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
PORTRAIT = (Path(__file__).parents[1] / "samples" / "portrait.jpg").read_bytes()


@pytest.mark.parametrize(
    ("format_name", "kind"),
    [
        ("JPEG2000", "a JPEG 2000 picture"),
        ("ICO", "an icon"),
        ("DDS", "a DDS texture"),
        ("PCX", "a PCX picture"),
        ("PDF", "a PDF document"),
    ],
)
def test_a_format_that_is_not_read_is_named(format_name: str, kind: str) -> None:
    assert unreadable_format(saved(PICTURE, format_name)) == f"it is {kind}; save it as JPEG or PNG"


def test_a_page_that_was_saved_in_the_place_of_a_photo_is_named() -> None:
    assert (
        unreadable_format(b"\xef\xbb\xbf\n<!DOCTYPE HTML><title>403</title>")
        == "it is a web page; save it as JPEG or PNG"
    )
    assert unreadable_format(b"PK\x03\x04...") == "it is a zip archive; unpack it"
    assert unreadable_format(b"notes") == "not an image, or a damaged one"


@pytest.mark.parametrize("enough_side", [None, 128])
def test_a_jpeg_that_lost_its_lower_half_is_not_answered(enough_side: int | None) -> None:
    middle = len(PORTRAIT) // 2
    broken = PORTRAIT[:middle] + b"\xaa" * 40 + PORTRAIT[middle + 40 :]
    with pytest.raises(ImageError, match=r"^damaged inside "):
        decode(broken, enough_side)


def test_a_jpeg_whose_data_ends_early_is_not_answered() -> None:
    with pytest.raises(ImageError, match=r"^damaged inside "):
        decode(PORTRAIT[: len(PORTRAIT) // 2] + PORTRAIT[-2:])


@pytest.mark.parametrize("rest", [b"\x12\x34", bytes(100)])
def test_what_cameras_leave_behind_the_last_block_is_no_damage(rest: bytes) -> None:
    padded = PORTRAIT.removesuffix(b"\xff\xd9") + rest + b"\xff\xd9"
    assert (decode(padded).image == decode(PORTRAIT).image).all()


def test_leftovers_that_are_no_padding_are_damage() -> None:
    complaint = "Corrupt JPEG data: 9 extraneous bytes before marker 0xd9"
    assert jpeg_damage(complaint, b"...123456789\xff\xd9") == "damaged inside (9 bytes that belong to no block)"
    assert jpeg_damage(complaint, b"...\0\0\0\0\0\0\0\0\0\xff\xd9") is None
