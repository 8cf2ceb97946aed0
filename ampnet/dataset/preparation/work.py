"""From raw images to framed faces: decode in threads, detect in batches, frame and write in threads, in order."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ampnet.dataset.index.face_names import face_name
from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.raw_images import Box, Picture, Source, SourceImage
from ampnet.dataset.preparation.executors import Threads
from ampnet.dataset.preparation.frames import PreparedFace, read_failure, rejected, sharp_enough, write_frame
from ampnet.dataset.preparation.image_stores import ImageStore
from ampnet.detection import FaceDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.retries import Detection, detect_with_retries
from ampnet.errors import ImageError
from ampnet.faces.framing import Crop, decide_crop
from ampnet.faces.geometry import intersection_over_union
from ampnet.files.names import path_as_text
from ampnet.media.alterations import examine
from ampnet.settings import FacePolicy, NoFacePolicy

CHUNK = 64
"""Images that are decoded, detected and recorded together; fixed, so that all runs split a data set alike."""

DETECTION_SIDE = 1280
"""Maximum side at which images are decoded for detection, in pixels; larger images may be read again for the warp."""

SAMPLE = 256
"""Images sampled to choose between whole images and aligned faces."""

MIN_OVERLAP = 0.2
"""Minimum overlap (IoU) between a detected face and the data set's own box."""

Detected = tuple[list[Picture | str], list[Detection | None]]
"""A chunk's images, or the reasons why they cannot be read, and the detections in them."""

NO_FACE = "no face found"
FOUND_BY_RETRY = "found by a retry"


@dataclass(frozen=True)
class FramePolicy:
    """How faces are chosen and framed."""

    crop: Crop
    face: FacePolicy
    no_face: NoFacePolicy


@dataclass(frozen=True)
class PrepareJob:
    """A data set to prepare."""

    items: Sequence[SourceImage]
    names: Sequence[str]
    """Prepared name of each item."""
    frame_policy: FramePolicy
    store: ImageStore
    """Takes the images."""

    def chunk_sizes(self) -> list[int]:
        """Return the number of images in each chunk."""
        starts = range(0, len(self.items), CHUNK)
        return [min(CHUNK, len(self.items) - start) for start in starts]


def prepare_chunks(
    work: PrepareJob, chunks: Sequence[int], detector: FaceDetector, threads: Threads
) -> Iterator[tuple[int, list[PreparedFace]]]:
    """Prepare some chunks of a data set.

    While chunks are being detected, other threads decode the next and write the previous one.

    Args:
        work: the data set.
        chunks: numbers of the chunks to prepare, in order.
        detector: finds the faces.
        threads: threads for reading and writing images, and for detection (one chunk each).

    Yields:
        The number of each chunk once all of its files are written, and its faces in the items' order.

    Raises:
        DataError: an image cannot be written.
    """
    writing: tuple[int, list[Future[list[PreparedFace]]]] | None = None
    for chunk, (decoded, detections) in _detected_chunks(work.items, chunks, detector, threads):
        first = chunk * CHUNK
        tasks = [
            threads.images.submit(_frame, work, number, image, found)
            for number, (image, found) in enumerate(zip(decoded, detections, strict=True), start=first)
        ]
        if writing is not None:
            yield _written(work, *writing)
        writing = chunk, tasks
    if writing is not None:
        yield _written(work, *writing)


def _written(
    work: PrepareJob, chunk: int, tasks: Sequence[Future[list[PreparedFace]]]
) -> tuple[int, list[PreparedFace]]:
    faces = [face for task in tasks for face in task.result()]
    work.store.finish(chunk)
    return chunk, faces


def choose_crop(source: Source, policy: FacePolicy, detector: FaceDetector, threads: Threads) -> tuple[Crop, str]:
    """Choose between whole images and aligned faces, from a sample spread evenly over the data set.

    Returns:
        The mode, and the reason as text.
    """
    if source.has_boxes:
        return "face", "the data set has face boxes: each face is cropped and aligned"
    items = source.items
    sample = np.unique(np.linspace(0, len(items) - 1, min(SAMPLE, len(items))).round().astype(int))
    fractions: list[float] = []
    for start in range(0, len(sample), CHUNK):
        decoded = threads.images.map(_decode, [items[i] for i in sample[start : start + CHUNK]])
        images = [picture.image for picture in decoded if not isinstance(picture, str)]
        for image, faces in zip(images, detector.detect(images), strict=True):
            height, width = image.shape[:2]
            for face in choose_face(faces, policy, (height, width))[:1]:
                x0, y0, x1, y1 = face.box.clip(0, (width, height, width, height))
                fractions.append(float((x1 - x0) * (y1 - y0) / (width * height)))
    return decide_crop(np.array(fractions))


