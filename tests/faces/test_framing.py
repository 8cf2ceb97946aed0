"""Faces land where they should, with the sharpness and colour that a network has seen."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.faces.alignment import CANONICAL_LANDMARKS, align_face, resize_face, source_side
from ampnet.faces.appearance import is_grey, to_grey
from ampnet.faces.framing import (
    MAX_OFFSET,
    MAX_SHARPNESS_RATIO,
    Framing,
    decide_crop,
    frame_face,
    frame_faces,
    is_crop_clear,
    is_shown_whole,
    measure_framing,
    reframing,
)
from ampnet.faces.geometry import transform_points
from ampnet.reading.photo import Photo

UPRIGHT = np.array([[40, 50], [80, 50], [60, 74], [44, 92.5], [76, 92.5]])
"""The canonical face at half its size, moved by (4, 8)."""


def spot(size_hw, x, y, sigma):
    """A soft white spot on black, centred on the continuous coordinates (x, y)."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    value = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(value.round().astype(np.uint8)[..., None], 3, axis=2)


def centroid(image):
    """Continuous coordinates of a spot's centre."""
    weight = image[..., 0].astype(float)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


def detail(image):
    """Mean step between neighbours: what blurring takes away."""
    return np.abs(np.diff(image[..., 0].astype(float), axis=1)).mean()


def rotated(points, degrees, scale, shift):
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return transform_points(points, np.column_stack([turn, shift]))


def test_a_face_at_half_size_is_enlarged_twice_onto_the_canonical_landmarks():
    face = align_face(np.zeros((150, 150, 3), np.uint8), UPRIGHT)
    assert face.matrix == pytest.approx(np.array([[2, 0, -8], [0, 2, -16]]), abs=1e-9)
    assert face.landmarks == pytest.approx(CANONICAL_LANDMARKS, abs=1e-9)
    assert source_side(face.matrix) == pytest.approx(112)
    assert align_face(np.zeros((150, 150, 3), np.uint8), UPRIGHT, size=112).landmarks == pytest.approx(
        CANONICAL_LANDMARKS / 2
    )


def test_a_face_of_the_frames_size_is_cut_out_to_its_borders():
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert np.array_equal(align_face(noise, CANONICAL_LANDMARKS + 20).image, noise[20:244, 20:244])


@pytest.mark.parametrize(("degrees", "scale"), [(0, 0.5), (25, 0.7), (-40, 1.0), (10, 3.0), (170, 5.3)])
def test_image_and_landmarks_move_together_at_every_scale_and_angle(degrees, scale):
    landmarks = rotated(CANONICAL_LANDMARKS, degrees, scale, (0, 0))
    landmarks += 700 - landmarks.mean(axis=0)
    for index in (0, 2, 4):
        face = align_face(spot((1400, 1400), *landmarks[index], sigma=4 * scale), landmarks)
        assert centroid(face.image) == pytest.approx(face.landmarks[index], abs=0.1)


def test_a_limited_resolution_keeps_the_place_and_takes_the_detail():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    landmarks = CANONICAL_LANDMARKS + 30
    full, limited = align_face(noise, landmarks), align_face(noise, landmarks, resolution=48)
    assert detail(limited.image) < detail(full.image) / 5
    face = align_face(spot((300, 300), *landmarks[3], sigma=12), landmarks, resolution=48)
    assert centroid(face.image) == pytest.approx(CANONICAL_LANDMARKS[3], abs=0.1)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.3, 5.0])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])
def test_a_face_found_a_fraction_of_a_pixel_further_looks_the_same_but_for_the_shift(scale, fraction):
    side = int(360 * scale)
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 1), dtype=np.uint8).repeat(3, axis=2)
    landmarks = CANONICAL_LANDMARKS * scale + side * 0.2
    first, second = (
        align_face(noise, points, resolution=60).image[..., 0].astype(np.float32)
        for points in (landmarks, landmarks + fraction)
    )
    back = np.array([[1, 0, -fraction / scale], [0, 1, -fraction / scale]])
    expected = cv2.warpAffine(first, back, (224, 224), flags=cv2.INTER_CUBIC)
    inner = slice(20, -20)
    difference = (second - expected)[inner, inner]
    # White noise is the hardest case. Reduced on a grid of 60 x 60 pixels, it differs by 9 to 75%.
    assert np.sqrt((difference**2).mean()) < 0.12 * first[inner, inner].std()


def test_a_face_with_less_detail_than_the_limit_stays_as_it_is():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    landmarks = CANONICAL_LANDMARKS * (40 / 224)
    assert np.array_equal(align_face(noise, landmarks, resolution=48).image, align_face(noise, landmarks).image)


