"""Results of `predict` on photos and videos, as plain values and as a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ampnet.prediction.photos import FacePrediction

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """Results for a photo, a video frame, or a file that could not be read."""

    path: Path
    size_hw: tuple[int, int] | None
    """Height and width in pixels; None if it could not be read."""
    faces: list[FacePrediction]
    problem: str | None = None
    """Why it could not be read."""
    frame: int | None = None
    """Number of the frame in its video, from 0; None for a photo."""
    seconds: float | None = None
    """Time of the frame since the start of its video."""

    @property
    def status(self) -> str:
        """``ok``, ``no face`` or ``unreadable``."""
        return "ok" if self.faces else "unreadable" if self.problem else "no face"

    def to_dict(self) -> dict[str, Any]:
        """Return the results as plain values for JSON."""
        height, width = self.size_hw or (None, None)
        return {
            "image": str(self.path),
            "frame": self.frame,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "status": self.status,
            "problem": self.problem,
            "width": width,
            "height": height,
            "faces": [_face_to_dict(face) for face in self.faces],
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row for each face; a row without a face if there are none."""
        plain = self.to_dict()
        about = {key: plain[key] for key in ("image", "frame", "seconds", "status", "problem")}
        return [about | {"face": i} | _face_row(face) for i, face in enumerate(plain["faces"], start=1)] or [about]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Results for all photos and frames, in input order."""

    images: list[ImagePredictions]
    class_names: tuple[str, ...]
    checkpoint: Path

    @property
    def problems(self) -> list[str]:
        """A line for each file that could not be read."""
        return [image.problem for image in self.images if image.problem]

    def to_dict(self) -> dict[str, Any]:
        """Return the results as plain values for JSON; pixels with one decimal, probabilities in [0, 1]."""
        return {
            "checkpoint": str(self.checkpoint),
            "class_names": list(self.class_names),
            "images": [image.to_dict() for image in self.images],
        }

    def to_table(self) -> pd.DataFrame:
        """List one row for each face, and one for each image without any; see its ``status``."""
        columns = ["image", "frame", "seconds", "status", "problem", "face", "x0", "y0", "x1", "y1", "face_score"]
        columns += ["label", "probability", *(f"score_{name}" for name in self.class_names)]
        columns += [f"{name}_{axis}" for name in LANDMARK_NAMES for axis in "xy"]
        rows = [row for image in self.images for row in image.rows()]
        return pd.DataFrame(rows, columns=columns).astype({"face": "Int64", "frame": "Int64"})


def _face_to_dict(face: FacePrediction) -> dict[str, Any]:
    return {
        "box": np.round(face.face.box.astype(float), 1).tolist(),
        "face_score": round(face.face.score, 4),
        "landmarks": np.round(face.face.landmarks.astype(float), 1).tolist(),
        "label": face.label,
        "probability": round(face.probability, 6),
        "scores": {name: round(score, 6) for name, score in face.scores.items()},
    }


def _face_row(face: dict[str, Any]) -> dict[str, Any]:
    row = dict(zip(("x0", "y0", "x1", "y1"), face["box"], strict=True))
    row |= {key: face[key] for key in ("face_score", "label", "probability")}
    row |= {f"score_{name}": score for name, score in face["scores"].items()}
    for name, (x, y) in zip(LANDMARK_NAMES, face["landmarks"], strict=True):
        row |= {f"{name}_x": x, f"{name}_y": y}
    return row
