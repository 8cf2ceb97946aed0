"""Following faces from frame to frame, and averaging their probabilities over time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import intersection_over_union
from ampnet.reading.sources import Source
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.photo_result import PhotoResult

MIN_OVERLAP = 0.2
"""Minimum intersection over union of a face's box and its track's last one."""

MAX_GAP = 1.0
"""Seconds after which a track that was not seen has ended."""


@dataclass(eq=False)
class _Track:
    number: int
    box: NDArray[np.floating]
    seconds: float
    scores: NDArray[np.float64]


class FaceTracker:
    """Numbers the faces of one video, from 1, so that a person in view keeps their number.

    Boxes of two frames are matched so that their total overlap is largest (the Hungarian algorithm); needs SciPy.

    Args:
        smooth: seconds over which probabilities are averaged along a track: an exponential mean of the past, in which a
            frame's weight falls to 37% after that time; 0 leaves them.
    """

    def __init__(self, smooth: float = 0.0) -> None:
        self._smooth = smooth
        self._tracks: list[_Track] = []
        self._count = 0

    def follow(self, seconds: float, faces: Sequence[FacePrediction]) -> list[FacePrediction]:
        """Give the faces of the next frame their numbers, and their averaged probabilities if wanted.

        Args:
            seconds: time of the frame.
            faces: what was found in it.
        """
        self._tracks = [track for track in self._tracks if seconds - track.seconds <= MAX_GAP]
        known = self._match(faces)
        return [self._continued(known.get(i), face, seconds) for i, face in enumerate(faces)]

    def _match(self, faces: Sequence[FacePrediction]) -> dict[int, _Track]:
        from scipy.optimize import linear_sum_assignment  # of an extra

        if not faces or not self._tracks:
            return {}
        overlaps = np.array(
            [[intersection_over_union(face.box, track.box) for track in self._tracks] for face in faces]
        )
        rows, columns = linear_sum_assignment(np.where(overlaps >= MIN_OVERLAP, overlaps, 0.0), maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: self._tracks[column] for row, column in pairs if overlaps[row, column] >= MIN_OVERLAP}

    def _continued(self, track: _Track | None, face: FacePrediction, seconds: float) -> FacePrediction:
        scores = np.array(list(face.scores.values()))
        if track is None:
            self._count += 1
            track = _Track(self._count, face.box, seconds, scores)
            self._tracks.append(track)
        elif self._smooth > 0:
            kept = math.exp(-(seconds - track.seconds) / self._smooth)
            scores = kept * track.scores + (1 - kept) * scores
        track.box, track.seconds, track.scores = face.box, seconds, scores
        if self._smooth <= 0:
            return replace(face, track=track.number)
        by_name = dict(zip(face.scores, scores.tolist(), strict=True))
        label = max(by_name, key=by_name.__getitem__)
        return replace(face, track=track.number, scores=by_name, label=label, probability=by_name[label])


class Tracking:
    """Follows the faces of one video after the other; photos are left as they are.

    Args:
        smooth: see :class:`FaceTracker`.
    """

    def __init__(self, smooth: float) -> None:
        self._smooth = smooth
        self._source: Source | None = None
        self._tracker = FaceTracker(smooth)

    def take(self, source: Source, result: PhotoResult) -> None:
        """Number the faces of a photo or frame of a source; frames of a video come one after the other."""
        if source is not self._source:
            self._source, self._tracker = source, FaceTracker(self._smooth)
        if result.seconds is not None:
            result[:] = self._tracker.follow(result.seconds, result)
