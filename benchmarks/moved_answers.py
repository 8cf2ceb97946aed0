"""How far answers about large photos move: decoded at reduced size, in bfloat16, or merely saved again.

    python -m benchmarks.moved_answers PHOTOS [--count 150]

PHOTOS is a folder, which benchmarks/photos.py fills if it is empty. The whole photo in fp32 is the reference. Saving
it again as a JPEG at quality 95 is the yardstick: nobody would call that another photo.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from ampnet.media.images import Image
from ampnet.reading.image_files import read_image
from ampnet.recognition.predictor import Predictor
from ampnet.results.face_prediction import FacePrediction
from benchmarks.measure import print_table
from benchmarks.photos import make_photos

SAME_FACE = 0.3
"""Largest distance of corresponding sides of two boxes of one face, as a fraction of its side."""


@dataclass
class Moved:
    """Differences of one way from the reference."""

    faces: int = 0
    lost: int = 0
    relabelled: int = 0
    boxes: list[float] = field(default_factory=list)
    """Largest distance of corresponding sides, as a fraction of the face's side."""
    probabilities: list[float] = field(default_factory=list)
    """Largest difference of a probability."""

    def add(self, expected: Sequence[FacePrediction], found: Sequence[FacePrediction]) -> None:
        """Compare the faces of one photo."""
        for one in expected:
            self.faces += 1
            near = min(found, key=lambda other: _distance(one, other), default=None)
            if near is None or _distance(one, near) > SAME_FACE:
                self.lost += 1
                continue
            self.boxes.append(_distance(one, near))
            self.probabilities.append(max(abs(one.scores[name] - near.scores[name]) for name in one.scores))
            self.relabelled += one.label != near.label

    def row(self, name: str) -> list[object]:
        """Return the table's row: counts, then median, 95th percentile and maximum in percent."""
        parts = [np.percentile(values, (50, 95, 100)) * 100 for values in (self.boxes, self.probabilities)]
        texts = [", ".join(f"{value:.2g}" for value in part) for part in parts]
        return [name, self.faces, self.lost, *texts, f"{self.relabelled / max(len(self.boxes), 1):.1%}"]


def _distance(one: FacePrediction, other: FacePrediction) -> float:
    return float(np.abs(one.box - other.box).max() / one.detection.side)


def main() -> None:
    """Compare all ways, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=150)
    arguments = parser.parse_args()
    exact, fast = Predictor(), Predictor(dtype=torch.bfloat16)
    moved = {name: Moved() for name in ("its pixels", "its pixels, of large photos", "saved again", "bfloat16")}
    for photo in make_photos(arguments.photos, arguments.count):
        expected, whole = exact.predict(photo), read_image(photo)
        of_pixels = exact.predict(whole)
        moved["its pixels"].add(expected, of_pixels)
        if expected.photo.is_reduced:
            moved["its pixels, of large photos"].add(expected, of_pixels)
        moved["saved again"].add(expected, exact.predict(saved_again(whole)))
        moved["bfloat16"].add(expected, fast.predict(photo))
    print_table(
        f"{arguments.count} photos; median, 95th percentile and maximum in percent",
        ("way", "faces", "lost", "box moved, of its side", "probability moved", "other label"),
        [of.row(name) for name, of in moved.items() if of.boxes],
    )


def saved_again(image: Image) -> bytes:
    """Encode an image as a JPEG at quality 95."""
    written, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert written
    return data.tobytes()


if __name__ == "__main__":
    main()
