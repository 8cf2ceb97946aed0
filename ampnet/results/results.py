"""Results of `predict`: of one photo or frame as plain values, and of a whole run in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ampnet.files.printable import one_line
from ampnet.results.face_prediction import FacePrediction

MAX_LISTED = 100
"""Files and problems that are listed one by one; what more there are, is counted."""


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """Results for a photo, a video frame, or a file that could not be read."""

    path: Path | str
    """An address is text."""
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
        """Return the results as plain values for JSON; pixels with one decimal, probabilities in [0, 1].

        A path and a reason fit on one line of UTF-8: control characters and undecodable bytes are escaped.
        """
        height, width = self.size_hw or (None, None)
        return {
            "image": one_line(self.path),
            "frame": self.frame,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "status": self.status,
            "problem": None if self.problem is None else one_line(self.problem),
            "width": width,
            "height": height,
            "faces": [_face_to_dict(face) for face in self.faces],
        }


@dataclass(eq=False)
class VideoSummary:
    """What was found in a video, as a whole."""

    path: Path | str
    frames: int = 0
    """Frames classified."""
    frames_with_faces: int = 0
    faces: int = 0
    score_sums: dict[str, float] = field(default_factory=dict)
    """For each class, the sum of its probability over all faces."""

    def add(self, frame: ImagePredictions) -> None:
        """Count a frame."""
        self.frames += 1
        self.frames_with_faces += bool(frame.faces)
        self.faces += len(frame.faces)
        for face in frame.faces:
            for name, score in face.scores.items():
                self.score_sums[name] = self.score_sums.get(name, 0.0) + score

    def mean_scores(self) -> dict[str, float]:
        """Return each class's mean probability over all faces; empty without any."""
        return {name: total / self.faces for name, total in self.score_sums.items()}


class Predictions:
    """What a run has found: the first :data:`MAX_LISTED` files, the first problems, and counts of everything.

    Args:
        class_names: the model's classes.
        checkpoint: the model's file.
    """

    def __init__(self, class_names: tuple[str, ...], checkpoint: Path) -> None:
        self.class_names = class_names
        self.checkpoint = checkpoint
        self.listed: list[ImagePredictions | VideoSummary] = []
        """The first files, in input order; the problem that ended a video early is a separate entry."""
        self.files = 0
        """Entries, listed or not."""
        self.labels: Counter[str] = Counter()
        """Number of faces with each answer, over all files."""
        self.problems: list[str] = []
        """A line for each of the first files that could not be read, and for each problem of the run as a whole."""
        self.unlisted_problems = 0
        """Number of further files that could not be read."""
        self.earlier = 0
        """Photos and frames that an interrupted run has recorded; they are in the files only."""
        self.is_interrupted = False
        """Whether Ctrl-C ended the run."""
        self._video: VideoSummary | None = None

    def add(self, result: ImagePredictions) -> None:
        """Count the result of a photo or frame; a video's frames come one after the other."""
        self.labels.update(face.answer for face in result.faces)
        if result.problem:
            if len(self.problems) < MAX_LISTED:
                self.problems.append(result.problem)
            else:
                self.unlisted_problems += 1
        if result.frame is None:
            self._video = None
            self._list(result)
            return
        if self._video is None or self._video.path != result.path or result.frame == 0:
            self._video = VideoSummary(result.path)
            self._list(self._video)
        self._video.add(result)

    @property
    def is_all_listed(self) -> bool:
        """Whether every file is listed, and the next one would be, too."""
        return self.files < MAX_LISTED

    def all_problems(self) -> list[str]:
        """Return a line for each listed problem, and one that counts the others."""
        others = [f"{self.unlisted_problems:,} further inputs cannot be read"] if self.unlisted_problems else []
        return [*self.problems, *others]

    def _list(self, entry: ImagePredictions | VideoSummary) -> None:
        if self.is_all_listed:
            self.listed.append(entry)
        self.files += 1


class ResultSink(Protocol):
    """Takes results as they are found."""

    def add(self, result: ImagePredictions) -> None:
        """Take the result of a photo or frame."""


def _face_to_dict(face: FacePrediction) -> dict[str, Any]:
    explanation = {} if face.explanation is None else {"explanation": face.explanation.to_dict()}
    return {
        "box": np.round(face.face.box.astype(float), 1).tolist(),
        "face_score": round(face.face.score, 4),
        "landmarks": np.round(face.face.landmarks.astype(float), 1).tolist(),
        "label": face.label,
        "probability": round(face.probability, 6),
        "answer": face.answer,
        "scores": {name: round(score, 6) for name, score in face.scores.items()},
        "warnings": face.warnings,
        **({} if face.track is None else {"track": face.track}),
        **explanation,
    }
