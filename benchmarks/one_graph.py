"""One ONNX graph against the Recognizer: faces, labels, probabilities and time on photos of 1 to 12 megapixels.

    python -m benchmarks.one_graph MODEL.onnx ... [--photos 160] [--turned] [--parts CLASSIFIER DETECTOR]

Each MODEL is a file of ``ampnet export``; ``--parts`` times the Recognizer on ONNX Runtime, too. All get the pixels of
the same photos, made of the sample faces (:mod:`benchmarks.photos`) and, with ``--turned``, each turned by up to 40
degrees, one after the other on one thread; times are CPU time.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch

from ampnet import Predictor
from ampnet.faces.geometry import intersection_over_union
from ampnet.onnx import Predictor as OnnxPredictor
from ampnet.reading.image_files import read_image
from benchmarks.measure import print_table
from benchmarks.photos import make_photos

SAME = 0.5
"""Overlap of two boxes of one face."""

HEADINGS = (
    "model",
    "MB",
    "faces",
    "other faces",
    "other labels",
    "largest difference",
    "above 0.01",
    "CPU ms a photo",
    "torch",
    "parts",
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--photos", type=int, default=160)
    parser.add_argument("--turned", action="store_true")
    parser.add_argument("--parts", type=Path, nargs=2)
    return parser.parse_args()


def main() -> None:
    """Compare, and print a table."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    sessions = {path: onnxruntime.InferenceSession(str(path), options) for path in arguments.models}
    predictor = Predictor()
    parts = OnnxPredictor(arguments.parts[0], arguments.parts[1], threads=1) if arguments.parts else None
    parts_ms = 0.0
    found: dict[Path, list[tuple[bool, float]]] = {path: [] for path in sessions}
    missed, milliseconds = dict.fromkeys(sessions, 0), {path: [0.0, 0.0] for path in sessions}
    with TemporaryDirectory() as folder:
        for number, file in enumerate(make_photos(Path(folder), arguments.photos)):
            photo = read_image(file)
            if arguments.turned:
                photo = turned(photo, number % 9 * 10 - 40)
            start = time.process_time()
            expected = predictor.predict(photo)
            torch_ms = 1000 * (time.process_time() - start)
            start = time.process_time()
            if parts is not None:
                parts.predict(photo)
            parts_ms += 1000 * (time.process_time() - start)
            for path, session in sessions.items():
                start = time.process_time()
                names = [one.name for one in session.get_outputs()]
                answer = dict(zip(names, session.run(None, {"photo": photo}), strict=True))
                milliseconds[path][0] += 1000 * (time.process_time() - start)
                milliseconds[path][1] += torch_ms
                for face in expected:
                    compared = compare(face, answer)
                    missed[path] += compared is None
                    found[path] += [] if compared is None else [compared]
                missed[path] += max(len(answer["boxes"]) - len(expected), 0)
    print_table(
        f"{arguments.photos} photos, one core",
        HEADINGS,
        [
            (
                path.name,
                f"{path.stat().st_size / 1e6:.1f}",
                str(len(rows)),
                str(missed[path]),
                str(sum(not is_same for is_same, _ in rows)),
                f"{max(difference for _, difference in rows):.4f}",
                str(sum(difference > 0.01 for _, difference in rows)),
                *(f"{total / arguments.photos:.0f}" for total in (*milliseconds[path], parts_ms)),
            )
            for path, rows in found.items()
        ],
    )


def compare(face: Any, answer: dict[str, Any]) -> tuple[bool, float] | None:
    """Return whether a face has the same label, and the largest difference of a probability; None if it was missed."""
    overlaps = [intersection_over_union(face.box, box) for box in answer["boxes"]]
    if not overlaps or max(overlaps) < SAME:
        return None
    shares = answer["probabilities"][int(np.argmax(overlaps))]
    names = [str(name) for name in answer["class_names"]]
    difference = max(abs(float(share) - face.scores[name]) for name, share in zip(names, shares, strict=True))
    return names[int(shares.argmax())] == face.label, difference


def turned(photo: Any, degrees: float) -> Any:
    """Turn a photo about its centre."""
    height, width = photo.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(photo, turn, (width, height)), dtype=np.uint8)


if __name__ == "__main__":
    main()
