"""A prepared data set made of the sample faces and their annotated landmarks, without detection."""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ampnet.dataset.index.landmarks_file import write_landmarks
from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.settings.labels import EXPRESSIONS
from tests.pictures import read_bgr

SAMPLES = Path(__file__).parent / "samples"
POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


def write_prepared_faces(root: Path, train: int = 6, val: int = 3, test: int = 0, image_size: int = 224) -> Path:
    """Write index/ and dataset/ with so many faces of each class; returns ``root``.

    Training faces are the samples' training faces, the others their test faces.
    """
    (root / "index").mkdir(parents=True)
    (root / "dataset").mkdir()
    rows = _annotations()
    lines, names, landmarks = [], [], []
    for label, expression in enumerate(EXPRESSIONS, start=1):
        of_class = {
            split: [row for row in rows if row["expression"] == expression and row["split"] == split]
            for split in ("train", "test")
        }
        held_out = of_class["test"]
        chosen = {"train": of_class["train"][:train], "val": held_out[:val], "test": held_out[val : val + test]}
        for split, faces in chosen.items():
            for row in faces:
                name = f"{split}_{Path(row['file']).name}"
                content, width = _resized(row["file"], image_size)
                (root / "dataset" / name).write_bytes(content)
                lines.append(f"{name} {label}\n")
                names.append(name)
                points = np.array([[float(row[f"{point}_x"]), float(row[f"{point}_y"])] for point in POINTS])
                landmarks.append(points * 224 / width)
    (root / "index" / "data_label.txt").write_text("".join(lines), encoding="utf-8")
    write_landmarks(root / "index" / "land_marks.npy", names, np.array(landmarks))
    return root


@cache
def _annotations() -> list[dict[str, Any]]:
    with (SAMPLES / "annotations.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _resized(file: str, side: int) -> tuple[bytes, int]:
    """Return a sample as a square JPEG file, and its width as it is."""
    image = read_bgr(SAMPLES / file)
    return cv2.imencode(".jpg", cv2.resize(image, (side, side)))[1].tobytes(), image.shape[1]


def one_face(faces: FaceDataset, position: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Load a face of epoch 0 alone: image in [0, 1], landmarks in its pixels, label."""
    batch = FaceBatches(faces)[[SampleKey(0, position, position)]].to(torch.device("cpu"))
    return batch.images[0], batch.landmarks[0], int(batch.labels[0])


def files_of(out: Path) -> dict[str, bytes]:
    """Everything that a prepare wrote; its duration is the one thing that may differ."""
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    files.pop("index/.lock", None)
    meta = json.loads(files["index/meta.json"])
    del meta["elapsed_seconds"]
    return {**files, "index/meta.json": json.dumps(meta).encode()}
