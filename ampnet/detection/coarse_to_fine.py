"""Coarse to fine: if one face of a photo is to be chosen, search only as many pixels as the choice needs.

With ``largest`` and ``centre``, a large photo is first searched at :data:`SMALL_PASS_SIDE` px, with a sixteenth of the
pixels of the full pass. That is enough if no face that this coarse pass missed could be chosen instead:

- The network finds every face of at least :data:`FINDABLE` px in its input. So with ``largest``, a chosen face of at
  least that size is larger than any face that could have been missed.
- Candidates whose score is too low to be reported (:data:`SUSPICION`) count as faces: where one could be chosen, the
  full pass decides. So it does where two faces are nearly as large, or as far from the centre.
- With ``centre``, a missed face would have to be nearer to the centre than the chosen one, so the part of the photo
  where it could be is searched at the resolution of the full pass.

For exact landmarks, a chosen face of up to :data:`WHOLE_FACE` px is detected again at the resolution of the full pass,
in the part of the photo around it. With ``best``, a missed face could have any score, and with ``all``, all are wanted:
there the full pass decides, at the size that ``min_face`` needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ampnet.detection.any_size import SUSPICION, AnySizeDetector, Seen, View, merged, passes, require_images
from ampnet.detection.face import Face, choose_face, distance_from, keep_faces, landmark_distance, visible_area
from ampnet.detection.multiscale import (
    FINDABLE,
    SMALL_PASS_SIDE,
    WHOLE_FACE,
    Region,
    is_cut,
    is_piece,
    is_same,
    merge_passes,
    pass_sizes,
)
from ampnet.faces.geometry import Box
from ampnet.media.images import Image
from ampnet.settings import FacePolicy

CLEARLY = 1.25
"""How many times as large as its rivals (side), or as near to the centre, a face must be for the coarse pass to
decide."""
CONTEXT, MAX_CONTEXT = 0.75, 96
"""Margin around a face that is detected again, on each side: a fraction of its box's side, and at most so many pixels
of the full pass."""
LARGER_STILL = 1.1
"""A face this much larger than WHOLE_FACE in the coarse pass is larger than it in the full pass, too."""
AGREED = 0.2
"""Mean landmark distance of the coarse and the close pass, in eye-to-mouth distances, above which the full pass decides
(rendered faces: 0.08 in the median, at most 0.2)."""
CELL = 32
"""The part that is searched again begins at whole cells of the full pass, so that both give the same faces."""
MAX_PART = 0.5
"""Fraction of the photo above which a part saves too little, and the full pass decides at once."""


@dataclass(frozen=True, eq=False)
class _Search:
    """One image, and what is known of its faces."""

    image: Image
    policy: FacePolicy
    min_face: float
    """Side of the smallest face that matters, in pixels of the image."""
    coarse: Seen
    """What the coarse pass found."""

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    @property
    def coarse_scale(self) -> float:
        """Pixels of the coarse pass per pixel of the image."""
        return SMALL_PASS_SIDE / max(self.size_hw)

    @property
    def full_scale(self) -> float:
        """Pixels of the full pass per pixel of the image."""
        return pass_sizes(self.image, self.min_face)[0] / max(self.size_hw)

    @property
    def middle_xy(self) -> tuple[float, float]:
        return self.image.shape[1] / 2, self.image.shape[0] / 2

    def chosen(self, faces: Sequence[Face]) -> Face | None:
        """Choose one of some faces, as :func:`choose_face` will."""
        chosen = choose_face(keep_faces(faces, self.min_face), self.policy, self.size_hw)
        return chosen[0] if chosen else None

    def visible_side(self, face: Face) -> float:
        return float(visible_area(face, self.size_hw) ** 0.5)


@dataclass(frozen=True, eq=False)
class _Choice:
    """The face that the coarse pass chooses for certain, and the part of the image that is searched again."""

    face: Face
    region: Region | None
    """None: nothing has to be searched again."""


def detect_for_choice(
    detector: AnySizeDetector, images: Sequence[Image], policy: FacePolicy, min_faces: Sequence[float]
) -> list[list[Face]]:
    """Detect the faces in each image, as far as the choice among them needs.

    Args:
        images: ``(H, W, 3)`` RGB uint8, of any size.
        min_faces: side of the smallest face that matters in each image, in its pixels.

    Returns:
        The faces in each image, best score first: with ``all`` and ``best`` all that :meth:`AnySizeDetector.detect`
        finds; else at least the one that :func:`choose_face` would choose of them.

    Raises:
        ValueError: an image is not ``(H, W, 3)`` uint8 with at least one pixel.
    """
    require_images(images)
    is_large = [len(pass_sizes(image, least)) > 1 for image, least in zip(images, min_faces, strict=True)]
    if policy not in ("largest", "centre") or not any(is_large):
        return detector.detect(images, min_faces=min_faces)
    large = [index for index, is_one in enumerate(is_large) if is_one]
    coarse = detector.look([View(images[index], SMALL_PASS_SIDE) for index in large], suspicion=SUSPICION)
    searches = {
        index: _Search(images[index], policy, min_faces[index], seen) for index, seen in zip(large, coarse, strict=True)
    }
    found = dict(zip(searches, _look_closer(detector, list(searches.values())), strict=True))
    rest = [index for index in range(len(images)) if found.get(index) is None]
    views = {index: passes(images[index], min_faces[index]) for index in rest}
    open_views = [
        view for index in rest for view in views[index] if not (index in searches and view is views[index][1])
    ]
    seen = dict(zip(open_views, detector.look(open_views), strict=True))
    for index in rest:
        faces = [seen[view].faces if view in seen else searches[index].coarse.faces for view in views[index]]
        found[index] = merged(views[index], faces)
    return [found[index] or [] for index in range(len(images))]


def _look_closer(detector: AnySizeDetector, searches: Sequence[_Search]) -> list[list[Face] | None]:
    """Search the decisive parts of images closely; None for an image where that is not enough."""
    choices = [(_largest if search.policy == "largest" else _nearest)(search) for search in searches]
    views = {
        index: _part(search, choice.region)
        for index, (search, choice) in enumerate(zip(searches, choices, strict=True))
        if choice is not None and choice.region is not None
    }
    close = dict(zip(views, detector.look(list(views.values())), strict=True))
    found: list[list[Face] | None] = [None] * len(searches)
    for index, (search, choice) in enumerate(zip(searches, choices, strict=True)):
        if choice is None:
            continue
        near = close[index].faces if index in close else []
        whole = [face for face in near if choice.region and not is_cut(face, choice.region, search.size_hw)]
        faces = merge_passes(whole, search.coarse.faces, search.full_scale)
        if _is_confirmed(search, choice.face, search.chosen(faces)):
            found[index] = faces
    return found


def _largest(search: _Search) -> _Choice | None:
    """Choose the largest face of the coarse pass; None if a missed one could be larger."""
    face = search.chosen(search.coarse.faces)
    if face is None or search.visible_side(face) * search.coarse_scale < FINDABLE:
        return None
    if any(search.visible_side(rival) * CLEARLY > search.visible_side(face) for rival in _rivals(search, face)):
        return None
    return _with_region(search, face, [])


def _nearest(search: _Search) -> _Choice | None:
    """Choose the face of the coarse pass that is nearest to the centre, and have the space within searched."""
    face = search.chosen(search.coarse.faces)
    if face is None:
        return None
    distance = distance_from(face, search.middle_xy)
    for rival in _rivals(search, face):
        if distance_from(rival, search.middle_xy) < CLEARLY * distance + rival.side / 4:
            return None
    missed = FINDABLE / search.coarse_scale
    return _with_region(search, face, [_widened(np.tile(search.middle_xy, 2), distance + (0.5 + CONTEXT) * missed)])


def _rivals(search: _Search, face: Face) -> list[Face]:
    seen = (*search.coarse.faces, *search.coarse.suspects)
    return [one for one in seen if one is not face and not is_piece(one, face)]


def _with_region(search: _Search, face: Face, boxes: list[Box]) -> _Choice | None:
    """Add the face itself to what is searched closely, unless the coarse pass is the better one for it."""
    if face.side * search.full_scale <= LARGER_STILL * WHOLE_FACE:
        boxes = [*boxes, _widened(face.box, min(CONTEXT * face.side, MAX_CONTEXT / search.full_scale))]
    height, width = search.size_hw
    region = _region(boxes, CELL / search.full_scale, search.size_hw)
    if region is not None and (region[2] - region[0]) * (region[3] - region[1]) > MAX_PART * height * width:
        return None
    return _Choice(face, region)


def _part(search: _Search, region: Region) -> View:
    x0, y0, x1, y1 = region
    part = np.ascontiguousarray(search.image[y0:y1, x0:x1])
    return View(part, max(round(max(part.shape[:2]) * search.full_scale), 1), (x0, y0))


def _is_confirmed(search: _Search, coarse: Face, close: Face | None) -> bool:
    """Whether the close look chooses the same face or, with ``centre``, one that is nearer."""
    if close is None:
        return False
    if is_same(close, coarse):
        return landmark_distance(coarse, close) < AGREED
    is_nearer = distance_from(close, search.middle_xy) < distance_from(coarse, search.middle_xy)
    return search.policy == "centre" and is_nearer


def _widened(box: Box, margin: float) -> Box:
    return np.asarray(box + np.array([-margin, -margin, margin, margin]))


def _region(boxes: Sequence[Box], cell: float, size_hw: tuple[int, int]) -> Region | None:
    """Return the smallest part of an image, in whole cells, that contains boxes; None without any."""
    if not boxes:
        return None
    x0, y0 = np.min([box[:2] for box in boxes], axis=0)
    x1, y1 = np.max([box[2:] for box in boxes], axis=0)
    left, top = (max(round(np.floor(value / cell) * cell), 0) for value in (x0, y0))
    right, bottom = (round(np.ceil(value / cell) * cell) for value in (x1, y1))
    return left, top, min(right, size_hw[1]), min(bottom, size_hw[0])
