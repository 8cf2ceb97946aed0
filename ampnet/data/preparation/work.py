"""From raw images to framed faces: decode in threads, detect in batches, frame and write in threads, in order."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.config import IMAGE_SIZE, FacePolicy, NoFacePolicy
from ampnet.data.preparation.executors import Threads
from ampnet.data.preparation.faces_table import FaceRow
from ampnet.data.preparation.file_names import face_name
from ampnet.data.quality.photographs import examine
from ampnet.data.sources import Box, Picture, Source, SourceImage
from ampnet.detection import FaceDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.retries import Detection, detect_with_retries
from ampnet.errors import DataError, ImageError
from ampnet.faces.alignment import align_face, resize_whole, source_side
from ampnet.faces.colour import is_grey
from ampnet.faces.framing import Crop, decide_crop
from ampnet.faces.geometry import intersection_over_union
from ampnet.media.images import encode_jpeg, jpeg_as_is

CHUNK = 64
"""Images that are decoded, detected and recorded together; fixed, so that every run cuts a set alike."""

DETECTION_SIDE = 1280
"""Longest side at which an image is decoded for detection, in pixels; larger ones are read again for the warp."""

SAMPLE = 256
"""Images that decide between whole images and warped faces."""

LEAST_OVERLAP = 0.2
"""Minimum overlap (IoU) between a found face and the box that a data set gives for it."""

Detected = tuple[list[Picture | str], list[Detection | None]]
"""A chunk's images, or the reasons why they cannot be read, and what was found in them."""

NO_FACE = "no face found"
FOUND_BY_RETRY = "found by a retry"


@dataclass(frozen=True)
class FramePolicy:
    """What happens to each image."""

    crop: Crop
    face: FacePolicy
    no_face: NoFacePolicy


@dataclass(frozen=True)
class PrepareJob:
    """A whole data set, and what is to be done with it."""

    items: Sequence[SourceImage]
    names: Sequence[str]
    """Prepared name of each item."""
    frame_policy: FramePolicy
    folder: Path
    """Receives the images."""

    def chunk_sizes(self) -> list[int]:
        """Count the images of each chunk."""
        starts = range(0, len(self.items), CHUNK)
        return [min(CHUNK, len(self.items) - start) for start in starts]


@dataclass(frozen=True)
class PreparedFace:
    """One row of the index in the making."""

    item: int
    """Position of its image in the source."""
    row: FaceRow
    landmarks: tuple[float, ...] = ()
    """Ten coordinates in the 224-px image, rounded to 0.001 px; empty for a face yet to be given the template."""
    relative_landmarks: tuple[float, ...] = ()
    """The ten as shares of the source image's width and height: what the template is the mean of."""
    side: float = 0.0
    """Source pixels along a side of the frame."""
    grey: bool = False


def prepare_chunks(
    work: PrepareJob, chunks: Sequence[int], detector: FaceDetector, threads: Threads
) -> Iterator[tuple[int, list[PreparedFace]]]:
    """Prepare some chunks of a data set.

    While some chunks are in the detector, threads decode the next and write the one before.

    Args:
        chunks: numbers of the chunks of ``CHUNK`` items to do, in order.
        threads: those that read and write images, and those that detect, a chunk each.

    Yields:
        The number of each finished chunk, all of its files written, and its faces in the items' order.

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
            yield writing[0], [face for task in writing[1] for face in task.result()]
        writing = chunk, tasks
    if writing is not None:
        yield writing[0], [face for task in writing[1] for face in task.result()]


def choose_crop(source: Source, policy: FacePolicy, detector: FaceDetector, threads: Threads) -> tuple[Crop, str]:
    """Decide between whole images and warped faces on a sample spread evenly over the data set.

    Returns:
        The mode, and the reason for people.
    """
    if source.has_boxes:
        return "face", "the set gives face boxes: each face is cut out and aligned"
    items = source.items
    sample = np.unique(np.linspace(0, len(items) - 1, min(SAMPLE, len(items))).round().astype(int))
    shares: list[float] = []
    for start in range(0, len(sample), CHUNK):
        decoded = threads.images.map(_decode, [items[i] for i in sample[start : start + CHUNK]])
        images = [picture.image for picture in decoded if not isinstance(picture, str)]
        for image, faces in zip(images, detector.detect(images), strict=True):
            height, width = image.shape[:2]
            for face in choose_face(faces, policy, (height, width))[:1]:
                x0, y0, x1, y1 = face.box.clip(0, (width, height, width, height))
                shares.append(float((x1 - x0) * (y1 - y0) / (width * height)))
    return decide_crop(np.array(shares))


def give_template(
    face: PreparedFace, item: SourceImage, relative_landmarks: NDArray[np.float64], crop: Crop, folder: Path
) -> PreparedFace:
    """Frame an image without a detected face as if its landmarks lay where they lie on average, and write it.

    Args:
        relative_landmarks: ``(5, 2)`` mean landmarks of the set as shares of the image's width and height.
    """
    try:
        picture = item.read()
    except ImageError as error:
        return replace(face, row=_rejected(face.row, item, error))
    height, width = picture.size_hw
    return _write_framed(picture, relative_landmarks * (width, height), crop, item, face.item, face.row, folder)


def _detected_chunks(
    items: Sequence[SourceImage], chunks: Sequence[int], detector: FaceDetector, threads: Threads
) -> Iterator[tuple[int, Detected]]:
    """Decode and detect in order, with one chunk more under way than there are detecting threads."""
    under_way: deque[tuple[int, Future[Detected]]] = deque()
    for chunk in chunks:
        decoding = [threads.images.submit(_decode, item) for item in items[chunk * CHUNK : (chunk + 1) * CHUNK]]
        under_way.append((chunk, threads.detection.submit(_detect, detector, decoding)))
        if len(under_way) > threads.detectors:
            yield _wait(*under_way.popleft())
    while under_way:
        yield _wait(*under_way.popleft())


def _wait(chunk: int, future: Future[Detected]) -> tuple[int, Detected]:
    return chunk, future.result()


def _decode(item: SourceImage) -> Picture | str:
    """Read an image for detection; where that fails, give the reason."""
    try:
        return item.read(DETECTION_SIDE)
    except ImageError as error:
        return _reason(item, error)


def _reason(item: SourceImage, error: ImageError) -> str:
    # The row names the file already; only what is wrong with it is new.
    return str(error).removeprefix(f"cannot read {item.path}: ")


def _rejected(row: FaceRow, item: SourceImage, error: ImageError) -> FaceRow:
    return replace(row, name="", status="rejected", reason=_reason(item, error))


def _detect(detector: FaceDetector, decoding: Sequence[Future[Picture | str]]) -> Detected:
    decoded = [future.result() for future in decoding]
    found = iter(detect_with_retries(detector, [picture.image for picture in decoded if not isinstance(picture, str)]))
    return decoded, [None if isinstance(picture, str) else next(found) for picture in decoded]


def _frame(work: PrepareJob, number: int, picture: Picture | str, detection: Detection | None) -> list[PreparedFace]:
    """Turn what was found in one image into its rows, and write its faces."""
    item, name, frame_policy = work.items[number], work.names[number], work.frame_policy
    unused = FaceRow("", item.relative, item.split, item.class_name, "rejected", subject=item.subject)
    if isinstance(picture, str) or detection is None:
        return [PreparedFace(number, replace(unused, reason=str(picture)))]
    unused = _with_tones(replace(unused, height=picture.whole_hw[0], width=picture.whole_hw[1]), picture)
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
        picture = _sharp_enough(item, picture, chosen, frame_policy.crop)
    except ImageError as error:  # it was readable a moment ago
        return [PreparedFace(number, _rejected(unused, item, error))]
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
        prepared.append(_write_framed(picture, face.landmarks, frame_policy.crop, item, number, row, work.folder))
    return prepared


def _with_tones(row: FaceRow, picture: Picture) -> FaceRow:
    """Note what the pixels say while they are still the source's; the warp and the JPEG cover most traces."""
    tones = examine(picture.image)
    return replace(row, traits=tones.traits, grey_mean=round(tones.mean, 2), grey_spread=round(tones.spread, 2))


