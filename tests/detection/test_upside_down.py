"""Faces that stand on their head, in photos whose file does not say so."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet.detection.detector import FaceDetector
from ampnet.detection.multiscale import pass_sizes
from ampnet.detection.retries import detect_with_retries
from tests.pictures import read_rgb

SAMPLES = Path(__file__).parents[1] / "samples"
NAMES = ("id09_happiness_0.jpg", "id04_neutral_0.jpg")


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def head(name, size):
    """Read a rendered face, scaled, and its true landmarks."""
    with (SAMPLES / "annotations.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["file"].endswith(name))
    parts = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    image = read_rgb(SAMPLES / row["file"])
    zoom = size / image.shape[0]
    points = np.array([[row[f"{part}_x"], row[f"{part}_y"]] for part in parts], dtype=float)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), points * zoom


def photo(side, *heads):
    """Place heads on a canvas, each at its top left corner; upside down where it says so."""
    canvas = np.full((side, side, 3), (120, 130, 140), np.uint8)
    truths = []
    for (pixels, points), (x, y), is_upside_down in heads:
        size = len(pixels)
        canvas[y : y + size, x : x + size] = pixels[::-1, ::-1] if is_upside_down else pixels
        truths.append((size - points if is_upside_down else points) + (x, y))
    return canvas, truths


def is_in_place(faces, truth):
    """Whether one of the faces has these landmarks: all five within 0.2 eye distances, on average within 0.13."""
    errors = [np.linalg.norm(face.landmarks - truth, axis=1) / np.linalg.norm(truth[1] - truth[0]) for face in faces]
    return any(error.mean() < 0.13 and error.max() < 0.25 for error in errors)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("size", "side"), [(256, 256), (100, 640), (256, 640), (600, 1280)])
def test_an_upside_down_face_is_found_with_its_landmarks_the_right_way_round(detector, name, size, side):
    image, (truth,) = photo(side, (head(name, size), ((side - size) // 2,) * 2, True))
    (found,) = detect_with_retries(detector, [image])
    assert len(found.faces) == 1
    assert is_in_place(found.faces, truth)


def test_several_upside_down_faces_are_all_found(detector):
    places = [(30, 40), (360, 40), (30, 380), (360, 380)]
    image, truths = photo(640, *((head(NAMES[i % 2], 220), place, True) for i, place in enumerate(places)))
    (found,) = detect_with_retries(detector, [image])
    assert len(found.faces) == 4
    assert all(is_in_place(found.faces, truth) for truth in truths)


def test_an_upright_face_beside_one_upside_down_stays_as_it_is(detector):
    upright, other = (head(NAMES[0], 220), (30, 40), False), (head(NAMES[1], 220), (360, 380), True)
    (alone,) = detect_with_retries(detector, [photo(640, upright)[0]])
    image, truths = photo(640, upright, other)
    (found,) = detect_with_retries(detector, [image])
    assert len(found.faces) == 2
    assert is_in_place(found.faces, truths[1])
    nearest = min(found.faces, key=lambda face: np.abs(face.landmarks - alone.faces[0].landmarks).max())
    np.testing.assert_allclose(nearest.landmarks, alone.faces[0].landmarks, atol=0.5)


def test_surely_upright_faces_cost_no_further_look(detector, monkeypatch):
    looks = []
    candidates = detector.candidates
    monkeypatch.setattr(
        detector, "candidates", lambda batch, least: looks.append(len(batch)) or candidates(batch, least)
    )
    image, _ = photo(640, (head(NAMES[1], 256), (60, 60), False), (head(NAMES[1], 220), (380, 300), False))
    (found,) = detect_with_retries(detector, [image])
    assert len(found.faces) == 2
    assert sum(looks) == len(pass_sizes(image))
