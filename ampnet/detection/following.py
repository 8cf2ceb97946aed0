"""Finding the faces of a video in a part of its frames, and following their landmarks through those in between.

Between two frames on which the detector runs, landmarks are followed by optical flow (pyramidal Lucas-Kanade, Bouguet
2001), and must arrive where the detector finds the faces of the second one. A stretch in which they do not (a person
appears or turns away, the camera cuts) is halved, until the detector has run on all of its frames.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.detection.face import Face, landmark_distance
from ampnet.detection.finder import FaceFinder
from ampnet.detection.retries import Detection
from ampnet.media.images import Image, reduce
from ampnet.reading.photo import Photo

STRETCH_SECONDS = 0.65
"""Longest time, but for half a frame, between two frames for the detector: at 24 to 30 a second, three in 32 frames."""

FLOW_SIDE = 640
"""Longer side in pixels at which movements are measured."""

MAX_DRIFT = 0.12
"""Mean distance between followed and detected landmarks at a stretch's end, in eye-to-mouth distances, above which the
stretch is halved."""

MAX_RETURN = 0.05
"""Largest distance between a landmark and where following it there and back leads, in eye-to-mouth distances."""

Stretch = tuple[int, int]
"""Two frames of one video on which the detector runs, by their places."""


class FollowingFinder(FaceFinder):
    """A :class:`FaceFinder` that runs the detector on some of a video's frames, and on every photo."""

    def find(self, photos: Sequence[Photo], most: int | None = None) -> list[Detection]:
        """See :meth:`FaceFinder.find`; results depend on which frames of a video are given together."""
        found: dict[int, Detection] = {}
        greys: dict[int, Image] = {}
        stretches = _stretches(photos)
        inside = {place for first, last in stretches for place in range(first + 1, last)}
        wanted = [place for place in range(len(photos)) if place not in inside]
        while wanted:
            seen = super().find([photos[place] for place in wanted], most)
            found.update(zip(wanted, seen, strict=True))
            halves: list[Stretch] = []
            wanted = []
            for first, last in stretches:
                between = _between(photos[first : last + 1], found[first], found[last], greys)
                if between is not None:
                    found.update(zip(range(first + 1, last), between, strict=True))
                else:
                    middle = (first + last) // 2
                    wanted.append(middle)
                    halves += [(one, other) for one, other in ((first, middle), (middle, last)) if other - one > 1]
            stretches = halves
        return [found[place] for place in range(len(photos))]


def _stretches(photos: Sequence[Photo]) -> list[Stretch]:
    """Divide neighbouring frames of one video evenly into stretches with frames inside."""
    stretches: list[Stretch] = []
    first = 0
    for end in range(1, len(photos) + 1):
        if end == len(photos) or not _is_next(photos[end - 1], photos[end]):
            times = np.array([photo.seconds or 0.0 for photo in photos[first:end]])
            count = math.ceil((times[-1] - times[0]) / STRETCH_SECONDS)
            keyframes = [
                first + int(np.abs(times - tick).argmin()) for tick in np.linspace(times[0], times[-1], count + 1)
            ]
            stretches += [(one, other) for one, other in pairwise(keyframes) if other - one > 1]
            first = end
    return stretches


def _is_next(frame: Photo, later: Photo) -> bool:
    if frame.seconds is None or later.seconds is None or frame.name != later.name:
        return False
    return 0 <= later.seconds - frame.seconds <= STRETCH_SECONDS


def _between(
    frames: Sequence[Photo], first: Detection, last: Detection, greys: dict[int, Image]
) -> list[Detection] | None:
    """Follow the faces of the first frame to the last; None where they do not arrive at the faces found there."""
    if len(first.faces) != len(last.faces):
        return None
    if not first.faces:
        return [first] * (len(frames) - 2)
    greys.update({id(frame): _grey(frame) for frame in frames if id(frame) not in greys})
    images = [greys[id(frame)] for frame in frames]
    scale = images[0].shape[1] / frames[0].size_hw[1]
    sizes = np.array([face.eyes_to_mouth for face in first.faces]) * scale
    path = [np.stack([face.landmarks for face in first.faces]).astype(np.float32) * np.float32(scale)]
    for before, after in pairwise(images):
        moved, error = _flow(before, after, path[-1])
        if not (error.max(axis=1) <= np.maximum(MAX_RETURN * sizes, 0.5)).all():
            return None
        path.append(moved)
    arrived = [Face(face.box, face.score, points / scale) for face, points in zip(first.faces, path[-1], strict=True)]
    ends = [min(last.faces, key=lambda face: landmark_distance(one, face)) for one in arrived]
    if len({id(face) for face in ends}) < len(ends):
        return None
    if any(landmark_distance(one, face) > MAX_DRIFT for one, face in zip(arrived, ends, strict=True)):
        return None
    drift = np.stack([face.landmarks for face in ends]) - path[-1] / scale
    shares = [number / (len(frames) - 1) for number in range(1, len(frames) - 1)]
    return [
        Detection(
            _by_score(
                _moved(face, end, share, landmarks)
                for face, end, landmarks in zip(first.faces, ends, points / scale + share * drift, strict=True)
            ),
            "detected",
            first.count,
        )
        for share, points in zip(shares, path[1:-1], strict=True)
    ]


def _by_score(faces: Iterable[Face]) -> tuple[Face, ...]:
    return tuple(sorted(faces, key=lambda face: -face.score))


def _moved(face: Face, end: Face, share: float, landmarks: NDArray[np.floating]) -> Face:
    """Return a face on its way to the end of a stretch: its box goes with its landmarks."""
    around = [one.box - np.tile(one.landmarks.mean(axis=0), 2) for one in (face, end)]
    box = np.tile(landmarks.mean(axis=0), 2) + (1 - share) * around[0] + share * around[1]
    score = (1 - share) * face.score + share * end.score
    return Face(box.astype(np.float32), score, landmarks.astype(np.float32))


def _flow(before: Image, after: Image, points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Follow ``(F, 5, 2)`` points, and measure how far from each the way back ends, ``(F, 5)``; infinite if lost."""
    flat = np.ascontiguousarray(points.reshape(-1, 1, 2))
    moved, is_found, _ = cv2.calcOpticalFlowPyrLK(before, after, flat, np.empty_like(flat))
    back, is_back, _ = cv2.calcOpticalFlowPyrLK(after, before, moved, np.empty_like(flat))
    error = np.linalg.norm(np.asarray(back) - flat, axis=-1).reshape(points.shape[:2]).astype(np.float32)
    is_lost = (np.asarray(is_found) == 0) | (np.asarray(is_back) == 0)
    error[is_lost.reshape(points.shape[:2])] = np.inf
    return np.asarray(moved, dtype=np.float32).reshape(points.shape), error


def _grey(photo: Photo) -> Image:
    grey = cv2.cvtColor(photo.reduced, cv2.COLOR_RGB2GRAY)
    return reduce(np.asarray(grey, dtype=np.uint8), FLOW_SIDE)
