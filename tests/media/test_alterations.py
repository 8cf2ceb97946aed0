"""Images that are no photographs any more, made from rendered faces by what damaged sets went through."""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ampnet.media.alterations import examine, is_stretched
from ampnet.reading.image_files import read_image

PROJECT = Path(__file__).parents[2]
FACES = sorted((PROJECT / "tests" / "samples" / "faces").rglob("*.jpg"))[::20]
DAMAGED = PROJECT.parent / "shared" / "data" / "fer2013_damaged.tar.gz"

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def faces() -> list[Pixels]:
    """Rendered faces in colour, 256 px, decoded from JPEG."""
    return [read_image(path) for path in FACES]


def traits(images: list[Pixels]) -> list[tuple[str, ...]]:
    return [examine(image).traits for image in images]


def enlarged(image: Pixels, factor: int, interpolation: int) -> Pixels:
    small = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=interpolation), dtype=np.uint8)


def jpeg(image: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def test_faces_as_they_are_have_no_traits(faces: list[Pixels]) -> None:
    assert traits(faces) == [()] * len(faces)


def test_images_of_one_tone_are_constant_even_with_a_little_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 5, (48, 48, 1), dtype=np.uint8)
    assert traits([np.zeros((48, 48, 3), np.uint8), np.repeat(noise + 120, 3, axis=2)]) == [("constant",)] * 2


def test_two_tones_are_few_and_a_dull_photograph_has_not_few(faces: list[Pixels]) -> None:
    # Two tones at the ends leave 30 of the 32 bands of the grey scale out, a narrow range none between its ends.
    black_and_white = [np.where(face[..., 1:2] > np.median(face), 255, 0).astype(np.uint8) for face in faces]
    assert traits([np.repeat(image, 3, axis=2) for image in black_and_white]) == [("few-tones",)] * len(faces)
    dull = [(face // 4 + 90).astype(np.uint8) for face in faces]
    assert "few-tones" not in {trait for found in traits(dull) for trait in found}


def test_equalised_channels_are_found(faces: list[Pixels]) -> None:
    equalised = [np.array(ImageOps.equalize(Image.fromarray(face))) for face in faces]
    assert traits(equalised) == [("equalised",)] * len(faces)


def test_equalised_grey_images_are_found_after_jpeg_too(faces: list[Pixels]) -> None:
    greys = [cv2.equalizeHist(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)) for face in faces]
    compressed = [jpeg(np.repeat(grey[..., None], 3, axis=2), 90) for grey in greys]
    # Renders of few shades keep tall spikes, which JPEG spreads; photographs do not have them.
    assert traits(compressed).count(("equalised",)) >= 0.85 * len(faces)


def test_equalised_brightness_is_found_beside_a_large_dark_or_bright_area(faces: list[Pixels]) -> None:
    for tone in (0, 255):
        for face in faces:
            grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
            grey[:100] = tone  # two fifths of the picture
            equalised = np.repeat(cv2.equalizeHist(grey)[..., None], 3, axis=2).astype(np.uint8)
            assert "equalised" in examine(equalised).traits


def test_a_stretched_range_leaves_a_comb(faces: list[Pixels]) -> None:
    dull = [(face * 0.7 + 30).astype(np.uint8) for face in faces]
    stretched = [np.array(ImageOps.autocontrast(Image.fromarray(face))) for face in dull]
    assert traits(stretched) == [("stretched",)] * len(faces)


def test_one_level_in_ten_missing_is_a_comb_and_one_in_fifty_is_not() -> None:
    counts = np.full(256, 9.0)
    counts[5::50] = 0
    assert not is_stretched(counts)
    counts[5::10] = 0
    assert is_stretched(counts)


def test_sums_that_ran_over_are_wrapped(faces: list[Pixels]) -> None:
    for face in faces:
        # Brightened until a quarter of the green pixels passes 255.
        shift = 256 - int(np.quantile(face[..., 1], 0.75))
        smooth = cv2.GaussianBlur(face, (0, 0), 1)  # no noise, so that only the tears jump
        wrapped = (smooth.astype(np.int64) + shift).astype(np.uint8)
        assert "wrapped" in examine(wrapped).traits


@pytest.mark.parametrize("interpolation", [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_images_made_of_a_sixteenth_of_their_pixels_are_upscaled(faces: list[Pixels], interpolation: int) -> None:
    assert all("upscaled" in found for found in traits([enlarged(face, 4, interpolation) for face in faces]))


def test_black_bars_do_not_make_an_image_upscaled(faces: list[Pixels]) -> None:
    bars = faces[0].copy()
    bars[:90] = bars[-90:] = 0
    assert examine(bars).traits == ()


def test_mean_and_spread_are_of_the_grey_levels() -> None:
    ramp = np.tile(np.array([0, 100], np.uint8), (48, 24))  # half 0, half 100
    tones = examine(np.repeat(ramp[..., None], 3, axis=2))
    assert (tones.mean, tones.spread) == (50.0, 50.0)


@pytest.mark.parametrize("side", [1, 2, 19])
def test_nothing_is_said_of_tiny_images(side: int) -> None:
    assert examine(np.full((side, side, 3), 7, dtype=np.uint8)).traits == ()


@pytest.mark.slow
@pytest.mark.skipif(not DAMAGED.is_file(), reason="the damaged copy of FER-2013 is not at hand")
def test_of_the_damaged_fer2013_every_destroyed_and_95_percent_of_the_equalised_images_are_found() -> None:
    found: dict[str, list[tuple[str, ...]]] = {"equalised": [], "destroyed": []}
    with tarfile.open(DAMAGED) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                part = "equalised" if "/equalised/" in member.name else "destroyed"
                found[part].append(examine(np.array(Image.open(file).convert("RGB"))).traits)
    assert (len(found["equalised"]), len(found["destroyed"])) == (300, 60)
    assert all(found["destroyed"])
    assert sum("equalised" in image for image in found["equalised"]) >= 285
