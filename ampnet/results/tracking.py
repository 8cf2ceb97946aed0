"""Following faces from frame to frame, joining their tracks to people, and averaging their probabilities over time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import intersection_over_union
from ampnet.reading.sources import Source
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.people import People, appearance, likeness
from ampnet.results.photo_result import PhotoResult

MIN_OVERLAP = 0.2
"""Minimum intersection over union of a face's box and its track's last one."""

MIN_LIKENESS = 0.93
"""Minimum likeness of the pictures around them: below, the video was cut, or someone else has come."""

MAX_GLIDE = 0.7
"""Seconds for which a track that is not seen is expected to go on at its pace."""

MAX_GAP = 2.5
"""Seconds after which a track that was not seen has ended."""


@dataclass(eq=False)
class _Track:
    number: int
    box: NDArray[np.floating]
    look: NDArray[np.float32]
    """See :func:`ampnet.results.people.appearance`."""
    seconds: float
    scores: NDArray[np.float64]
    person: int | None = None
    velocity: NDArray[np.floating] | float = 0.0
    """Pixels per second of the box's corners."""

    def expected(self, seconds: float) -> NDArray[np.floating]:
        """Return where the box is to be expected; its pace counts for a short time only."""
        return self.box + self.velocity * min(seconds - self.seconds, MAX_GLIDE)


class FaceTracker:
    """Numbers the faces of one video, from 1, so that a person in view keeps their number.

    Faces of two frames are matched so that the sum of their overlaps, each times the likeness of the pictures around
    the faces, is largest (the Hungarian algorithm); needs SciPy.

    Args:
        smooth: seconds over which probabilities are averaged along a track: an exponential mean of the past, in which a
            frame's weight falls to 37% after that time; 0 leaves them.
        people: maximum number of people to whom tracks are joined; None for no people.
    """

    def __init__(self, smooth: float = 0.0, people: int | None = None) -> None:
        self._smooth = smooth
        self._tracks: list[_Track] = []
        self._count = 0
        self._people = None if people is None else People(people)

    def follow(
        self, seconds: float, faces: Sequence[FacePrediction], image: NDArray[np.uint8], scale: float = 1.0
    ) -> list[FacePrediction]:
        """Assign numbers to the faces of the next frame, and their averaged probabilities if wanted.

        Args:
            image: the frame, ``(h, w, 3)`` RGB.
            scale: its pixels for one of those in which the faces' boxes are given.
        """
        self._tracks = [track for track in self._tracks if seconds - track.seconds <= MAX_GAP]
        looks = [appearance(image, face.box * scale) for face in faces]
        known = self._match(seconds, faces, looks)
        for i, face in enumerate(faces):
            if i not in known:
                self._count += 1
                known[i] = _Track(self._count, face.box, looks[i], seconds, np.array(list(face.scores.values())))
        if self._people is not None:
            self._join([known[i] for i in range(len(faces))], faces, looks, round(image.shape[0] / scale))
        self._tracks += [track for track in known.values() if track not in self._tracks]
        return [self._continued(known[i], face, looks[i], seconds) for i, face in enumerate(faces)]

    def _match(
        self, seconds: float, faces: Sequence[FacePrediction], looks: Sequence[NDArray[np.float32]]
    ) -> dict[int, _Track]:
        from scipy.optimize import linear_sum_assignment  # of an extra

        if not faces or not self._tracks:
            return {}
        values = np.zeros((len(faces), len(self._tracks)))
        expected = [track.expected(seconds) for track in self._tracks]
        starts, ends = np.split(np.array(expected), 2, axis=1)
        for row, (face, look) in enumerate(zip(faces, looks, strict=True)):
            meets = ((face.box[:2] < ends) & (starts < face.box[2:])).all(axis=1)  # all at once: few of a crowd do
            for column in np.flatnonzero(meets).tolist():
                overlap = intersection_over_union(face.box, expected[column])
                alike = likeness(look, self._tracks[column].look)
                if overlap >= MIN_OVERLAP and alike >= MIN_LIKENESS:
                    values[row, column] = overlap * alike**4
        rows, columns = linear_sum_assignment(values, maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: self._tracks[column] for row, column in pairs if values[row, column] > 0}

    def _join(
        self,
        tracks: Sequence[_Track],
        faces: Sequence[FacePrediction],
        looks: Sequence[NDArray[np.float32]],
        height: int,
    ) -> None:
        """Assign a person to each track: to a new one, the most similar of those not in view; no person to two."""
        assert self._people is not None
        in_view: set[int] = set()
        for track in sorted(tracks, key=lambda one: one.number):
            if track.person in in_view:  # it began while the other one was not found for a moment
                self._people.forget(track.person, track.number)
                track.person = None
            elif track.person is not None:
                in_view.add(track.person)
        new = [i for i, track in enumerate(tracks) if track.person is None]
        found = self._people.recognise([faces[i].box for i in new], [looks[i] for i in new], in_view, height)
        for i, person in zip(new, found, strict=True):
            tracks[i].person = person
        for track, face, look in zip(tracks, faces, looks, strict=True):
            if track.person is not None:
                self._people.remember(track.person, track.number, face.box, look, height)

    def _continued(
        self, track: _Track, face: FacePrediction, look: NDArray[np.float32], seconds: float
    ) -> FacePrediction:
        scores = np.array(list(face.scores.values()))
        if self._smooth > 0:
            kept = math.exp(-(seconds - track.seconds) / self._smooth)
            scores = kept * track.scores + (1 - kept) * scores
        if 0 < seconds - track.seconds <= MAX_GLIDE:
            track.velocity = 0.5 * track.velocity + 0.5 * (face.box - track.box) / (seconds - track.seconds)
        track.box, track.look, track.seconds, track.scores = face.box, look, seconds, scores
        by_name = dict(zip(face.scores, scores.tolist(), strict=True))
        label = max(by_name, key=by_name.__getitem__)
        return replace(
            face, scores=by_name, label=label, probability=by_name[label], track=track.number, person=track.person
        )


class Tracking:
    """Follows the faces of one video after the other; photos are left as they are.

    Args:
        smooth: see :class:`FaceTracker`.
    """

    def __init__(self, smooth: float, people: int | None = None) -> None:
        self._smooth, self._people = smooth, people
        self._source: Source | None = None
        self._tracker = FaceTracker(smooth, people)

    def take(self, source: Source, result: PhotoResult) -> None:
        """Number the faces of a photo or frame of a source; frames of a video come one after the other."""
        if source is not self._source:
            self._source, self._tracker = source, FaceTracker(self._smooth, self._people)
        if result.seconds is not None:
            image, width = result.photo.reduced, result.photo.size_hw[1]
            result.is_averaged = self._smooth > 0
            result[:] = self._tracker.follow(result.seconds, result, image, image.shape[1] / width)
