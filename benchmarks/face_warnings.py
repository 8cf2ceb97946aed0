"""How often the warnings about a face are right: python -m benchmarks.face_warnings INDEX_ROOT [--faces N].

INDEX_ROOT is a prepared FER-2013 (`ampnet prepare`). Measured on its split val (PublicTest): how many faces are called
blurred, clean and after the corruptions of the robustness suite; how many are called dark at a part of their
brightness, and how many answers of bundled:fer2013 have changed there; how many answers are right with and without
each warning. The split test is never read.
"""

from pathlib import Path

import numpy as np

from ampnet.dataset.open_index import read_index
from ampnet.faces.alignment import AlignedFace, Image
from ampnet.faces.appearance import blurriness, brightness
from ampnet.reading.image_files import read_image
from ampnet.recognition.predictor import Predictor
from ampnet.results.face_warnings import BLURRED, CLOSE_CALL, DARK
from ampnet.robustness.suite import corrupt
from benchmarks.measure import options_of, print_table

WORSE = [(name, severity) for name in ("gaussian-blur", "motion-blur", "low-resolution") for severity in (1, 3, 5)]
OTHERS = [("gaussian-noise", 3), ("jpeg", 3), ("darkness", 3), ("low-contrast", 3)]

PARTS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.12, 0.06)


def main() -> None:
    """Measure, and print the tables."""
    parser = options_of(__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--faces", type=int, default=2000, help="so many faces of each split, chosen at random")
    arguments = parser.parse_args()
    index = read_index(arguments.root)
    splits = np.array(index.splits)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(np.flatnonzero(splits == "val"))[: arguments.faces].tolist()
    of_train = rng.permutation(np.flatnonzero(splits == "train"))[: len(chosen)].tolist()
    names = [index.names[i] for i in chosen]
    faces = [read_image(index.image_path(i)) for i in chosen]
    landmarks = [index.landmarks[i] for i in chosen]
    clean = np.array([blurriness(face) for face in faces])
    train = np.array([blurriness(read_image(index.image_path(i))) for i in of_train])
    rows = [["none", "", f"{(clean > BLURRED).mean():.1%}"]]
    rows += [["none (as many of train)", "", f"{(train > BLURRED).mean():.1%}"]]
    for corruption, severity in [*WORSE, *OTHERS]:
        measured = [
            blurriness(corrupt(face, points, corruption, severity, 0, name))
            for face, points, name in zip(faces, landmarks, names, strict=True)
        ]
        rows.append([corruption, str(severity), f"{(np.array(measured) > BLURRED).mean():.1%}"])
    print_table(f"Called blurred, of {len(faces):,} faces", ("corruption", "severity", "called blurred"), rows)

    predictor = Predictor("bundled:fer2013")
    probabilities = classify(predictor, faces, landmarks)
    print_darkness(predictor, faces, landmarks, probabilities.argmax(axis=1))
    truth = [index.class_names[index.labels[i]] for i in chosen]
    is_right = np.array(predictor.class_names)[probabilities.argmax(axis=1)] == np.array(truth)
    first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
    has_warning = {"blurred": clean > BLURRED, "close call": first - second < CLOSE_CALL}
    has_warning["dark"] = np.array([brightness(face) for face in faces]) < DARK
    table = []
    for warning, has in has_warning.items():
        counts = (f"{has.mean():.1%}", f"{is_right[has].mean():.1%}", f"{is_right[~has].mean():.1%}")
        table.append([warning, *counts, f"{has[~is_right].mean():.1%}"])
    headings = ("warning", "faces", "right with it", "right without", "share of the wrong answers")
    print_table(f"Answers about {len(faces):,} clean faces", headings, table)


def classify(predictor: Predictor, faces: list[Image], landmarks: list[np.ndarray]) -> np.ndarray:
    """Return the probabilities of prepared faces."""
    return predictor.classify(
        [AlignedFace(face, points.astype(float), np.eye(2, 3)) for face, points in zip(faces, landmarks, strict=True)]
    )


def print_darkness(predictor: Predictor, faces: list[Image], landmarks: list[np.ndarray], answers: np.ndarray) -> None:
    """Print what becomes of the answers, and how many faces are called dark, at a part of the brightness."""
    rows = []
    for part in PARTS:
        darker = [(face * part).round().astype(np.uint8) for face in faces]
        is_dark = np.array([brightness(face) for face in darker]) < DARK
        changed = classify(predictor, darker, landmarks).argmax(axis=1) != answers
        by_warning = [f"{changed[has].mean():.1%}" if has.any() else "" for has in (is_dark, ~is_dark)]
        rows.append([f"{part:.0%}", f"{is_dark.mean():.1%}", f"{changed.mean():.1%}", *by_warning])
    headings = ("brightness", "called dark", "answers changed", "of those called dark", "of the others")
    print_table(f"Called dark, of {len(faces):,} faces", headings, rows)


if __name__ == "__main__":
    main()
