"""Following faces from frame to frame, joining their tracks to people, and averaging their probabilities over time.

Tracks are joined over absences and cuts by place, size, and the picture around the face. No face is identified: within
one video of known people, where a person sits and what they wear are enough, and it leaves nothing by which they could
be found elsewhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import intersection_over_union
from ampnet.reading.sources import Source
from ampnet.results.appearance import appearance, likeness
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.photo_result import PhotoResult

MAX_VIEWS = 12
"""Views that are remembered of a person: the last one of each of their last tracks."""

NEW_PERSON = 0.5
"""Below this value for all known people, a face is a new person's, if there may be more people."""

SHARPNESS = 8
"""Power of the likeness: people in one room are 0.9 alike, one person in two shots 0.96."""

PLACE_WEIGHT = 0.15
"""Share of place and size in the value; the rest is what the picture looks like, as a cut changes places."""


@dataclass(eq=False)
class _View:
    track: int
    box: NDArray[np.floating]
    """In heights of the frame."""
    look: NDArray[np.float32]


class People:
    """The people of one video, numbered from 1 in the order in which they appear."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._views: list[list[_View]] = []

    def recognise(
        self,
        boxes: Sequence[NDArray[np.floating]],
        looks: Sequence[NDArray[np.float32]],
        in_view: set[int],
        height: int,
    ) -> list[int | None]:
        """Return the people of new tracks; None for those beyond the limit.

        Args:
            boxes: x0, y0, x1, y1 in pixels.
            looks: see :func:`ampnet.results.appearance.appearance`.
            in_view: people whose tracks go on, so that these are others.
            height: of the frame in pixels.
        """
        from scipy.optimize import linear_sum_assignment  # of an extra

        free = [person for person in range(1, len(self._views) + 1) if person not in in_view]
        room = self._most - len(self._views)
        values = np.zeros((len(boxes), len(free) + room))
        values[:, len(free) :] = NEW_PERSON
        for row, (box, look) in enumerate(zip(boxes, looks, strict=True)):
            for column, person in enumerate(free):
                values[row, column] = max(_value(box / height, look, view) for view in self._views[person - 1])
        found: list[int | None] = [None] * len(boxes)
        rows, columns = linear_sum_assignment(values, maximize=True)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if column < len(free):
                found[row] = free[column]
            else:
                self._views.append([])
                found[row] = len(self._views)
        return found

    def remember(
        self, person: int, track: int, box: NDArray[np.floating], look: NDArray[np.float32], height: int
    ) -> None:
        """Keep what a person looks like now; it replaces the earlier look of the same track."""
        views = self._views[person - 1]
        if views and views[-1].track == track:
            views[-1].box, views[-1].look = box / height, 0.8 * views[-1].look + 0.2 * look
        else:
            views.append(_View(track, box / height, look))
            del views[:-MAX_VIEWS]


def _value(box: NDArray[np.floating], look: NDArray[np.float32], view: _View) -> float:
    sizes = [float(one[3] - one[1]) for one in (box, view.box)]
    distance = float(np.hypot(*(box[:2] + box[2:] - view.box[:2] - view.box[2:]))) / 2 / max(*sizes, 1e-6)
    size = min(sizes) / max(*sizes, 1e-6)
    place = np.exp(-0.5 * distance**2) * size
    return float((1 - PLACE_WEIGHT) * likeness(look, view.look) ** SHARPNESS + PLACE_WEIGHT * place)


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
    """See :func:`ampnet.results.appearance.appearance`."""
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
        for row, (face, look) in enumerate(zip(faces, looks, strict=True)):
            for column, track in enumerate(self._tracks):
                overlap, alike = intersection_over_union(face.box, track.expected(seconds)), likeness(look, track.look)
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
        """Assign a person to each track: to a new one, the most similar of those not in view."""
        assert self._people is not None
        in_view = {track.person for track in tracks if track.person is not None}
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
        numbered = replace(face, track=track.number, person=track.person)
        if self._smooth <= 0:
            return numbered
        by_name = dict(zip(face.scores, scores.tolist(), strict=True))
        label = max(by_name, key=by_name.__getitem__)
        return replace(numbered, scores=by_name, label=label, probability=by_name[label])


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
            result[:] = self._tracker.follow(result.seconds, result, image, image.shape[1] / width)
