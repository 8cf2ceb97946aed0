"""Whether covered eyes and mouths could be noticed: python -m benchmarks.covered_faces INDEX_ROOT [--faces N]

INDEX_ROOT is a prepared FER-2013 (`ampnet prepare`). For each signal, a limit is set that 5% of the clean faces of
the split val (PublicTest) pass; the table says how many of the same faces pass it when the robustness suite covers
them. The split test is never read. Faces that the detector no longer finds are left out, as `predict` has no answer
about them.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.open_index import read_index
from ampnet.detection import FaceDetector
from ampnet.detection.face import Face
from ampnet.faces.alignment import Image
from ampnet.reading.image_files import read_image
from ampnet.robustness.suite import corrupt
from benchmarks.measure import print_table

COVERED = (("sunglasses", 3), ("mask", 3), ("eye", 3), ("hand", 3), ("block", 3))
FALSE_ALARMS = 5.0
"""Percentage of clean faces."""
RADIUS = 0.35
"""Of the patch around an eye or a mouth corner, in distances between the eyes."""


def signals(image: Image, face: Face) -> dict[str, float]:
    """Measure what a covered part may change; higher is more suspicious."""
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.5).astype(np.float32)
    points = face.landmarks
    radius = max(RADIUS * float(np.linalg.norm(points[1] - points[0])), 2.0)
    parts = [_patch(grey, point, radius) for point in points]
    eyes = [part.std() for part in parts[:2]]
    mouth = [part.std() for part in parts[3:]]
    whole = float(grey.std()) or 1.0
    return {
        "low detection score": -face.score,
        "eyes are even": -min(eyes) / whole,
        "mouth is even": -min(mouth) / whole,
        "eyes differ": abs(eyes[0] - eyes[1]) / whole,
    }


def _patch(grey: NDArray[np.float32], point: NDArray[np.floating], radius: float) -> NDArray[np.float32]:
    height, width = grey.shape
    x, y = np.clip(point, 0, (width - 1, height - 1))
    rows, columns = (slice(max(int(at - radius), 0), int(at + radius) + 1) for at in (y, x))
    return grey[rows, columns]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--faces", type=int, default=300, help="so many faces, chosen at random")
    arguments = parser.parse_args()
    index = read_index(arguments.root)
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(np.array(index.splits) == "val"))
    detector = FaceDetector()
    found: dict[str, list[dict[str, float]]] = {}
    lost: dict[str, int] = {}
    for i in chosen[: arguments.faces].tolist():
        clean = read_image(index.image_path(i))
        images = {"clean": clean}
        for name, severity in COVERED:
            images[name] = corrupt(clean, index.landmarks[i], name, severity, 0, index.names[i])
        for (name, image), faces in zip(images.items(), detector.detect(list(images.values())), strict=True):
            if faces:
                found.setdefault(name, []).append(signals(image, faces[0]))
            else:
                lost[name] = lost.get(name, 0) + 1
    rows = []
    for signal in found["clean"][0]:
        limit = np.percentile([one[signal] for one in found["clean"]], 100 - FALSE_ALARMS)
        rows.append([signal, *(f"{np.mean([one[signal] > limit for one in found[n]]):.0%}" for n, _ in COVERED)])
    rows.append(["not found at all", *(f"{lost.get(n, 0) / arguments.faces:.0%}" for n, _ in COVERED)])
    title = f"Called covered, of {arguments.faces} faces; {FALSE_ALARMS:g}% of clean ones are, too"
    print_table(title, ("signal", *(name for name, _ in COVERED)), rows)


if __name__ == "__main__":
    main()
