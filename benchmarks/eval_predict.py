"""Whether `eval` of a prepared set and `predict` of its original images agree: python -m benchmarks.eval_predict DATA.

Classifies the faces of a split as `eval` does, and the images that they were prepared from as `predict --face largest`
does; images in which `predict` finds no face, and those that have got the mean landmarks, are left out.
"""

from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet import Predictor
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.checkpoints.model_files import named_model
from ampnet.dataset.index.faces_table import read_faces
from ampnet.dataset.index.index_files import FACES_FILE, META_FILE
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.open_index import read_index
from ampnet.files.documents import read_json
from ampnet.files.printable import path_of_text
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.settings import Split
from benchmarks.measure import options_of, print_table


def main() -> None:
    """Compare, and print a table."""
    parser = options_of(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, default=Path("bundled:fer2013"))
    parser.add_argument("--split", choices=get_args(Split), default="test")
    parser.add_argument("--faces", type=int, default=700)
    arguments = parser.parse_args()

    checkpoint = load_checkpoint(named_model(arguments.model))
    names, evaluated, predicted = both_answers(arguments.data, checkpoint, arguments.split, arguments.faces)
    moved = np.abs(evaluated - predicted).max(axis=1)
    agreed = (evaluated.argmax(axis=1) == predicted.argmax(axis=1)).mean()
    quantiles = [float(np.quantile(moved, part)) for part in (0.5, 0.95, 0.99, 1.0)]
    title = f"{arguments.model} on the split {arguments.split} of {arguments.data}"
    head = ("faces", "same label", "probability differs by: median", "95%", "99%", "at most")
    print_table(title, head, [(len(names), f"{agreed:.2%}", *quantiles)])
    worst = np.argsort(-moved)[:5]
    print("most different:", ", ".join(f"{names[index]} ({moved[index]:.3f})" for index in worst))


def both_answers(
    data: Path, checkpoint: Checkpoint, split: Split, most: int
) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32]]:
    """Classify the faces of a split in both ways.

    Returns:
        The N names, and the ``(N, K)`` probabilities of `eval` and of `predict`.
    """
    index = read_index(data)
    chosen = split_indices(index)[split]
    faces = index.subset(chosen[:: max(len(chosen) // most, 1)])
    classifier = Classifier.from_checkpoint(checkpoint, torch.device("cpu"))
    logits = classifier.collect_faces(faces_for(checkpoint, faces), 32, 0)
    evaluated = classifier.probabilities(logits.local, logits.global_)

    raw = Path(read_json(data / "index" / META_FILE, dict, "")["raw_dir"])
    rows = {row.name: row for row in read_faces(data / "index" / FACES_FILE)}
    photos = [str(raw / path_of_text(rows[name].source)) for name in faces.names]
    results = Predictor(checkpoint, face="largest").predict_many(photos)
    pairs = [
        (name, expected, list(result.faces[0].scores.values()))
        for name, expected, result in zip(faces.names, evaluated, results, strict=True)
        if rows[name].status != "template" and result.faces
    ]
    names, one, other = zip(*pairs, strict=True)
    return list(names), np.array(one), np.array(other, dtype=np.float32)


if __name__ == "__main__":
    main()
