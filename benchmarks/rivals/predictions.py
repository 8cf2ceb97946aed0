"""Common to all adapters: reading the images of a folder, and writing the CSV that score.py reads.

Runs in the tool's own environment, so it needs only NumPy and OpenCV.
"""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""``(H, W, 3)`` BGR, as OpenCV reads it."""


def predict_folder(classify: Callable[[Image], NDArray[np.floating]], class_names: Sequence[str]) -> None:
    """Run a network over a folder and write its predictions; command line: FOLDER OUT.csv.

    Args:
        classify: returns the probability of each class for an image.
        class_names: our class names, in the order of the network's outputs.
    """
    if len(sys.argv) != 3:
        sys.exit("usage: python -m benchmarks.rivals.NAME FOLDER OUT.csv")
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not paths:
        sys.exit(f"{folder} holds no PNG or JPEG image")
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", *class_names])
        for path in paths:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                sys.exit(f"cannot read {path}")
            shares = classify(image)
            writer.writerow([path.relative_to(folder).as_posix(), *(f"{share:.8g}" for share in shares)])
    print(f"{len(paths)} images of {folder}: {out}")