def _in_source_pixels(face: Face, picture: Picture) -> Face:
    """Bring a face from the decoded pixels to those of the source (of the part that the picture shows)."""
    (height, width), (full_height, full_width) = picture.image.shape[:2], picture.size_hw
    scale = np.array([full_width / width, full_height / height], dtype=np.float32)
    return Face(face.box * np.tile(scale, 2), face.score, face.landmarks * scale)


def _labelled_face(faces: Sequence[Face], box: Box, picture: Picture) -> list[Face]:
    """Find the face that a data set's own box means; none when nothing found overlaps it enough."""
    wanted = np.array(box) - np.tile(picture.origin_xy, 2)
    best = max(faces, key=lambda face: intersection_over_union(face.box, wanted), default=None)
    return [best] if best is not None and intersection_over_union(best.box, wanted) >= LEAST_OVERLAP else []


def _sharp_enough(item: SourceImage, picture: Picture, faces: Sequence[Face], crop: Crop) -> Picture:
    """Give the decoded picture, or the full one where a warped face would lose detail otherwise."""
    if crop == "none" or picture.image.shape[:2] == picture.size_hw:
        return picture
    reduction = picture.image.shape[1] / picture.size_hw[1]
    narrowest = min(float(np.ptp(face.landmarks, axis=0).max()) for face in faces) * reduction
    return item.read() if narrowest < IMAGE_SIZE / 2 else picture


def _write_framed(
    picture: Picture,
    landmarks: NDArray[np.floating],
    crop: Crop,
    item: SourceImage,
    number: int,
    row: FaceRow,
    folder: Path,
) -> PreparedFace:
    """Write a face into the network's frame; ``landmarks`` are in source pixels of what the picture shows."""
    image, (full_height, full_width) = picture.image, picture.size_hw
    height, width = image.shape[:2]
    points, data = landmarks * (width / full_width, height / full_height), None
    if crop == "face":
        try:
            aligned = align_face(image, points)
        except ValueError as error:
            return PreparedFace(number, replace(row, name="", status="rejected", reason=str(error)))
        framed, points = aligned.image, aligned.landmarks
        side = source_side(aligned.matrix) * full_width / width
    else:
        if picture.whole_hw == (IMAGE_SIZE, IMAGE_SIZE) == (height, width):
            data = jpeg_as_is(item.path, (height, width))
        framed, resized = resize_whole(image, points)
        assert resized is not None
        points, side = resized, float(np.sqrt(full_width * full_height))
    path = folder / row.name
    try:
        path.write_bytes(encode_jpeg(framed) if data is None else data)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder with --out, "
            "then go on with --resume"
        ) from error
    return PreparedFace(
        item=number,
        row=row,
        landmarks=tuple(round(float(value), 3) for value in points.reshape(-1)),
        relative_landmarks=tuple(
            round(float(value), 6) for value in (landmarks / (full_width, full_height)).reshape(-1)
        ),
        side=round(side, 2),
        grey=is_grey(framed[::4, ::4]),
    )


def _rounded_box(face: Face, origin_xy: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box + np.tile(origin_xy, 2))
    return x0, y0, x1, y1
