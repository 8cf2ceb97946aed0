"""Rendered scenes with people whose places are known, and how far a tracker's numbers follow them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from ampnet.detection.face import Face
from ampnet.results.face_prediction import FacePrediction
from ampnet.settings.labels import EXPRESSIONS

SAMPLES = Path(__file__).parent / "samples"
RATE = 6
WIDTH, HEIGHT = 640, 360
SHIFT = 64
"""How far the noise of a frame may be shifted against another's, in pixels."""

Place = tuple[float, float, float] | None
"""Centre of a person's picture in the frame, and its side, in pixels; None out of view."""


@dataclass(frozen=True)
class Moment:
    """A frame, and where whose face is."""

    seconds: float
    image: np.ndarray
    boxes: dict[str, np.ndarray]


@cache
def portrait(person: str, expression: str = "neutral") -> tuple[np.ndarray, np.ndarray]:
    """Return a person's frontal picture, and the face's box in it."""
    table = pd.read_csv(SAMPLES / "annotations.csv")
    own = table[(table["identity"] == person) & (table["occluded"] == 0) & (table["expression"] == expression)]
    row = own.iloc[own["yaw"].abs().argmin()]
    with Image.open(SAMPLES / row["file"]) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    x, y, w, h = (float(row[f"face_{name}"]) for name in "xywh")
    return pixels, np.array([x, y, x + w, y + h])


@cache
def _background(camera: int) -> np.ndarray:
    random = np.random.default_rng(camera)
    coarse = random.integers(60, 190, (3, 5, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))


