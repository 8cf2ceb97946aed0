"""What a run of `predict` has found, in bounded memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ampnet.files.printable import counted, printable
from ampnet.results.photo_result import PhotoResult

MAX_LISTED = 100
"""Maximum number of files and problems that are listed; further ones are counted."""


MAX_NOTES = 10
"""Photos with notes that are shown one by one."""


@dataclass(eq=False)
class VideoSummary:
    """What was found in a video, as a whole."""

    name: str
    frames: int = 0
    """Frames classified."""
    frames_with_faces: int = 0
    faces: int = 0
    score_sums: dict[str, float] = field(default_factory=dict)
    """For each class, the sum of its probability over all faces."""

    def add(self, frame: PhotoResult) -> None:
        """Count a frame."""
        self.frames += 1
        self.frames_with_faces += bool(frame)
        self.faces += len(frame)
        for face in frame:
            for name, score in face.scores.items():
                self.score_sums[name] = self.score_sums.get(name, 0.0) + score

    def mean_scores(self) -> dict[str, float]:
        """Return each class's mean probability over all faces; empty without any."""
        return {name: total / self.faces for name, total in self.score_sums.items()}


class Predictions:
    """What a run has found: the first :data:`MAX_LISTED` files, the first problems, and counts of everything.

    Args:
        model: which model answers: its name and a short hash.
    """

    def __init__(self, class_names: tuple[str, ...], checkpoint: Path, model: str) -> None:
        self.class_names = class_names
        self.checkpoint, self.model = checkpoint, model
        self.listed: list[PhotoResult | VideoSummary] = []
        """The first files, in input order; the problem that ended a video early is a separate entry."""
        self.files = 0
        """Entries, listed or not."""
        self.labels: Counter[str] = Counter()
        """Number of faces with each answer, over all files."""
        self.problems: list[str] = []
        """A line for each of the first files that could not be read, and for each problem of the run as a whole."""
        self.notes: list[str] = []
        """A line for each of the first photos that there is something to know about, such as frames not read."""
        self.unlisted_notes = 0
        """Number of further such photos."""
        self.unlisted_problems = 0
        """Number of further files that could not be read."""
        self.earlier = 0
        """Photos and frames that an interrupted run has recorded; they are in the files only."""
        self.is_interrupted = False
        """Whether Ctrl-C ended the run."""
        self.advice = ""
        """What to do then, if the same command does not do."""
        self._video: VideoSummary | None = None

    def add(self, result: PhotoResult) -> None:
        """Count the result of a photo or frame; a video's frames come one after the other."""
        self.labels.update(face.answer for face in result)
        if result.problem:
            if len(self.problems) < MAX_LISTED:
                self.problems.append(result.problem)
            else:
                self.unlisted_problems += 1
        if result.warnings:
            self._note(f"{printable(result.name)}: {'; '.join(result.warnings)}")
        if result.frame is None:
            self._video = None
            self._list(result)
            return
        if self._video is None or self._video.name != result.name or result.frame == 0:
            self._video = VideoSummary(result.name)
            self._list(self._video)
        self._video.add(result)

    def add_empty(self, notes: Sequence[str], is_all: bool) -> None:
        """Note videos without a frame that was requested; they are problems where there is nothing else."""
        for note in notes:
            self.problems.append(note) if is_all else self._note(note)

    @property
    def is_all_listed(self) -> bool:
        """Whether every file is listed, and the next one would be, too."""
        return self.files < MAX_LISTED

    def all_problems(self) -> list[str]:
        """Return a line for each listed problem, and one that counts the others."""
        others = (
            [f"{counted(self.unlisted_problems, 'further input')} cannot be read"] if self.unlisted_problems else []
        )
        return [*self.problems, *others]

    def _note(self, note: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(note)
        else:
            self.unlisted_notes += 1

    def _list(self, entry: PhotoResult | VideoSummary) -> None:
        if self.is_all_listed:
            self.listed.append(entry)
        self.files += 1


class ResultSink(Protocol):
    """Takes results as they are found."""

    def add(self, result: PhotoResult) -> None:
        """Add the result of a photo or frame."""
