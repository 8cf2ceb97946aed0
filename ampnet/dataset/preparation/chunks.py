"""From raw images to framed faces: decode in threads, find in batches, frame and write in threads, in order.

Faces are found and framed as `predict` finds and frames them.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ampnet.dataset.index.face_names import face_name
from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.raw_images import Box, Picture, RawDataSet, SourceImage
from ampnet.dataset.preparation.frames import PreparedFace, read_failure, write_frame
from ampnet.dataset.preparation.image_stores import ImageStore
from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face, choose_face, visible_area
from ampnet.detection.finder import FaceFinder
from ampnet.detection.retries import Detection
from ampnet.errors import DataError
from ampnet.faces.framing import Crop, decide_crop, is_crop_clear
from ampnet.faces.geometry import intersection_over_union
from ampnet.files.printable import path_as_text
from ampnet.media.alterations import examine
from ampnet.media.images import Image
from ampnet.runtime.threads import in_order
from ampnet.settings import FacePolicy, NoFacePolicy

MAX_DETECTORS = 8
"""Chunks detected in parallel; bounds memory on machines with many cores, which `--engine ray` uses."""

CHUNK = 64
"""Images that are decoded, detected and recorded together; fixed, so that all runs split a data set alike."""

AHEAD = 4
"""Images of a chunk that are decoded before their turn."""

GROUP_PIXELS = 4_000_000
"""Images are searched together up to this many pixels; bounds memory, and has no influence on results."""

SAMPLE_SIDE = 320
"""Side in pixels that suffices of the images that are sampled."""

SAMPLE, SAMPLED_TOGETHER = 256, 16
"""Maximum number of images sampled to choose between whole images and aligned faces, and of them searched together."""

MIN_OVERLAP = 0.2
"""Minimum overlap (IoU) between a detected face and the data set's own box."""

Opened = tuple[int, Picture | str]
"""Number of an image, and the image, or the reason why it cannot be read."""

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


@dataclass(frozen=True)
class PreparationThreads:
    """Threads that read and write images, and threads that detect faces."""

    images: ThreadPoolExecutor
    detection: ThreadPoolExecutor
    detectors: int
    """Number of detection threads."""


@contextmanager
def start_preparation_threads(workers: int, device: torch.device) -> Iterator[PreparationThreads]:
    """Start the threads of a run; on an error, pending tasks are cancelled.

    On the CPU every operation uses one thread, so that the last bits of a result, and the written files, do not depend
    on the number of cores; several chunks are detected in parallel instead.

    Args:
        workers: threads that read, frame and write images.
        device: where the detector runs; a GPU is fed by one thread.
    """
    cores = torch.get_num_threads()
    detectors = min(cores, MAX_DETECTORS) + 1 if device.type == "cpu" else 1  # one waits for its images, as a rule
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as images, ThreadPoolExecutor(detectors) as detection:
            try:
                yield PreparationThreads(images, detection, detectors)
            except BaseException:
                detection.shutdown(cancel_futures=True)
                images.shutdown(cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(cores)


def prepare_chunks(
    work: PrepareJob, chunks: Sequence[int], detector: FaceDetector, threads: PreparationThreads
) -> Iterator[tuple[int, list[PreparedFace]]]:
    """Prepare some chunks of a data set, as many side by side as there are threads for detection.

    Args:
        chunks: numbers of the chunks to prepare, in order.
        threads: threads for reading and writing images, and for detection (one chunk each).

    Yields:
        The number of each chunk once all of its files are written, and its faces in the items' order.

    Raises:
        DataError: an image cannot be written.
    """
    prepare = partial(_prepare_chunk, work, detector, threads)
    yield from in_order(prepare, chunks, threads.detection, threads.detectors + 1)


def _prepare_chunk(
    work: PrepareJob, detector: FaceDetector, threads: PreparationThreads, chunk: int
) -> list[PreparedFace]:
    """Decode, find, frame and write a chunk's images, a group after the other."""
    numbers = range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(work.items)))
    has_boxes = any(work.items[number].box for number in numbers)
    finder = FaceFinder(detector, "all" if has_boxes else work.frame_policy.face, detector.config.min_face)
    prepared: list[PreparedFace] = []
    writing: list[Future[list[PreparedFace]]] = []
    for group in _groups(in_order(partial(_opened, work), numbers, threads.images, AHEAD)):
        found = iter(finder.find([opened.photo for _, opened in group if not isinstance(opened, str)]))
        tasks = [
            threads.images.submit(_frame, work, number, opened, None if isinstance(opened, str) else next(found))
            for number, opened in group
        ]
        prepared += _written(writing)
        writing = tasks
    prepared += _written(writing)
    work.store.finish(chunk)
    return prepared


def _written(tasks: Sequence[Future[list[PreparedFace]]]) -> list[PreparedFace]:
    return [face for task in tasks for face in task.result()]