def test_a_small_face_loses_the_same_detail_as_its_stored_frame():
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    at_once, stored = align_face(noise, UPRIGHT, resolution=48), align_face(noise, UPRIGHT)
    later = align_face(stored.image, stored.landmarks, resolution=48, side=source_side(stored.matrix))
    assert np.array_equal(at_once.image, later.image)


def test_shrinking_a_fine_checkerboard_gives_its_mean_grey():
    tensorboard = np.repeat((np.indices((1792, 1792)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    face = align_face(tensorboard, CANONICAL_LANDMARKS * 8)
    assert np.abs(face.image[20:200, 20:200] - 127.5).max() <= 3
    assert np.abs(resize_face(tensorboard, 224) - 127.5).max() <= 3


def test_a_face_at_the_edge_goes_on_with_the_last_pixels():
    face = align_face(np.full((100, 100, 3), 90, np.uint8), CANONICAL_LANDMARKS - 110)
    assert (face.image == 90).all()


def test_a_turned_head_is_not_moved_by_its_nose():
    turned = UPRIGHT.copy()
    turned[2, 0] += 18
    assert align_face(np.zeros((150, 150, 3), np.uint8), turned).landmarks[[0, 1, 3, 4]] == pytest.approx(
        CANONICAL_LANDMARKS[[0, 1, 3, 4]]
    )


def test_eyes_and_mouth_corners_weigh_the_same():
    """The least squares' solution maps the mean of the four onto the mean of their targets."""
    uneven = UPRIGHT + np.array([[6, 0], [0, 3], [0, 0], [0, -5], [-2, 0]])
    found = align_face(np.zeros((150, 150, 3), np.uint8), uneven).landmarks[[0, 1, 3, 4]]
    assert found.mean(axis=0) == pytest.approx(CANONICAL_LANDMARKS[[0, 1, 3, 4]].mean(axis=0))


def test_coinciding_landmarks_are_refused():
    with pytest.raises(ValueError, match="distinct"):
        align_face(np.zeros((50, 50, 3), np.uint8), np.full((5, 2), 20.0))


ALWAYS = Framing(crop="none", spread=math.inf, size=0.0)
"""Shows every image whole."""


@pytest.mark.parametrize("size_hw", [(48, 48), (100, 300), (640, 200), (1, 1)])
def test_resizing_a_whole_image_scales_each_axis_by_its_own_factor(size_hw):
    height, width = size_hw
    face = frame_face(np.zeros((height, width, 3), np.uint8), CANONICAL_LANDMARKS * (width / 224, height / 224), WHOLE)
    assert face.image.shape == (224, 224, 3)
    assert face.landmarks == pytest.approx(CANONICAL_LANDMARKS)


@pytest.mark.parametrize("size_hw", [(64, 64), (120, 400), (700, 180)])
def test_landmarks_follow_a_whole_image_whatever_its_shape(size_hw):
    height, width = size_hw
    landmarks = CANONICAL_LANDMARKS * (width / 224, height / 224)
    landmarks[2] = x, y = width * 0.4, height * 0.6
    face = frame_face(spot(size_hw, x, y, sigma=min(size_hw) / 12), landmarks, ALWAYS)
    assert centroid(face.image) == pytest.approx(face.landmarks[2], abs=0.1)


def test_enlarging_in_use_equals_enlarging_in_prepare():
    """A 48-px training image and the same face found in a photo give the same network input."""
    rng = np.random.default_rng(1)
    photo = np.full((200, 220, 3), 128, np.uint8)
    photo[100:148, 90:138] = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    inside = CANONICAL_LANDMARKS * (48 / 224)
    prepared = resize_face(photo[100:148, 90:138], 224)
    framing = Framing(mean_landmarks=tuple(map(tuple, CANONICAL_LANDMARKS.tolist())), crop="none", face_resolution=48)
    face = frame_face(photo, inside + np.array([90, 100]), framing)
    assert face.landmarks == pytest.approx(CANONICAL_LANDMARKS)
    difference = np.abs(face.image.astype(int) - prepared.astype(int))[10:-10, 10:-10]
    assert difference.mean() < 2  # cubic warp against cubic resize; the noise itself steps by 85 on average


def test_grey_faces_carry_the_luma_of_jpeg():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert (to_grey(red) == 76).all()  # 0.299 * 255
    assert is_grey(to_grey(red))
    assert not is_grey(red)


def test_a_grey_network_gets_grey_faces():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (240, 240, 3), dtype=np.uint8)
    assert is_grey(frame_face(photo, CANONICAL_LANDMARKS, Framing(color="grey")).image)
    assert not is_grey(frame_face(photo, CANONICAL_LANDMARKS, Framing(color="rgb")).image)


def test_a_face_framed_from_a_reduced_photo_has_the_map_from_the_whole_one():
    photo = Photo.of_frame(Path("clip.mp4"), np.zeros((450, 600, 3), np.uint8), 0, 0.0, size_hw=(900, 1200))
    points = 3 * CANONICAL_LANDMARKS + (50, 100)
    (face,) = frame_faces(photo, [points], Framing())
    assert face.landmarks == pytest.approx(CANONICAL_LANDMARKS)
    assert face.matrix == pytest.approx(np.array([[1 / 3, 0, -50 / 3], [0, 1 / 3, -100 / 3]]))


def test_tight_faces_stay_whole_and_scenes_are_cut():
    assert decide_crop(np.array([0.6, 0.7, 0.8, 0.1]))[0] == "none"
    assert decide_crop(np.array([0.2, 0.25, 0.9]))[0] == "face"
    mode, reason = decide_crop(np.array([]))
    assert mode == "none"
    assert "no face" in reason


def test_whether_images_are_cropped_is_clear_by_five_deviations_of_the_median():
    assert not is_crop_clear(np.array([]))
    assert not is_crop_clear(np.full(24, 0.7))
    for fraction in (0.7, 0.2):
        assert is_crop_clear(np.full(25, fraction))
    assert is_crop_clear(np.repeat([0.7, 0.2], [52, 12]))  # 40 = 5 sqrt(64)
    assert not is_crop_clear(np.repeat([0.7, 0.2], [51, 13]))


def test_framing_survives_json_and_refuses_nonsense():
    framing = measure_framing(CANONICAL_LANDMARKS[None], "none", grey_fraction=1.0, source_sides=np.array([48.0]))
    assert framing == Framing(crop="none", color="grey", face_resolution=48.0)
    assert Framing.from_dict(framing.to_dict()) == framing
    for wrong in ({}, {**framing.to_dict(), "crop": "half"}, {**framing.to_dict(), "mean_landmarks": [[1, 2]]}):
        with pytest.raises(DataError, match="framing"):
            Framing.from_dict(wrong)


def test_framings_of_earlier_versions_without_spread_and_size_are_read():
    earlier = {name: value for name, value in Framing(crop="none").to_dict().items() if name not in ("spread", "size")}
    assert Framing.from_dict(earlier) == Framing(crop="none")


def test_spread_and_size_are_those_of_nearly_all_training_faces():
    rng = np.random.default_rng(0)
    moved = CANONICAL_LANDMARKS + np.append(rng.uniform(-30, 30, 997), [90, 90, 90])[:, None, None] * [1.0, 0.0]
    framing = measure_framing(moved, "none", 0.0, np.full(1000, 48.0))
    assert framing.spread == pytest.approx(30, abs=2)
    shrunk = 112 + (CANONICAL_LANDMARKS - 112) * rng.uniform(0.6, 1.4, 1000)[:, None, None]
    assert measure_framing(shrunk, "none", 0.0, np.full(1000, 48.0)).size == pytest.approx(0.6, abs=0.02)


WHOLE = Framing(crop="none", spread=20.0, size=0.7)


@pytest.mark.parametrize(
    ("case", "landmarks", "is_whole"),
    [
        ("a crop like the training images", CANONICAL_LANDMARKS, True),
        ("one that is moved a little", CANONICAL_LANDMARKS + 10, True),
        ("one that is moved more", CANONICAL_LANDMARKS + 20, False),
        ("a smaller face in the same place", 112 + (CANONICAL_LANDMARKS - 112) * 0.8, True),
        ("one that is too small", 112 + (CANONICAL_LANDMARKS - 112) * 0.6, False),
    ],
)
def test_an_image_like_the_training_images_is_shown_whole_and_another_one_framed_like_them(case, landmarks, is_whole):
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (448, 448, 3), dtype=np.uint8)
    face = frame_face(photo, landmarks * 2, WHOLE)
    if is_whole:
        assert np.array_equal(face.image, resize_face(photo, 224))
        assert face.landmarks == pytest.approx(landmarks)
        assert face.matrix == pytest.approx(np.array([[0.5, 0, 0], [0, 0.5, 0]]))
    else:
        assert face.landmarks == pytest.approx(CANONICAL_LANDMARKS)


def test_faces_of_a_network_that_saw_aligned_faces_are_aligned_to_the_same_place():
    photo = np.zeros((448, 448, 3), np.uint8)
    trained = measure_framing(CANONICAL_LANDMARKS[None] + 1, "face", 0.0, np.array([300.0]))
    assert frame_face(photo, CANONICAL_LANDMARKS * 2, trained).landmarks == pytest.approx(CANONICAL_LANDMARKS)


def test_large_training_faces_set_no_limit_on_detail():
    landmarks = np.repeat(CANONICAL_LANDMARKS[None], 10, axis=0)
    assert measure_framing(landmarks, "face", 0.2, np.full(10, 300.0)).face_resolution is None
    mixed = measure_framing(landmarks, "face", 0.2, np.array([100.0] * 5 + [180.0] * 5))
    assert mixed.face_resolution == 180.0


CENTRED = Framing()
"""Of a network; its mean landmarks are the canonical ones."""


def faces_at(shift, count=3):
    """Landmarks of prepared faces, moved from the canonical place by so many pixels to the right."""
    return np.repeat((np.array(CENTRED.mean_landmarks) + np.array([shift, 0]))[None], count, axis=0)


def test_faces_where_the_network_expects_them_stay_as_they_are():
    assert reframing(CENTRED, faces_at(0), CENTRED) is None
    assert reframing(CENTRED, faces_at(MAX_OFFSET - 0.1), CENTRED) is None
    assert reframing(None, faces_at(0), CENTRED) is None  # prepared by hand


def test_faces_elsewhere_or_of_another_crop_are_framed_as_the_networks_faces():
    assert reframing(CENTRED, faces_at(MAX_OFFSET + 0.1), CENTRED) == CENTRED
    assert reframing(None, faces_at(MAX_OFFSET + 0.1), CENTRED) == CENTRED
    other = replace(CENTRED, crop="none" if CENTRED.crop == "face" else "face")
    assert reframing(other, faces_at(0), CENTRED) == CENTRED


@pytest.mark.parametrize(
    ("resolution", "limited"),
    [(None, True), (48 * MAX_SHARPNESS_RATIO + 0.1, True), (48 * MAX_SHARPNESS_RATIO - 0.1, False), (30.0, False)],
)
def test_only_faces_with_more_detail_than_the_network_has_seen_lose_some(resolution, limited):
    trained = replace(CENTRED, face_resolution=48.0)
    framing = reframing(replace(CENTRED, face_resolution=resolution), faces_at(40), trained)
    assert framing == (trained if limited else replace(trained, face_resolution=None))


def test_sharper_faces_are_brought_to_the_detail_that_the_network_has_seen():
    trained = Framing(face_resolution=48.0)
    faces = np.repeat(CANONICAL_LANDMARKS[None], 3, axis=0)
    assert reframing(Framing(face_resolution=None), faces, trained) == trained
    assert reframing(Framing(face_resolution=100.0), faces, trained) == trained


def test_an_aligned_face_is_no_whole_image():
    framing = reframing(CENTRED, faces_at(0), WHOLE)
    assert framing is not None
    assert not is_shown_whole(CANONICAL_LANDMARKS + 1, framing, (224, 224))


SPREAD = [[float(x), float(y)] for x, y in CANONICAL_LANDMARKS]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean_landmarks": [[112.0, 112.0]] * 5}, "at least 1.0 px apart"),
        ({"mean_landmarks": [*SPREAD[:4], SPREAD[0]]}, "at least 1.0 px apart"),
        ({"mean_landmarks": [*SPREAD[:4], [np.nan, 0.0]]}, "in or near the image"),
        ({"mean_landmarks": [*SPREAD[:4], [500.0, 0.0]]}, "in or near the image"),
        ({"mean_landmarks": SPREAD[:4]}, "in or near the image"),
        ({"mean_landmarks": [[1.0, 2.0, 3.0]] * 5}, "invalid"),
        ({"mean_landmarks": "five"}, "invalid"),
        ({"mean_landmarks": None}, "invalid"),
        ({"mean_landmarks": [["1", "2"]] * 5}, "invalid"),
        ({"face_resolution": np.inf}, "face_resolution must be within"),
        ({"face_resolution": 0.5}, "face_resolution must be within"),
        ({"face_resolution": "48"}, "invalid"),
        ({"crop": "some"}, "invalid"),
        ({"spread": -1.0}, "spread"),
        ({"size": np.nan}, "size"),
        ({"color": 3}, "invalid"),
    ],
)
def test_framings_that_no_face_could_be_brought_into_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        Framing.from_dict(Framing().to_dict() | changes)


@pytest.mark.parametrize("plain", [3, None, [], {}, {"crop": "face"}])
def test_what_is_no_framing_is_refused(plain):
    with pytest.raises(DataError, match="framing: "):
        Framing.from_dict(plain)


def test_a_framing_comes_back_from_plain_values():
    framing = Framing(crop="none", color="grey", face_resolution=48.0)
    assert Framing.from_dict(framing.to_dict()) == framing
