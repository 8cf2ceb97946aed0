"""How far the answers about a photo's file and about its pixels differ: python -m benchmarks.files_and_pixels [COUNT].

A program that hands over an array cannot know at which of a JPEG file's own scales it was decoded; see docs/predict.md.
COUNT photos of 8 to 12 megapixels are made (60).
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from ampnet import Predictor
from ampnet.faces.geometry import intersection_over_union
from benchmarks.photos import make_photos

MIN_SIDE = 2561
"""Shorter photos are decoded whole in both ways."""


def main(count: int) -> None:
    """Print the differences over all faces of the large photos."""
    predictor = Predictor()
    faces, labels, shifts, photos = 0, 0, [], 0
    with TemporaryDirectory() as folder:
        for path in make_photos(Path(folder), 3 * count):
            with Image.open(path) as picture:
                if max(picture.size) < MIN_SIDE or photos == count:
                    continue
                pixels = np.asarray(picture.convert("RGB"))
            photos += 1
            file, array = predictor.predict(path), predictor.predict(pixels)
            for one in file:
                same = [other for other in array if intersection_over_union(one.box, other.box) > 0.5]
                if same:
                    faces += 1
                    labels += one.label != same[0].label
                    shifts.append(max(abs(one.scores[name] - same[0].scores[name]) for name in one.scores))
    print(
        f"{photos} photos, {faces} faces in both: {labels} labels differ; a probability by at most {max(shifts):.4f}, "
        f"95th percentile {np.percentile(shifts, 95):.4f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 60)
