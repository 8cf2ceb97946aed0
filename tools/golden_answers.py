"""Store the golden answers of `ampnet doctor` anew, after a bundled model has changed.

    python tools/golden_answers.py

Takes twenty of the sample faces, and writes ampnet/inference/golden.png and golden.json.
"""

import json
from pathlib import Path

import torch

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import MODELS, bundled_model
from ampnet.detection.detector import FaceDetector
from ampnet.faces.alignment import align_face
from ampnet.files.writing import sha256_of
from ampnet.inference.classifier import Classifier
from ampnet.inference.golden import ANSWERS, SHEET, draw_sheet, golden_faces
from ampnet.reading.image_files import read_image

SAMPLES = Path(__file__).parents[1] / "tests" / "samples" / "faces" / "test"
COUNT = 20


def main() -> None:
    """Draw the sheet, classify its faces, and write both files."""
    photos = [sorted(folder.iterdir())[number] for number in (0, 4, 8) for folder in sorted(SAMPLES.iterdir())][:COUNT]
    images = [read_image(path) for path in photos]
    found = FaceDetector().detect(images)
    faces = [align_face(image, boxes[0].landmarks) for image, boxes in zip(images, found, strict=True)]
    SHEET.write_bytes(draw_sheet(faces))
    landmarks = [face.landmarks.round(2).tolist() for face in faces]
    stored = golden_faces(landmarks)
    models = {}
    for name in MODELS:
        checkpoint = load_checkpoint(bundled_model(name))
        probabilities = Classifier.from_checkpoint(checkpoint, torch.device("cpu")).classify(
            stored, checkpoint.architecture.image_size
        )
        models[name] = {
            "sha256": sha256_of(bundled_model(name)),
            "class_names": list(checkpoint.class_names),
            "probabilities": [[round(value, 6) for value in row] for row in probabilities.tolist()],
        }
    ANSWERS.write_text(json.dumps({"landmarks": landmarks, "models": models}, indent=1) + "\n", encoding="utf-8")
    print(f"{SHEET}: {SHEET.stat().st_size:,} bytes; {ANSWERS}: {ANSWERS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