@cache
def _cut_out(person: str, expression: str, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a person's picture at a size, and the ellipse in it that holds head and shoulders."""
    small = cv2.resize(portrait(person, expression)[0], (round(side), round(side)), interpolation=cv2.INTER_AREA)
    mask = np.zeros(small.shape[:2], np.uint8)
    centre = (small.shape[1] // 2, round(small.shape[0] * 0.6))
    cv2.ellipse(mask, centre, (round(side * 0.42), round(side * 0.58)), 0, 0, 360, 1, -1)
    return np.asarray(small), mask.astype(bool)


def _pasted(image: np.ndarray, picture: np.ndarray, mask: np.ndarray, place: tuple[float, float, float]) -> None:
    """Paste what a mask cuts out of a picture, in place."""
    x, y, side = place
    top, left = round(y - side / 2), round(x - side / 2)
    rows = slice(max(top, 0), min(top + picture.shape[0], HEIGHT))
    columns = slice(max(left, 0), min(left + picture.shape[1], WIDTH))
    part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    if rows.start < rows.stop and columns.start < columns.stop:
        np.copyto(image[rows, columns], picture[part], where=mask[part][..., None])


def scene(
    seconds: float,
    where: dict[str, Callable[[float], Place]],
    camera: Callable[[float], int] = lambda _: 0,
    bar: Callable[[float], float | None] = lambda _: None,
    smile: tuple[float, float] = (1e9, 1e9),
) -> Iterator[Moment]:
    """Render a scene; people who come later in the list are in front.

    Args:
        seconds: its length.
        where: person -> where they are at a time.
        camera: which background is behind them at a time.
        bar: place of a bar that covers what is behind it, if there is one.
        smile: from when to when everybody smiles.
    """
    portraits = {(person, mood): portrait(person, mood) for person in where for mood in ("neutral", "happiness")}
    random = np.random.default_rng(0)
    noise = random.normal(0, 4, (HEIGHT + SHIFT, WIDTH + SHIFT, 3)).astype(np.int16)
    for number in range(round(seconds * RATE)):
        now = number / RATE
        image = _background(camera(now)).copy()
        mood = "happiness" if smile[0] <= now < smile[1] else "neutral"
        boxes: dict[str, np.ndarray] = {}
        for person, place_at in where.items():
            place = place_at(now)
            if place is None:
                continue
            picture, face = portraits[person, mood]
            _pasted(image, *_cut_out(person, mood, place[2]), place)
            x, y, side = place
            box = face * side / picture.shape[0] + np.array([x, y, x, y]) - side / 2
            for other in list(boxes):  # in front of whoever came before
                if _covered(boxes[other], box) > 0.4:
                    del boxes[other]
            boxes[person] = box
        column = bar(now)
        if column is not None:
            image[:, round(column) - 30 : round(column) + 30] = 40
            boxes = {person: box for person, box in boxes.items() if not box[0] - 15 < column < box[2] + 15}
        down, right = random.integers(0, SHIFT, 2)  # another part for each frame: drawing noise is slow
        noisy = cv2.add(image, noise[down : down + HEIGHT, right : right + WIDTH], dtype=cv2.CV_8U)
        yield Moment(now, np.asarray(noisy), boxes)


def _covered(box: np.ndarray, by: np.ndarray) -> float:
    width = min(box[2], by[2]) - max(box[0], by[0])
    height = min(box[3], by[3]) - max(box[1], by[1])
    return max(width, 0) * max(height, 0) / ((box[2] - box[0]) * (box[3] - box[1]))


LEFT, RIGHT = (190.0, 200.0, 220.0), (450.0, 200.0, 220.0)


def _still(place: Place, *absences: tuple[float, float]) -> Callable[[float], Place]:
    return lambda now: None if any(start <= now < end for start, end in absences) else place


def _moving(start: tuple[float, float], end: tuple[float, float], y: float = 200.0) -> Callable[[float], Place]:
    """Move from (seconds, x) to (seconds, x) at an even pace."""
    return lambda now: (float(np.interp(now, [start[0], end[0]], [start[1], end[1]])), y, 220.0)


def _shots(now: float) -> int:
    """Both, the left one alone, both, the right one alone, and again: cameras 0, 1, 0, 2 ..."""
    return (0, 1, 0, 2)[int(now // 4) % 4]


SCENES: dict[str, Callable[[], Iterator[Moment]]] = {
    "two sit, and smile": lambda: scene(12, {"id14": _still(LEFT), "id21": _still(RIGHT)}, smile=(4, 8)),
    "one is away for 2 s": lambda: scene(12, {"id14": _still(LEFT, (5, 7)), "id21": _still(RIGHT)}),
    "one is away for 10 s": lambda: scene(20, {"id14": _still(LEFT, (5, 15)), "id21": _still(RIGHT)}, smile=(14, 18)),
    "both are away, then sit as before": lambda: scene(
        20, {"id04": _still(LEFT, (5, 12)), "id17": _still(RIGHT, (6, 14))}
    ),
    "they cross": lambda: scene(12, {"id14": _moving((3, 150), (9, 490)), "id17": _moving((3, 490), (9, 150))}),
    "alike ones cross": lambda: scene(12, {"id04": _moving((3, 150), (9, 490)), "id09": _moving((3, 490), (9, 150))}),
    "a bar passes before them": lambda: scene(
        12, {"id04": _still(LEFT), "id21": _still(RIGHT)}, bar=lambda now: 60 * now
    ),
    "cuts to one, and back": lambda: scene(
        32,
        {
            "id14": lambda now: {0: LEFT, 1: (320.0, 190.0, 330.0)}.get(_shots(now)),
            "id21": lambda now: {0: RIGHT, 2: (320.0, 190.0, 330.0)}.get(_shots(now)),
        },
        camera=_shots,
        smile=(10, 22),
    ),
    "three, with cuts": lambda: scene(
        32,
        {
            "id04": lambda now: {0: (120.0, 200.0, 180.0), 1: (320.0, 190.0, 330.0)}.get(_shots(now)),
            "id17": lambda now: {0: (320.0, 200.0, 180.0)}.get(_shots(now)),
            "id26": lambda now: {0: (520.0, 200.0, 180.0), 2: (320.0, 190.0, 330.0)}.get(_shots(now)),
        },
        camera=_shots,
    ),
}
"""Scenes with known people."""


def faces_of(moment: Moment) -> tuple[list[str], list[FacePrediction]]:
    """Return who is in view, and their faces as a detector would find them: sorted from the left, with some jitter."""
    random = np.random.default_rng(round(moment.seconds * 1000))
    scores = {name: 1 / len(EXPRESSIONS) for name in EXPRESSIONS}
    found = sorted(moment.boxes.items(), key=lambda one: one[1][0])
    faces = [
        FacePrediction(
            Face(
                box=(box + random.normal(0, 0.02 * (box[2] - box[0]), 4)).astype(np.float32),
                landmarks=np.zeros((5, 2), np.float32),
                score=0.9,
            ),
            "neutral",
            1 / len(EXPRESSIONS),
            scores,
        )
        for _, box in found
    ]
    return [person for person, _ in found], faces


@dataclass(frozen=True)
class Counts:
    """The MOT measures (Bernardin and Stiefelhagen 2008) that concern numbers."""

    switches: int
    """How often a person's number changed from one sighting to the next."""
    numbers: int
    """Numbers given to all people together."""
    people: int


def count(sightings: list[tuple[str, int | None]]) -> Counts:
    """Count from who was seen with which number, in order."""
    last: dict[str, int | None] = {}
    switches = 0
    for person, number in sightings:
        switches += person in last and last[person] != number
        last[person] = number
    return Counts(switches, len({number for _, number in sightings}), len(last))
