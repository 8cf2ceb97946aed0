"""Turn a finished run of `ampnet train` into the model that the package ships.

    python tools/bundle_model.py RUN_FOLDER DATA_FOLDER

Fits the temperature on the validation split, stores the weights in half precision, and keeps the training
record (settings, history, data counts and hash) beside them.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ampnet.checkpoints.bundled import MODEL_FILE, RECORD_FILE
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.data.index.face_index import read_index
from ampnet.data.index.splits import split_indices
from ampnet.data.loading.dataset import FaceDataset, ShardedSequentialSampler, batch_loader
from ampnet.evaluation.matching import match_classes
from ampnet.inference.calibration import fit_temperature
from ampnet.inference.classifier import collect_logits
from ampnet.inference.optimize import optimize_for_inference
from ampnet.media.files import atomic_write
from ampnet.models.ampnet import fuse_logits

PLACES = ("data", "out", "name", "pretrained", "teachers")
"""Settings that say where files were on the machine that trained."""


def main() -> None:
    """Read the arguments, bundle, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder under checkpoint/")
    parser.add_argument("data", type=Path, help="folder from `ampnet prepare` that the run learned from")
    arguments = parser.parse_args()

    checkpoint = load_checkpoint(arguments.run)
    settings = {name: value for name, value in checkpoint.config.items() if name not in PLACES}
    temperature = round(temperature_on_val(checkpoint, arguments.data), 4)
    save_checkpoint(MODEL_FILE, replace(checkpoint, config=settings, temperature=temperature))
    with atomic_write(RECORD_FILE) as aside:
        aside.write_text(json.dumps(training_record(arguments.run), indent=1) + "\n", encoding="utf-8")
    print(f"{MODEL_FILE}: {MODEL_FILE.stat().st_size / 1e6:.2f} MB, temperature {temperature}")


def temperature_on_val(checkpoint: Checkpoint, data: Path) -> float:
    """Fit the temperature on the faces that chose the epoch."""
    index = read_index(data)
    codes = match_classes(index.class_names, checkpoint.class_names)
    val = index.subset(split_indices(index, seed=checkpoint.config["seed"])["val"])
    faces = FaceDataset(val, np.arange(len(val)), checkpoint.architecture.image_size, color=checkpoint.framing.color)
    cpu = torch.device("cpu")
    batches = batch_loader(faces, ShardedSequentialSampler(len(val), 64), 0, cpu)
    logits = collect_logits(optimize_for_inference(checkpoint.model), batches, cpu, False, lambda *_: None)
    fused = fuse_logits(logits.local, logits.global_, checkpoint.branch_weight)
    return fit_temperature(fused, torch.from_numpy(codes[logits.labels]))


def training_record(run: Path) -> dict[str, Any]:
    """Collect what a run says about itself, without the places of its files."""
    record: dict[str, Any] = json.loads((run / "config.json").read_text(encoding="utf-8"))
    record["data"].pop("root", None)
    record["config"] = {name: value for name, value in record["config"].items() if name not in PLACES}
    with (run / "history.csv").open(encoding="utf-8", newline="") as file:
        record["history"] = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return record


if __name__ == "__main__":
    main()
