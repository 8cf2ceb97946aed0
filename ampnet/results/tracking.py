"""Following faces from frame to frame, joining their tracks to people, and averaging their probabilities over time.

Tracks are joined over absences and cuts by place, size, and the picture around the face. No face is identified: within
one video of known people, where a person sits and what they wear are enough, and it leaves nothing by which they could
be found elsewhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import intersection_over_union
from ampnet.media.images import Image
from ampnet.reading.sources import Source
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.photo_result import PhotoResult

_AROUND = (0.15, 0.4, 0.15, 0.6)
"""How far the picture reaches beyond the face's box: left, up, right, down, in widths and heights of the box."""

_ZONES = ((0.0, 0.25), (0.25, 0.7), (0.7, 1.0))
"""Parts of its height: hair, face, clothes."""

_BINS = (8, 12, 12)
"""Of lightness, green to red, blue to yellow (CIE Lab)."""

_SIZE = 48


def appearance(image: Image, box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Describe the picture around a face (hair, clothes, the wall behind) by its colours, in three zones.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        box: the face's x0, y0, x1, y1 in its pixels.

    Returns:
        ``(96,)`` square roots of histograms that sum to 1; the dot product of two is their likeness, from 0 to 1.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box.tolist()
    left, up, right, down = _AROUND
    w, h = x1 - x0, y1 - y0
    columns = np.clip([x0 - left * w, x1 + right * w], 0, width).astype(int)
    rows = np.clip([y0 - up * h, y1 + down * h], 0, height).astype(int)
    part = image[rows[0] : rows[1], columns[0] : columns[1]]
    if not part.size:
        return np.zeros(len(_ZONES) * sum(_BINS), np.float32)
    lab = cv2.cvtColor(cv2.resize(part, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    histograms = []
    for top, bottom in _ZONES:
        zone = lab[round(top * _SIZE) : round(bottom * _SIZE)].reshape(-1, 3)
        for channel, bins in enumerate(_BINS):
            first, end = (0, 256) if channel == 0 else (64, 192)  # colours of people are not saturated
            levels = np.clip(zone[:, channel], first, end - 1).astype(int) - first
            counts = np.bincount(levels * bins // (end - first), minlength=bins)  # np.histogram: five times as long
            blurred = np.convolve(counts, [0.25, 0.5, 0.25], "same")
            histograms.append(blurred / max(blurred.sum(), 1))
    return np.sqrt(np.concatenate(histograms) / len(histograms)).astype(np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return how alike two descriptions are, from 0 to 1."""
    return float(one @ other)


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
            looks: see :func:`ampnet.results.tracking.appearance`.
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

    def forget(self, person: int, track: int) -> None:
        """Drop what a track showed of a person, as it turned out to be someone else's."""
        views = self._views[person - 1]
        views[:] = [view for view in views if view.track != track]

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
    """See :func:`ampnet.results.tracking.appearance`."""
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
