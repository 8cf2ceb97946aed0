"""Error of the detected landmarks on rendered faces with known landmarks.

    python benchmarks/landmark_error.py

Prints the tables of docs/landmarks.md: the error is the mean distance over the five points, in percent of the
distance between the eyes in the picture.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ampnet.detection import Detection, FaceDetector, choose_face, detect_with_retries
from ampnet.reading.image_files import read_image

SAMPLES = Path(__file__).parents[1] / "tests" / "samples"
PARTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
YAW_BINS = ((0, 15), (15, 30), (30, 45), (45, 60))
TINY_SIDE = 48
"""Side of FER-2013's images."""

Image = NDArray[np.uint8]


def main() -> None:
    """Detect every sample as it is and as small as FER-2013's images, and print errors by yaw and by cover."""
    rows = pd.read_csv(SAMPLES / "annotations.csv")
    truth = np.stack([rows[[f"{part}_x", f"{part}_y"]].to_numpy() for part in PARTS], axis=1)  # (N, 5, 2)
    images = [read_image(SAMPLES / name) for name in rows["file"]]
    print(f"Yaw and cover of {len(images)} rendered faces, 256 x 256, colour\n")
    print_table(rows, errors(images, truth))
    scale = TINY_SIDE / images[0].shape[1]
    tiny = [in_grey(cv2.resize(image, (TINY_SIDE, TINY_SIDE), interpolation=cv2.INTER_AREA)) for image in images]
    print(f"\nThe same, shrunk to {TINY_SIDE} x {TINY_SIDE} and grey\n")
    print_table(rows, errors(tiny, truth * scale))


def in_grey(image: Image) -> Image:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def errors(images: Sequence[Image], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the error of each image in percent of the eye distance; NaN if no face was found."""
    found = detect_with_retries(FaceDetector(), images)
    return np.array([error(*item) for item in zip(found, images, truth, strict=True)])


def error(found: Detection, image: Image, truth: NDArray[np.floating]) -> float:
    faces = choose_face(found.faces, "largest", (image.shape[0], image.shape[1]))
    if not faces:
        return float("nan")
    apart = np.linalg.norm(faces[0].landmarks - truth, axis=1).mean()
    return float(100 * apart / np.linalg.norm(truth[1] - truth[0]))


def print_table(rows: pd.DataFrame, error_percent: NDArray[np.float64]) -> None:
    yaw = rows["yaw"].abs()
    parts = [(f"yaw {low} to {high} degrees", (yaw >= low) & (yaw < high)) for low, high in YAW_BINS]
    parts += [(f"cover: {name}", rows["occluder"] == name) for name in sorted(rows["occluder"].unique())]
    parts.append(("all", yaw >= 0))
    print("| faces | number | found | median | mean | 90% below |\n|---|---|---|---|---|---|")
    for title, chosen in parts:
        of_part = error_percent[chosen.to_numpy()]
        seen = of_part[~np.isnan(of_part)]
        print(
            f"| {title} | {len(of_part)} | {len(seen)} | {np.median(seen):.1f}% | {seen.mean():.1f}% "
            f"| {np.percentile(seen, 90):.1f}% |"
        )


if __name__ == "__main__":
    main()