def _groups(opened: Iterable[Opened]) -> Iterator[list[Opened]]:
    group: list[Opened] = []
    pixels = 0
    for number, one in opened:
        group.append((number, one))
        pixels += 0 if isinstance(one, str) else one.photo.pixels
        if pixels >= GROUP_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def _opened(work: PrepareJob, number: int) -> Picture | str:
    """Decode an image for detection, or return why it cannot be read."""
    item = work.items[number]
    picture = item.picture()
    problem = picture.photo.problem
    return picture if problem is None else read_failure(item, problem)


def choose_crop(
    source: RawDataSet, policy: FacePolicy, detector: FaceDetector, threads: PreparationThreads
) -> tuple[Crop, str]:
    """Choose between whole images and aligned faces, from a sample spread evenly over the data set.

    The sample ends once it is clear on which side of the limit the median lies; most sets are clear after 32 images.

    Returns:
        The mode, and the reason as text.
    """
    if source.has_boxes:
        return "face", "the data set has face boxes: each face is cropped and aligned"
    items = source.items
    sample = np.unique(np.linspace(0, len(items) - 1, min(SAMPLE, len(items))).round().astype(int))
    parts = -(-len(sample) // SAMPLED_TOGETHER)
    spread = [[items[number] for number in sample[part::parts]] for part in range(parts)]
    measure = partial(_face_fractions, policy, detector, threads)
    found: list[float] = []
    for _part, fractions in in_order(measure, spread, threads.detection, threads.detectors + 1):
        found += fractions
        if is_crop_clear(np.array(found)):
            break
    return decide_crop(np.array(found))


def _face_fractions(
    policy: FacePolicy, detector: FaceDetector, threads: PreparationThreads, items: Sequence[SourceImage]
) -> list[float]:
    """Return the share of each image that its chosen face covers, of the images with a face."""
    images = [image for image in threads.images.map(_small, items) if image is not None]
    fractions: list[float] = []
    for image, faces in zip(images, detector.detect(images), strict=True):
        height, width = image.shape[:2]
        for face in choose_face(faces, policy, (height, width))[:1]:
            fractions.append(visible_area(face, (height, width)) / (width * height))
    return fractions


def _small(item: SourceImage) -> Image | None:
    """Decode an image as small as the fraction of it that a face fills allows; None if it cannot be read."""
    try:
        return item.content().decode(SAMPLE_SIDE).image
    except DataError:
        return None


def _frame(work: PrepareJob, number: int, picture: Picture | str, found: Detection | None) -> list[PreparedFace]:
    item, name, frame_policy = work.items[number], work.names[number], work.frame_policy
    unused = FaceRow("", path_as_text(item.relative), item.split, item.class_name, "rejected", subject=item.subject)
    if isinstance(picture, str) or found is None:
        return [PreparedFace(number, replace(unused, reason=str(picture)))]
    unused = _with_tones(replace(unused, height=picture.whole_hw[0], width=picture.whole_hw[1]), picture)
    write = partial(work.store.write, number // CHUNK)
    chosen = (
        labelled_face(found.faces, item.box, picture)
        if item.box
        else choose_face(found.faces, frame_policy.face, picture.photo.size_hw)
    )
    if not chosen:
        if frame_policy.no_face == "drop":
            return [PreparedFace(number, replace(unused, reason=NO_FACE))]
        return [PreparedFace(number, replace(unused, name=name, status="template", reason=NO_FACE))]

    is_retried = found.status == "retried"
    prepared: list[PreparedFace] = []
    for count, face in enumerate(chosen, start=1):
        row = replace(
            unused,
            name=face_name(name, count),
            status="retried" if is_retried else "detected",
            reason=FOUND_BY_RETRY if is_retried else "",
            score=round(face.score, 4),
            box=_rounded_box(face, picture.origin_xy),
            faces=found.count,
        )
        prepared.append(write_frame(picture, face.landmarks, frame_policy.crop, item, number, row, write))
    return prepared


def _with_tones(row: FaceRow, picture: Picture) -> FaceRow:
    """Record traits of the source pixels; warping and JPEG compression remove most traces."""
    tones = examine(picture.photo.reduced)
    return replace(row, traits=tones.traits, grey_mean=round(tones.mean, 2), grey_spread=round(tones.spread, 2))


def labelled_face(faces: Sequence[Face], box: Box, picture: Picture) -> list[Face]:
    """Find the face that overlaps the data set's own box best; empty if none overlaps it enough."""
    wanted = np.array(box) - np.tile(picture.origin_xy, 2)
    best = max(faces, key=lambda face: intersection_over_union(face.box, wanted), default=None)
    return [best] if best is not None and intersection_over_union(best.box, wanted) >= MIN_OVERLAP else []


def _rounded_box(face: Face, origin_xy: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box + np.tile(origin_xy, 2))
    return x0, y0, x1, y1
