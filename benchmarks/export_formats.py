"""Size, accuracy and time of a bundled model in every form that `ampnet export` writes, side by side.

    python -m benchmarks.export_formats DATA [--model bundled:ferplus]

DATA is a folder from `ampnet prepare`; its test split is scored (against the annotators' majority where it has votes,
else the labels), its validation split calibrates int8. One thread; the forms take turns, medians over rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import Batch, FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.open_index import read_index
from ampnet.export.parity import Inputs
from ampnet.faces.framing import reframing
from ampnet.inference.classifier import Classifier
from ampnet.recognition.onnx.session import open_model
from ampnet.settings import ExportConfig, ExportPrecision
from pipelines.export import run

ROUNDS = 15
BATCH = 32
PRECISIONS: tuple[ExportPrecision, ...] = ("fp32", "fp16", "int8")

Run = Callable[[Inputs], np.ndarray]


def main() -> None:
    """Export, score and time all forms, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, default=Path("bundled:ferplus"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    file = named_model(arguments.model)
    checkpoint = load_checkpoint(file)
    inputs, truth = test_faces(arguments.data, checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        sizes, forms = {"torch": file.stat().st_size}, {"torch": torch_form(checkpoint)}
        for precision in PRECISIONS:
            config = ExportConfig(
                model=arguments.model, precision=precision, data=arguments.data, out=Path(folder) / f"{precision}.onnx"
            )
            written = run(config).file
            sizes[f"onnx {precision}"], forms[f"onnx {precision}"] = written.stat().st_size, onnx_form(written)
        times = take_turns(forms, inputs)
        answers = {name: answer(form, inputs) for name, form in forms.items()}
    print(f"{'form':12} {'MB':>6} {'accuracy':>9} {'other answers':>14} {'ms, batch 1':>12} {f'ms, batch {BATCH}':>13}")
    known = truth >= 0
    for name, found in answers.items():
        right, other = (found[known] == truth[known]).mean(), (found != answers["torch"]).mean()
        one, many = times[name]
        print(f"{name:12} {sizes[name] / 1e6:6.1f} {right:9.2%} {other:14.2%} {one:12.2f} {many:13.2f}")


def test_faces(data: Path, checkpoint: Checkpoint) -> tuple[Inputs, np.ndarray]:
    """Return the test split as the network's inputs, and its true classes; -1 without a majority."""
    index = read_index(data)
    faces = index.subset(split_indices(index)["test"])
    reframe = reframing(index.framing, faces.landmarks, checkpoint.framing)
    size = checkpoint.architecture.image_size
    dataset = FaceDataset(faces, np.arange(len(faces)), size, color=checkpoint.framing.color, reframe=reframe)
    batch = FaceBatches(dataset)[[SampleKey(0, position, position) for position in range(len(faces))]]
    images = batch.images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    codes = np.array([checkpoint.class_names.index(name) for name in index.class_names])
    truth = codes[faces.labels] if faces.votes is None else faces.votes.majority(checkpoint.class_names)
    return {"images": images, "landmarks": batch.landmarks.numpy()}, np.asarray(truth)


def torch_form(checkpoint: Checkpoint) -> Run:
    """Return the form that `predict` uses."""
    classifier, cpu = Classifier.from_checkpoint(checkpoint, torch.device("cpu")), torch.device("cpu")

    @torch.inference_mode()
    def classify(inputs: Inputs) -> np.ndarray:
        images = torch.from_numpy(inputs["images"]).permute(0, 3, 1, 2)
        batch = Batch(images, torch.from_numpy(inputs["landmarks"]), torch.zeros(len(images), dtype=torch.int64))
        return classifier.probabilities(*classifier.head_logits(batch.to(cpu)))

    return classify


def onnx_form(file: Path) -> Run:
    """Return an exported form."""
    session = open_model(file, "classifier", threads=1).session
    return lambda inputs: np.asarray(session.run(["probabilities"], inputs)[0])


def answer(form: Run, inputs: Inputs) -> np.ndarray:
    """Return the class of each face."""
    starts = range(0, len(inputs["images"]), BATCH)
    parts = [form({name: rows[start : start + BATCH] for name, rows in inputs.items()}) for start in starts]
    return np.concatenate(parts).argmax(axis=1)


def take_turns(forms: dict[str, Run], inputs: Inputs) -> dict[str, tuple[float, float]]:
    """Return each form's median milliseconds for a face, at batch 1 and at a full batch."""
    spent: dict[str, dict[int, list[float]]] = {name: {1: [], BATCH: []} for name in forms}
    for _ in range(ROUNDS):
        for count in (1, BATCH):
            part = {name: rows[:count] for name, rows in inputs.items()}
            for name, form in forms.items():
                form(part)
                start = time.perf_counter()
                form(part)
                spent[name][count].append((time.perf_counter() - start) * 1000 / count)
    return {name: (statistics.median(by[1]), statistics.median(by[BATCH])) for name, by in spent.items()}


if __name__ == "__main__":
    main()
