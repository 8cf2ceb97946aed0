"""Turn a finished run of `ampnet train` into the model that the package ships.

    python tools/bundle_model.py RUN_FOLDER DATA_FOLDER NAME [--max-loss 0.007]

Chooses the prior strength and fits the temperature on the validation split, stores the weights in half precision, and
writes the training record (settings, history, data counts and hash) beside them. NAME is one of the names in
ampnet/checkpoints/model_files.py.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import MODELS, model_path, record_path
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ShardedSequentialSampler
from ampnet.dataset.open_index import read_index
from ampnet.evaluation.matching import match_all_classes
from ampnet.files.writing import write_json
from ampnet.inference.calibration import fit_temperature, strength_offsets
from ampnet.inference.classifier import Classifier
from ampnet.models.ampnet import fuse_logits
from ampnet.settings.recipes import make_recipe
from ampnet.training.targets import selection_faces
from tools.prior_strength import MAX_ACCURACY_LOSS, choose_prior_strength

PLACES = ("data", "out", "name", "pretrained", "teachers")
"""Settings that are paths on the training machine."""


def main() -> None:
    """Parse the arguments, bundle the model, and print what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder under checkpoint/")
    parser.add_argument("data", type=Path, help="folder from `ampnet prepare` that the run was trained on")
    parser.add_argument("name", choices=MODELS, help="which of the bundled models")
    parser.add_argument(
        "--max-loss", type=float, default=MAX_ACCURACY_LOSS, help="accuracy on votes to give up for mean recall"
    )
    arguments = parser.parse_args()

    tuned = calibrated(load_checkpoint(arguments.run), arguments.data, arguments.max_loss)
    settings = {name: value for name, value in tuned.config.items() if name not in PLACES}
    file, record = model_path(arguments.name), record_path(arguments.name)
    save_checkpoint(file, replace(tuned, config=settings))
    write_json(record, training_record(arguments.run))
    size = file.stat().st_size / 1e6
    print(f"{file}: {size:.2f} MB, prior strength {tuned.prior_strength}, temperature {tuned.temperature}")


def calibrated(checkpoint: Checkpoint, data: Path, max_loss: float) -> Checkpoint:
    """Choose prior strength and temperature on the faces that chose the epoch.

    A run trained on votes is scored by the annotators' majority, one trained on labels by the labels.
    """
    index = read_index(data)
    learned = checkpoint.config["recipe"]
    recipe = make_recipe("modern", {name: learned[name] for name in ("targets", "vote_weight")})
    codes = match_all_classes(index.class_names, checkpoint.class_names)
    class_shares = np.array(checkpoint.class_shares)
    chosen = selection_faces(index, split_indices(index, seed=checkpoint.config["seed"])["val"], recipe)
    faces = FaceDataset(*chosen, checkpoint.architecture.image_size, color=checkpoint.framing.color)
    cpu = torch.device("cpu")
    batches = batch_loader(faces, ShardedSequentialSampler(len(faces), 64), 0, cpu)
    logits = Classifier.from_checkpoint(checkpoint, cpu, prior="training").collect(batches)
    fused, truth = fuse_logits(logits.local, logits.global_, checkpoint.branch_weight), codes[logits.labels]
    # Single labels are learned for comparison with published accuracies, so nothing of those is given up.
    strength = choose_prior_strength(fused, truth, class_shares, max_loss if recipe.targets != "label" else 0.0)
    temperature = fit_temperature(fused + strength_offsets(class_shares, strength), torch.from_numpy(truth))
    return replace(
        checkpoint,
        prior_strength=strength,
        temperature=round(temperature, 4),
    )


def training_record(run: Path) -> dict[str, Any]:
    """Collect a run's own records, without paths."""
    record: dict[str, Any] = json.loads((run / "config.json").read_text(encoding="utf-8"))
    record["data"].pop("root", None)
    record["config"] = {name: value for name, value in record["config"].items() if name not in PLACES}
    with (run / "history.csv").open(encoding="utf-8", newline="") as file:
        record["history"] = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return record


if __name__ == "__main__":
    main()
