"""Coarse to fine: the face that the full look would choose, with no more pixels than that takes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.detection.any_size import AnySizeDetector, Seen
from ampnet.detection.coarse_to_fine import detect_for_choice
from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.multiscale import is_same, pass_sizes
from ampnet.detection.retries import detect_with_retries
from ampnet.settings import DetectorConfig
from tests.pictures import read_rgb

FACES = sorted((Path(__file__).parents[1] / "samples" / "faces").rglob("*.jpg"))
LANDMARKS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], dtype=np.float32)


class CountingDetector(FaceDetector):
    """Counts the pixels that its network sees."""

    pixels = 0

    def candidates(self, batch, threshold):
        self.pixels += sum(np.prod(item.padded_hw) for item in batch)
        return super().candidates(batch, threshold)


@pytest.fixture(scope="module")
def detector():
    return CountingDetector()


def photo(size_hw, heads, seed=0):
    """Paste rendered heads, ``(number of the sample, left, top, side)``, on a mottled background."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    mottled = rng.integers(90, 150, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
    canvas = cv2.resize(mottled, (width, height), interpolation=cv2.INTER_CUBIC)
    for number, left, top, side in heads:
        head = read_rgb(FACES[number])
        canvas[top : top + side, left : left + side] = cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)
    return canvas


SMALL_BESIDE_LARGE = [
    photo((1350, 1100), [(0, 100, 200, 900), (10, 0, 0, 120), (30, 1000, 1200, 100)]),
    photo((900, 1600), [(50, 100, 100, 500), (60, 800, 300, 420), (70, 1300, 500, 200)]),
    photo((1200, 1200), [(90, 400, 420, 300), (110, 0, 0, 130), (120, 1000, 900, 160)]),
    photo((1000, 1500), [(150, 0, 0, 96), (160, 700, 400, 110), (170, 1200, 800, 90)]),
    photo((1500, 700), [(200, 50, 700, 600), (210, 150, 60, 500)]),
    photo((600, 800), [(250, 20, 20, 200), (260, 300, 200, 350), (270, 700, 500, 80)]),
]


@pytest.fixture(scope="module")
def everything(detector):
    return detect_with_retries(detector, SMALL_BESIDE_LARGE)


@pytest.mark.parametrize("policy", ["largest", "centre", "best"])
def test_the_face_that_the_full_look_would_choose_is_chosen(detector, policy, everything):
    chosen = detect_with_retries(detector, SMALL_BESIDE_LARGE, policy)
    for image, found, all_of_it in zip(SMALL_BESIDE_LARGE, chosen, everything, strict=True):
        (face,), (expected,) = found.faces, choose_face(all_of_it.faces, policy, image.shape[:2])
        assert is_same(face, expected)
        eyes = np.linalg.norm(expected.landmarks[1] - expected.landmarks[0])
        assert np.linalg.norm(face.landmarks - expected.landmarks, axis=1).mean() < 0.05 * eyes


@pytest.mark.parametrize(("policy", "fraction"), [("largest", 0.1), ("centre", 0.35)])
def test_a_portrait_costs_a_fraction_of_the_pixels_of_the_full_look(detector, policy, fraction):
    portrait = photo((1350, 1350), [(0, 125, 125, 1100)])
    detector.pixels = 0
    (found,) = detect_with_retries(detector, [portrait], policy)
    seen, detector.pixels = detector.pixels, 0
    (_,) = detect_with_retries(detector, [portrait])
    assert found.count == 1
    assert seen < detector.pixels * fraction


class ScriptedDetector(AnySizeDetector):
    """Sees given faces and suspects at the coarse look, and given faces in any other view."""

    config = DetectorConfig()

    def __init__(self, coarse, close):
        self.coarse, self.close, self.views = coarse, close, []

    def candidates(self, batch, threshold):
        raise NotImplementedError

    def look(self, views, score_threshold=None, suspicion=None):
        self.views += [view.image.shape[:2] for view in views]
        return [Seen(self.close, []) if suspicion is None else self.coarse for _ in views]


def face(side, left=0, top=0, score=0.9):
    """A face in a box of 100 x 120, scaled to this width and moved."""
    scale = side / 100
    box = np.array([0, 0, 100, 120], dtype=np.float32) * scale + np.tile(np.array([left, top], np.float32), 2)
    return Face(box, score, LANDMARKS * np.float32(scale) + np.array([left, top], np.float32))


IMAGE = np.zeros((1280, 1280, 3), np.uint8)
SURE = face(500, 300, 300)  # 125 px of the coarse look, too large for the full one


@pytest.mark.parametrize(
    ("case", "coarse", "is_enough"),
    [
        ("one large face", Seen([SURE], []), True),
        ("a far smaller one beside it", Seen([SURE, face(100, 1000, 100)], []), True),
        ("one that is nearly as large", Seen([SURE, face(450, 800, 0)], []), False),
        ("something nearly as large that may be a face", Seen([SURE], [face(450, 800, 0, 0.2)]), False),
        ("something small that may be a face", Seen([SURE], [face(100, 1000, 0, 0.2)]), True),
        ("a face so small that a larger one may be overlooked", Seen([face(100, 300, 300)], []), False),
        ("a face with impossible landmarks", Seen([Face(SURE.box, 0.9, LANDMARKS)], []), False),
        ("nothing", Seen([], []), False),
    ],
)
def test_the_coarse_look_decides_only_without_a_rival(case, coarse, is_enough):
    detector = ScriptedDetector(coarse, [])
    detect_for_choice(detector, [IMAGE], "largest", [12.0])
    assert len(detector.views) == (1 if is_enough else 2)


def test_nearest_to_the_centre_is_decided_by_a_close_look_at_the_centre():
    in_front = face(60, 610, 600)
    detector = ScriptedDetector(Seen([face(500, 420, 380)], []), [in_front])
    (found,) = detect_for_choice(detector, [IMAGE], "centre", [12.0])
    assert choose_face(found, "centre", (1280, 1280)) == [in_front]
    assert len(detector.views) == 2
    assert max(detector.views[1]) <= 1280 / 2


@pytest.mark.parametrize(
    ("size_hw", "min_face", "expected"),
    [
        ((1000, 2000), 0, [1280, 320]),
        ((1000, 2000), 12, [1280, 320]),
        ((1000, 2000), 200, [1280, 320]),  # 200 px are 128 at 1280
        ((1000, 2000), 400, [640, 320]),
        ((1000, 2000), 500, [512]),
        ((1000, 2000), 900, [320]),
        ((48, 48), 40, [224]),
    ],
)
def test_faces_are_looked_for_no_closer_than_the_smallest_one_needs(size_hw, min_face, expected):
    assert pass_sizes(np.zeros((*size_hw, 3), np.uint8), min_face) == expected
