"""Augmentation moves image and landmarks together, as the reference program does, and only as told."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.dataset.loading.augment import (
    COLORING,
    MOVING,
    NUMBERS,
    AffineJitter,
    draw_affine_jitter,
    draw_uniforms,
    jitter_colors,
    jitter_landmarks,
    warp_face,
)
from ampnet.faces.alignment import resize_face
from ampnet.settings.recipes import Augmentation

DATA = Path(__file__).parents[2] / "reference"
STILL = Augmentation(
    brightness=0, contrast=0, saturation=0, grey=0, move_probability=0, shift_probability=0, mirror_probability=0
)


def rng(seed=0):
    return np.random.default_rng(seed)


def numbers(count, seed=0):
    return rng(seed).random(count)


def blob_face(landmarks, size=224):
    """Draw a soft white dot at each landmark on black."""
    y, x = np.mgrid[:size, :size] + 0.5
    bumps = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18) for px, py in landmarks]
    return np.rint(255 * np.max(bumps, axis=0)).astype(np.uint8)


def centre_of_mass(image, near, reach):
    x0, y0 = np.floor(np.asarray(near) - reach).astype(int).clip(0)
    part = image[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach].astype(float)
    y, x = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
    return np.array([x0 + (x * part).sum() / part.sum(), y0 + (y * part).sum() / part.sum()])


def test_landmarks_move_as_in_the_reference_program():
    cases = np.load(DATA / "augment.npz")
    for before, angle, scale, dx, dy, flip, after in zip(*(cases[name] for name in cases), strict=True):
        moved = jitter_landmarks(before, AffineJitter(angle, scale, dx, dy, bool(flip)))
        assert np.abs(moved - after).max() < 1e-4


@pytest.mark.parametrize("size", [224, 112, 96])
@pytest.mark.parametrize(
    "movement", [AffineJitter(), AffineJitter(15, 1.1, 9, -7), AffineJitter(-8, 0.93, -12, 5, mirror=True)]
)
def test_the_image_goes_where_its_landmarks_go(size, movement):
    face = np.array([[80, 90], [140, 88], [112, 120], [90, 150], [138, 152]], dtype=float)
    shown = warp_face(blob_face(face), movement.matrix(), size)
    for x, y in jitter_landmarks(face, movement) * (size / 224):
        assert np.abs(centre_of_mass(shown, (x, y), round(16 * size / 224)) - (x, y)).max() < 0.15


def test_a_batch_moves_as_its_faces_one_by_one():
    movement = draw_affine_jitter(Augmentation(), rng(2).random((50, MOVING)))
    faces = rng(3).uniform(0, 224, (50, 5, 2))
    whole = jitter_landmarks(faces, movement)
    for i, matrix in enumerate(movement.matrix()):
        parts = (movement.angle, movement.scale, movement.dx, movement.dy, movement.mirror)
        one = AffineJitter(*(part[i] for part in parts))
        assert np.array_equal(one.matrix(), matrix)
        assert np.array_equal(jitter_landmarks(faces[i], one), whole[i])


def test_a_faces_numbers_depend_on_seed_epoch_and_place_only():
    together = draw_uniforms(1, 2, [40, 41, 44])
    assert together.shape == (3, NUMBERS)
    assert np.array_equal(draw_uniforms(1, 2, [44]), together[2:])
    for other in (draw_uniforms(2, 2, [44]), draw_uniforms(1, 3, [44]), draw_uniforms(1, 2, [45])):
        assert not np.isin(other, together).any()


def test_landmarks_are_clipped_after_the_shift_and_before_the_mirror():
    face = np.array([[5, 100], [100, 100], [60, 130], [30, 160], [90, 160]], dtype=float)
    assert jitter_landmarks(face, AffineJitter(dx=-20))[0].tolist() == [0, 100]
    assert jitter_landmarks(face, AffineJitter(dx=-20, mirror=True))[1].tolist() == [224, 100]


def test_the_reference_mirror_leaves_right_eye_and_right_mouth_corner_in_place():
    face = np.array([[70, 90], [150, 91], [112, 130], [80, 170], [140, 171]], dtype=float)
    right = jitter_landmarks(face, AffineJitter(mirror=True)).tolist()
    assert right == [[74, 91], [154, 90], [112, 130], [84, 171], [144, 170]]
    wrong = jitter_landmarks(face, AffineJitter(mirror=True), reference_mirror=True).tolist()
    assert wrong == [[74, 91], [150, 91], [112, 130], [84, 171], [140, 171]]


def test_what_comes_from_outside_the_image_is_black():
    white = np.full((224, 224), 255, dtype=np.uint8)
    moved = warp_face(white, AffineJitter(dx=20).matrix(), 112)
    assert moved[:, :10].max() == 0
    assert moved[:, 10:].min() == 255


def test_half_size_is_the_mean_of_four_pixels_with_and_without_augmentation():
    image = rng().integers(0, 256, (224, 224), dtype=np.uint8)
    mean = image.reshape(112, 2, 112, 2).mean((1, 3))
    assert np.abs(resize_face(image, 112) - mean).max() <= 0.5
    assert np.abs(warp_face(image, AffineJitter().matrix(), 112) - mean).max() <= 1.0


def test_movements_keep_to_their_ranges_and_probabilities():
    drawn = draw_affine_jitter(Augmentation(), draw_uniforms(1, 0, range(4000))[:, :MOVING])
    assert set(np.atleast_1d(drawn.angle)) == set(range(-15, 16))
    assert set(np.atleast_1d(drawn.dx)) == set(np.atleast_1d(drawn.dy)) == set(range(-20, 21))
    scales = set(drawn.scale.tolist())
    assert min(scales) == 0.9
    assert max(scales) == 1.1
    assert all(round(scale, 2) == scale for scale in scales)
    assert np.mean(drawn.angle != 0) == pytest.approx(0.8 * 30 / 31, abs=0.03)
    assert np.mean(drawn.mirror) == pytest.approx(0.5, abs=0.03)


def test_colour_maps_agree_with_one_step_after_the_other():
    """Brightness, contrast and saturation of torchvision's definitions, one by one, in exact numbers."""
    image = rng().integers(60, 180, (8, 8, 3), dtype=np.uint8)  # no clipping on the way
    strength = Augmentation(grey=0)
    shown = jitter_colors(image, strength, numbers(COLORING, 5))
    bright, contrast, saturation = 1 + (2 * numbers(COLORING, 5)[:3] - 1) * 0.2
    luma = np.array([0.114, 0.587, 0.299])
    steps = image * bright
    steps = contrast * steps + (1 - contrast) * (steps @ luma).mean()
    steps = saturation * steps + (1 - saturation) * (steps @ luma)[..., None]
    assert np.abs(shown - steps).max() <= 0.6  # OpenCV multiplies by whole 1024ths


def test_grey_images_change_like_colour_images_with_equal_channels():
    grey = rng().integers(60, 180, (8, 8), dtype=np.uint8)
    color = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    for seed in range(20):
        strength = Augmentation(tone=0.5)
        drawn = numbers(COLORING, seed)
        difference = jitter_colors(grey, strength, drawn) - jitter_colors(color, strength, drawn)[..., 0].astype(int)
        assert np.abs(difference).max() <= 8  # fewer levels may round apart by one level of 4 bits, half of it


def test_no_augmentation_of_colour_changes_nothing():
    image = rng().integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(jitter_colors(image, STILL, numbers(COLORING)), image)


def test_grey_probability_one_makes_equal_channels():
    image = rng().integers(0, 256, (16, 16, 3), dtype=np.uint8)
    shown = jitter_colors(image, Augmentation(brightness=0, contrast=0, grey=1.0), numbers(COLORING))
    assert (
        np.abs(shown - (image @ np.array([0.114, 0.587, 0.299]))[..., None]).max() <= 0.6
    )  # OpenCV multiplies by whole 1024ths