def _detected_chunks(
    items: Sequence[SourceImage], chunks: Sequence[int], detector: FaceDetector, threads: Threads
) -> Iterator[tuple[int, Detected]]:
    """Decode and detect in order, with one more chunk in flight than there are detection threads."""
    in_flight: deque[tuple[int, Future[Detected]]] = deque()
    for chunk in chunks:
        decoding = [threads.images.submit(_decode, item) for item in items[chunk * CHUNK : (chunk + 1) * CHUNK]]
        in_flight.append((chunk, threads.detection.submit(_detect, detector, decoding)))
        if len(in_flight) > threads.detectors:
            yield _wait(*in_flight.popleft())
    while in_flight:
        yield _wait(*in_flight.popleft())


def _wait(chunk: int, future: Future[Detected]) -> tuple[int, Detected]:
    return chunk, future.result()


def _decode(item: SourceImage) -> Picture | str:
    """Decode an image for detection, or return why it cannot be read."""
    try:
        return item.read(DETECTION_SIDE)
    except ImageError as error:
        return read_failure(item, error)


def _detect(detector: FaceDetector, decoding: Sequence[Future[Picture | str]]) -> Detected:
    decoded = [future.result() for future in decoding]
    found = iter(detect_with_retries(detector, [picture.image for picture in decoded if not isinstance(picture, str)]))
    return decoded, [None if isinstance(picture, str) else next(found) for picture in decoded]


def _frame(work: PrepareJob, number: int, picture: Picture | str, detection: Detection | None) -> list[PreparedFace]:
    """Write the faces found in an image, and return their rows."""
    item, name, frame_policy = work.items[number], work.names[number], work.frame_policy
    unused = FaceRow("", path_as_text(item.relative), item.split, item.class_name, "rejected", subject=item.subject)
    if isinstance(picture, str) or detection is None:
        return [PreparedFace(number, replace(unused, reason=str(picture)))]
    unused = _with_tones(replace(unused, height=picture.whole_hw[0], width=picture.whole_hw[1]), picture)
    write = partial(work.store.write, number // CHUNK)
    faces = [_in_source_pixels(face, picture) for face in detection.faces]
    chosen = (
        _labelled_face(faces, item.box, picture) if item.box else choose_face(faces, frame_policy.face, picture.size_hw)
    )
    if not chosen:
        if frame_policy.no_face == "drop":
            return [PreparedFace(number, replace(unused, reason=NO_FACE))]
        return [PreparedFace(number, replace(unused, name=name, status="template", reason=NO_FACE))]

    is_retried = detection.status == "retried"
    try:
        picture = sharp_enough(item, picture, chosen, frame_policy.crop)
    except ImageError as error:  # it could be read a moment ago
        return [PreparedFace(number, rejected(unused, item, error))]
    prepared: list[PreparedFace] = []
    for count, face in enumerate(chosen, start=1):
        row = replace(
            unused,
            name=face_name(name, count),
            status="retried" if is_retried else "detected",
            reason=FOUND_BY_RETRY if is_retried else "",
            score=round(face.score, 4),
            box=_rounded_box(face, picture.origin_xy),
            faces=len(faces),
        )
        prepared.append(write_frame(picture, face.landmarks, frame_policy.crop, item, number, row, write))
    return prepared


def _with_tones(row: FaceRow, picture: Picture) -> FaceRow:
    """Record traits of the source pixels; warping and JPEG compression remove most traces."""
    tones = examine(picture.image)
    return replace(row, traits=tones.traits, grey_mean=round(tones.mean, 2), grey_spread=round(tones.spread, 2))


def _in_source_pixels(face: Face, picture: Picture) -> Face:
    """Scale a face from decoded pixels to source pixels (of the part that the picture shows)."""
    (height, width), (full_height, full_width) = picture.image.shape[:2], picture.size_hw
    scale = np.array([full_width / width, full_height / height], dtype=np.float32)
    return Face(face.box * np.tile(scale, 2), face.score, face.landmarks * scale)


def _labelled_face(faces: Sequence[Face], box: Box, picture: Picture) -> list[Face]:
    """Find the face that overlaps the data set's own box best; empty if none overlaps it enough."""
    wanted = np.array(box) - np.tile(picture.origin_xy, 2)
    best = max(faces, key=lambda face: intersection_over_union(face.box, wanted), default=None)
    return [best] if best is not None and intersection_over_union(best.box, wanted) >= MIN_OVERLAP else []


def _rounded_box(face: Face, origin_xy: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box + np.tile(origin_xy, 2))
    return x0, y0, x1, y1
