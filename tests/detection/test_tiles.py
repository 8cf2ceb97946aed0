"""Long panoramas and huge crowds, whose faces one look at 1,280 px would make too small."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face
from ampnet.detection.finder import FaceFinder
from ampnet.detection.multiscale import merge_tiles, tiles
from ampnet.media.decoding_memory import reduction
from ampnet.reading.contents import PixelContent
from ampnet.reading.photo import ENOUGH_SIDE, Photo
from tests.pictures import read_rgb

SAMPLES = Path(__file__).parents[1] / "samples" / "faces" / "test"


def crowd(width, height, rows, columns, head):
    """Place rendered heads on a grid; returns the photo and the centre of each head."""
    files = [path for folder in sorted(SAMPLES.iterdir()) for path in sorted(folder.iterdir())[:2]]
    heads = [cv2.resize(read_rgb(path), (head, head)) for path in files]
    canvas = np.full((height, width, 3), (120, 130, 140), np.uint8)
    centres = []
    for number in range(rows * columns):
        x = round((number % columns + 0.5) * width / columns - head / 2)
        y = round((number // columns + 0.5) * height / rows - head / 2)
        canvas[y : y + head, x : x + head] = heads[number % len(heads)]
        centres.append((x + head / 2, y + head / 2))
    return Photo("crowd", PixelContent(canvas)), np.array(centres)


def found_of(faces, centres, head):
    """Return which of the heads the faces belong to; each face must be at the place of one."""
    of = []
    for face in faces:
        distances = np.linalg.norm(centres - face.landmarks.mean(axis=0), axis=1)
        assert distances.min() < 0.4 * head
        of.append(int(distances.argmin()))
    return of


@pytest.mark.parametrize(
    ("width", "height", "rows", "columns", "head"),
    [
        pytest.param(20_000, 2_000, 2, 40, 360, id="80 faces of 180 px in a panorama", marks=pytest.mark.soak),
        pytest.param(5_000, 1_000, 2, 10, 180, id="20 faces of 90 px in a panorama"),
        pytest.param(600, 4_500, 12, 2, 150, id="24 faces of 75 px in a tall strip"),
        pytest.param(6_600, 2_400, 4, 10, 200, id="40 faces of 100 px in a vast photo"),
    ],
)
def test_every_face_of_a_vast_photo_is_found_once(width, height, rows, columns, head):
    photo, centres = crowd(width, height, rows, columns, head)
    (found,) = FaceFinder(FaceDetector()).find([photo])
    assert sorted(found_of(found.faces, centres, head)) == list(range(rows * columns))


def test_a_face_that_fills_a_panorama_is_found_once():
    photo, centres = crowd(4_000, 1_200, 1, 1, 1_200)
    (found,) = FaceFinder(FaceDetector()).find([photo])
    assert found_of(found.faces, centres, 1_200) == [0]


@pytest.mark.parametrize(
    "size_wh", [(6_000, 4_000), (4_032, 3_024), (5_119, 3_000), (2_560, 600), (3_000, 1_000), (640, 480)]
)
def test_photos_of_ordinary_size_have_no_tiles(size_wh):
    (width, height), _ = reduction(size_wh, ENOUGH_SIDE)
    assert tiles(np.zeros((height, width, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "size_wh", [(20_000, 2_000), (2_561, 100), (4_000, 1_300), (100_000, 1), (6_401, 6_000), (12_400, 12_000)]
)
def test_tiles_cover_a_vast_photo_and_overlap_by_a_quarter_of_their_side(size_wh):
    (width, height), _ = reduction(size_wh, ENOUGH_SIDE)
    assert width * height <= 21_000_000  # 60 MB
    regions = tiles(np.zeros((height, width, 1), np.uint8))
    side = max(regions[0][2] - regions[0][0], regions[0][3] - regions[0][1])
    assert 640 <= side <= 1280
    for length, edges in (
        (width, {(x0, x1) for x0, _, x1, _ in regions}),
        (height, {(y0, y1) for _, y0, _, y1 in regions}),
    ):
        in_order = sorted(edges)
        assert in_order[0][0] == 0
        assert in_order[-1][1] == length
        assert all(end - start >= 0.25 * side for (_, end), (start, _) in pairwise(in_order))


def test_a_face_cut_by_a_tile_comes_from_its_neighbour_and_a_large_one_from_the_whole():
    image = np.zeros((1000, 3000, 3), np.uint8)
    left, right = (0, 0, 1000, 1000), (700, 0, 1700, 1000)
    cut, same, piece, other = face(900, 1000), face(905, 1050), face(1300, 1500), face(100, 200)
    large = face(1200, 1800)
    merged = merge_tiles([large, face(101, 203)], [(left, [cut, other]), (right, [same, piece])], image)
    assert merged == [same, other, large]


def face(left, right):
    """A face between two columns, from row 100."""
    box = np.array([left, 100, right, 100 + right - left], dtype=np.float32)
    return Face(box, 0.9 - (right - left) / 10_000 + left / 100_000, np.zeros((5, 2), np.float32))
