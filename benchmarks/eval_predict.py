"""Whether `eval` of a prepared set and `predict` of its original images agree: python -m benchmarks.eval_predict DATA.

Classifies the faces of a split as `eval` does, and the images that they were prepared from as `predict --face largest`
does; images in which `predict` finds no face, and those that have got the mean landmarks, are left out.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from ampnet import Predictor
from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.index.faces_table import read_faces
from ampnet.dataset.index.index_files import FACES_FILE
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.open_index import read_index
from ampnet.faces.framing import reframing
from ampnet.files.documents import read_json
from ampnet.files.names import path_of_text
from ampnet.inference.classifier import Classifier
from benchmarks.measure import print_table


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, default=Path("bundled:fer2013"))
    parser.add_argument("--split", default="test")
    parser.add_argument("--faces", type=int, default=700)
    arguments = parser.parse_args()

    checkpoint = load_checkpoint(named_model(arguments.model))
    index = read_index(arguments.data)
    chosen = split_indices(index)[arguments.split]
    faces = index.subset(chosen[:: max(len(chosen) // arguments.faces, 1)])
    reframe = reframing(index.framing, faces.landmarks, checkpoint.framing)
    size = checkpoint.architecture.image_size
    dataset = FaceDataset(faces, np.arange(len(faces)), size, color=checkpoint.framing.color, reframe=reframe)
    classifier = Classifier.from_checkpoint(checkpoint, torch.device("cpu"))
    logits = classifier.collect_faces(dataset, 32, 0)
    evaluated = classifier.probabilities(logits.local, logits.global_)

    raw = Path(read_json(arguments.data / "index" / "meta.json", dict, "")["raw_dir"])
    rows = {row.name: row for row in read_faces(arguments.data / "index" / FACES_FILE)}
    predictor = Predictor(load_checkpoint(named_model(arguments.model)), face="largest")
    photos = [raw / path_of_text(rows[name].source) for name in faces.names]
    results = predictor.predict([str(photo) for photo in photos])
    pairs = [
        (expected, np.array(list(result.faces[0].scores.values())), name)
        for name, expected, result in zip(faces.names, evaluated, results, strict=True)
        if rows[name].status != "template" and result.faces
    ]
    one, other = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    moved = np.abs(one - other).max(axis=1)
    agreed = (one.argmax(axis=1) == other.argmax(axis=1)).mean()
    quantiles = [float(np.quantile(moved, part)) for part in (0.5, 0.95, 0.99, 1.0)]
    title = f"{arguments.model} on the split {arguments.split} of {arguments.data}"
    head = ("faces", "same label", "probability differs by: median", "95%", "99%", "at most")
    print_table(title, head, [(len(pairs), f"{agreed:.2%}", *quantiles)])
    worst = np.argsort(-moved)[:5]
    print("most different:", ", ".join(f"{pairs[index][2]} ({moved[index]:.3f})" for index in worst))


if __name__ == "__main__":
    main()
