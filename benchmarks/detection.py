"""Speed of batched face detection, compared with one image at a time: python -m benchmarks.detection [FOLDER].

FOLDER holds images, for example FER-2013's PrivateTest; without it, the sample faces are used. All are brought
to 224 x 224.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face
from ampnet.detection.mobilenet import MobileNetRetinaFace
from ampnet.detection.networks import load_network
from ampnet.faces.geometry import intersection_over_union
from ampnet.reading.image_files import list_images, read_image
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import DetectorConfig
from benchmarks.baseline.detection import detect_one
from benchmarks.measure import SAMPLES, in_turn, median_ratio, print_table, rate

COUNT = 128
ROUNDS = 7


def compare_detection(folder: Path) -> None:
    """Print the speed of the baseline, and of our detector one image at a time and in batches."""
    paths = list_images(folder)
    paths = paths[:: max(len(paths) // COUNT, 1)][:COUNT]
    sized = (cv2.resize(read_image(path), (224, 224), interpolation=cv2.INTER_CUBIC) for path in paths)
    images = [np.asarray(image, np.uint8) for image in sized]
    detector = FaceDetector()
    plain = load_network(DetectorConfig()).module.eval().requires_grad_(False)

    def baseline() -> list[NDArray[np.float32]]:
        return [detect_one(plain, MobileNetRetinaFace.mean, image) for image in images]

    tasks: dict[str, Callable[[], object]] = {
        "baseline": baseline,
        "ours, one image at a time": lambda: [detector.detect([image]) for image in images],
        "ours, in batches": lambda: detector.detect(images),
    }
    same = [
        len(theirs) == len(ours) and all(_is_same(a, b) for a, b in zip(theirs, ours, strict=True))
        for theirs, ours in zip(baseline(), detector.detect(images), strict=True)
    ]
    times = in_turn(tasks, ROUNDS)
    count, targets = len(images), {"ours, in batches": ">= 1.5"}
    rows = [
        [name, rate(times, name, count), median_ratio(times, "baseline", name), targets.get(name, "")] for name in tasks
    ]
    print_table(f"Detection: {count} images of {folder} at 224 px", ["", "images/s", "times as fast", "target"], rows)
    print(f"same faces in {sum(same)} of {len(same)} images")


def _is_same(row: NDArray[np.float32], face: Face) -> bool:
    """Compare a kept candidate with our face, which has its score, and is the mean of all candidates around it."""
    return abs(row[4] - face.score) < 1e-3 and intersection_over_union(row[:4], face.box) > 0.8


if __name__ == "__main__":
    keep_freed_memory()
    compare_detection(Path(sys.argv[1]) if sys.argv[1:] else SAMPLES / "faces")
