"""Size, accuracy and time of each form that `ampnet export --part classifier` writes, beside torch.

    python -m benchmarks.export_forms DATA FILE.onnx ... [--model bundled]

DATA is a folder from `ampnet prepare`; its test faces are scored against the annotators' majority. One thread; the
forms take turns, and each time is CPU time, the median over the rounds.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.checkpoints.model_files import named_model
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import Batch, FaceBatches, SampleKey
from ampnet.dataset.open_index import read_index
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.recognition.onnx import open_model
from benchmarks.measure import in_turn, median_seconds, options_of, print_table

ROUNDS, BATCH = 15, 32

Faces = dict[str, np.ndarray]
Run = Callable[[Faces], np.ndarray]


def main() -> None:
    """Score and time all forms, and print a table."""
    options = options_of(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("files", type=Path, nargs="+")
    options.add_argument("--model", type=Path, default=Path("bundled"))
    given = options.parse_args()
    torch.set_num_threads(1)
    file = named_model(given.model)
    checkpoint = load_checkpoint(file)
    faces, truth = test_faces(given.data, checkpoint)
    forms = {file: torch_form(checkpoint), **{path: onnx_form(path) for path in given.files}}
    answers = {path: answer(form, faces) for path, form in forms.items()}
    times = [milliseconds(forms, faces, count) for count in (1, BATCH)]
    known, rows = truth >= 0, []
    for path in forms:
        right = (answers[path][known].argmax(axis=1) == truth[known]).mean()
        other = (answers[path].argmax(axis=1) != answers[file].argmax(axis=1)).mean()
        shift = np.abs(answers[path] - answers[file]).max()
        share = [f"{100 * right:.2f}", f"{100 * other:.2f}", f"{shift:.3f}"]
        rows.append((path.name, f"{path.stat().st_size / 1e6:.1f}", *share, *(one[path] for one in times)))
    head = ("form", "MB", "accuracy, %", "other labels, %", "largest shift", "CPU ms a face", f"in batches of {BATCH}")
    print_table(f"{len(truth)} faces, {known.sum()} with a majority; one thread", head, rows)


def test_faces(data: Path, checkpoint: Checkpoint) -> tuple[Faces, np.ndarray]:
    """Return the test faces as the network's inputs, and their true classes; -1 without a majority."""
    index = read_index(data)
    faces = index.subset(split_indices(index)["test"])
    batch = FaceBatches(faces_for(checkpoint, faces))[[SampleKey(0, one, one) for one in range(len(faces))]]
    images = batch.images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    assert faces.votes is not None, "the faces have no votes"
    return {"images": images, "landmarks": batch.landmarks.numpy()}, faces.votes.majority(checkpoint.class_names)


def torch_form(checkpoint: Checkpoint) -> Run:
    """Return the form that `predict` uses."""
    cpu = torch.device("cpu")
    classifier = Classifier.from_checkpoint(checkpoint, cpu)

    @torch.inference_mode()
    def classify(faces: Faces) -> np.ndarray:
        images = torch.from_numpy(faces["images"]).permute(0, 3, 1, 2)
        batch = Batch(images, torch.from_numpy(faces["landmarks"]), torch.zeros(len(images), dtype=torch.int64))
        return classifier.probabilities(*classifier.head_logits(batch.to(cpu)))

    return classify


def onnx_form(file: Path) -> Run:
    """Return an exported form."""
    session = open_model(file, "classifier", threads=1)
    return lambda faces: np.asarray(session.run(["probabilities"], faces)[0])


def answer(form: Run, faces: Faces) -> np.ndarray:
    """Return the probabilities of all faces."""
    starts = range(0, len(faces["images"]), BATCH)
    return np.concatenate([form({name: all_[at : at + BATCH] for name, all_ in faces.items()}) for at in starts])


def milliseconds(forms: Mapping[Path, Run], faces: Faces, count: int) -> dict[Path, str]:
    """Return each form's median CPU time for a face, in batches of ``count``."""
    part = {name: rows[:count] for name, rows in faces.items()}
    tasks = {str(path): partial(form, part) for path, form in forms.items()}
    times = in_turn(tasks, ROUNDS)
    return {path: f"{1000 * median_seconds(times, str(path), 'cpu') / count:.2f}" for path in forms}


if __name__ == "__main__":
    main()
