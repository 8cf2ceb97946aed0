"""How often the warnings about a face are right: python -m benchmarks.face_warnings INDEX_ROOT [--faces N]

INDEX_ROOT is a prepared FER-2013 (`ampnet prepare`). Measured on its split val (PublicTest): how many faces are called
blurred, clean and after the corruptions of the robustness suite, and how many answers of bundled:fer2013 are right
with and without each warning. The split test is never read.
"""

import argparse
from pathlib import Path

import numpy as np

from ampnet.dataset.open_index import read_index
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.sharpness import blurriness
from ampnet.reading.image_files import read_image
from ampnet.recognition.face_warnings import BLURRED, CLOSE_CALL
from ampnet.recognition.predictor import Predictor
from ampnet.robustness.suite import corrupt
from benchmarks.measure import print_table

WORSE = [(name, severity) for name in ("gaussian-blur", "motion-blur", "low-resolution") for severity in (1, 3, 5)]
OTHERS = [("gaussian-noise", 3), ("jpeg", 3), ("darkness", 3), ("low-contrast", 3)]


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    aligned = [
        AlignedFace(face, points.astype(float), np.eye(2, 3)) for face, points in zip(faces, landmarks, strict=True)
    ]
    probabilities = predictor.classify(aligned)
    truth = [index.class_names[index.labels[i]] for i in chosen]
    is_right = np.array(predictor.class_names)[probabilities.argmax(axis=1)] == np.array(truth)
    first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
    has_warning = {"blurred": clean > BLURRED, "close call": first - second < CLOSE_CALL}
    table = []
    for warning, has in has_warning.items():
        counts = (f"{has.mean():.1%}", f"{is_right[has].mean():.1%}", f"{is_right[~has].mean():.1%}")
        table.append([warning, *counts, f"{has[~is_right].mean():.1%}"])
    headings = ("warning", "faces", "right with it", "right without", "share of the wrong answers")
    print_table(f"Answers about {len(faces):,} clean faces", headings, table)


if __name__ == "__main__":
    main()
