"""Brightness: what the lighter parts of a face show."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ampnet.faces.appearance import blurriness, brightness
from ampnet.media.images import resize
from ampnet.reading.image_files import list_images, read_image
from ampnet.robustness.degradations import darkness, gaussian_blur, low_resolution


def test_a_tenth_of_the_middle_is_brighter():
    grey = np.full((100, 100), 40, dtype=np.uint8)
    grey[:10] = 255  # the edge does not count
    grey[10:18] = 200  # 8 of 80 rows
    assert brightness(grey) == 40
    grey[18] = 200
    assert brightness(grey) == 200


def test_a_grey_face_is_as_bright_as_the_same_in_colour():
    grey = np.random.default_rng(0).integers(0, 256, (224, 224), dtype=np.uint8)
    assert brightness(np.dstack([grey] * 3)) == brightness(grey)


def test_black_and_white_are_the_ends():
    assert brightness(np.zeros((224, 224, 3), dtype=np.uint8)) == 0
    assert brightness(np.full((224, 224, 3), 255, dtype=np.uint8)) == 255


SAMPLES = Path(__file__).parents[1] / "samples" / "faces"


@pytest.fixture(scope="module")
def face():
    return resize(read_image(list_images(SAMPLES)[0]), (224, 224))


@pytest.mark.parametrize(("worse", "levels"), [(gaussian_blur, (2, 4, 8)), (low_resolution, (48, 28, 14))])
def test_each_level_of_blur_is_more_blurred_than_the_one_before(face, worse, levels):
    measured = [blurriness(face), *(blurriness(worse(face, level)) for level in levels)]
    assert all(before < after for before, after in pairwise(measured))


def test_a_dark_photo_of_a_face_is_as_sharp_as_a_light_one(face):
    assert blurriness(darkness(face, 1)) == pytest.approx(blurriness(face), abs=0.03)


def test_noise_has_more_edges_than_any_face_and_a_plain_surface_none(face):
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert blurriness(noise) < blurriness(face)
    assert blurriness(np.full((224, 224, 3), 90, dtype=np.uint8)) == 1


def test_a_grey_face_measures_as_the_same_face_in_colour(face):
    grey = np.ascontiguousarray(face[:, :, 1])
    assert blurriness(grey) == pytest.approx(blurriness(np.repeat(grey[:, :, None], 3, axis=2)), abs=0.005)
