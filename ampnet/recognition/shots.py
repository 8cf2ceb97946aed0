"""Reading the inputs of `predict` one photo or frame at a time, in chunks of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ampnet.detection.multiscale import MAX_LONG_SIDE
from ampnet.errors import ImageError
from ampnet.reading.image_files import read_image, read_reduced
from ampnet.reading.inputs import CHUNK_IMAGES, CHUNK_PIXELS, PhotoInput, take_photo
from ampnet.reading.sources import Source
from ampnet.reading.video import Sampling, open_video
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.recorded import NOTHING, WHOLE
from ampnet.results.results import ImagePredictions
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import Threads, in_order

if TYPE_CHECKING:
    from ampnet.recognition.photos import PhotoPredictor

Task = tuple[Source, float]
"""A file, and the last of its frames that an earlier run has recorded."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One photo or frame, or the reason why it cannot be read."""

    source: Source
    image: NDArray[np.uint8] | None
    problem: str | None = None
    frame: int | None = None
    seconds: float | None = None
    start: float = 0.0
    """Time of the video's first frame, in seconds, on the clock that its sound shares."""
    is_asked: bool = True
    """False for the frames between two that are classified."""
    is_recorded: bool = False
    """Whether an earlier run has recorded its result, so that it is only drawn."""
    photo_hw: tuple[int, int] | None = None
    """Size of a photo, which may be larger than the image: large ones are reduced while they are decoded."""

    content: PhotoInput | None = None
    """The photo, if it is no file of this machine that could be read again."""

    @property
    def whole(self) -> Callable[[], NDArray[np.uint8]] | None:
        """Decodes the whole photo, if the image is a reduced one."""
        if self.image is None or self.photo_hw is None or self.image.shape[:2] == self.photo_hw:
            return None
        content = self.content
        return partial(read_image, self.source.path) if content is None else lambda: content.decode().image

    def result(self, faces: list[FacePrediction]) -> ImagePredictions:
        """Combine it with the faces found in it."""
        size_hw = None if self.image is None else (self.image.shape[0], self.image.shape[1])
        if size_hw is not None and self.photo_hw is not None and size_hw != self.photo_hw:
            faces, size_hw = [face.enlarged(size_hw, self.photo_hw) for face in faces], self.photo_hw
        return ImagePredictions(self.source.name, size_hw, faces, self.problem, self.frame, self.seconds)


def read_shots(source: Source, every: int, recorded: float, expect: Callable[[int], None]) -> Iterator[Shot]:
    """Read a photo, or those frames of a video that are classified; all of its frames if they are to be drawn.

    A failure becomes the last shot, with the reason.

    Args:
        source: the file.
        every: classify every Nth frame.
        recorded: number of the last frame that an earlier run has recorded, or ``NOTHING`` or ``WHOLE``.
        expect: called with the number of shots of a video, once that is known.
    """
    photo, is_recorded = None, recorded == WHOLE
    try:
        if source.problem is not None:
            raise ImageError(source.problem)
        if source.is_video:
            yield from _read_video(source, every, recorded, expect)
        elif source.url is not None or source.take is not None:
            photo = take_photo(str(source.url)) if source.take is None else source.take()
            decoded = photo.decode(MAX_LONG_SIDE)
            yield Shot(source, decoded.image, is_recorded=is_recorded, photo_hw=decoded.size_hw, content=photo)
        else:
            image, photo_hw = read_reduced(source.path, enough_side=MAX_LONG_SIDE)
            yield Shot(source, image, is_recorded=is_recorded, photo_hw=photo_hw)
    except ImageError as error:
        yield Shot(source, None, str(error), is_recorded=is_recorded, content=photo)


def read_ahead(
    tasks: Iterable[Task], every: int, expect: Callable[[int], None], pool: ThreadPoolExecutor, ahead: int
) -> Iterator[Shot]:
    """Read all sources in order; photos are decoded in threads before their turn.

    Args:
        tasks: the sources.
        every: classify every Nth frame of a video.
        expect: see :func:`read_shots`.
        pool: the threads.
        ahead: maximum number of photos decoded before their turn.
    """

    def photo(task: Task) -> list[Shot] | None:
        source, recorded = task
        is_in_turn = source.is_alone or (source.is_video and source.problem is None)
        return None if is_in_turn else list(read_shots(source, every, recorded, expect))

    for (source, recorded), shots in in_order(photo, tasks, pool, ahead):
        yield from read_shots(source, every, recorded, expect) if shots is None else shots


def _read_video(source: Source, every: int, recorded: float, expect: Callable[[int], None]) -> Iterator[Shot]:
    sampling, is_drawn = Sampling(every), source.drawn is not None
    after = int(recorded) if not is_drawn and recorded > NOTHING else -1
    with open_video(source.path, sampling, after, is_all=is_drawn, threads=usable_cores()) as video:
        expect(max(video.info.expected(sampling, is_drawn) - max(after, 0) // every, 1))
        for frame in video.frames():
            is_recorded, start = frame.number <= recorded, video.info.start
            yield Shot(source, frame.image, None, frame.number, frame.seconds, start, frame.is_asked, is_recorded)


def classify_tasks(
    predictor: "PhotoPredictor",
    tasks: Iterable[Task],
    every: int,
    expect: Callable[[int], None],
    threads: Threads,
    most: int | None = None,
) -> Iterator[tuple[list[Shot], list[list[FacePrediction] | None]]]:
    """Read and classify sources in threads; memory is bounded by the number of these.

    Args:
        predictor: the networks.
        tasks: the sources, iterated over in this thread, only as far as needed.
        every: classify every Nth frame of a video.
        expect: see :func:`read_shots`.
        threads: those that read and those that run the networks.
        most: see :func:`in_chunks`.

    Yields:
        Chunks of shots, in order, and for each shot what :func:`classify_shots` returns.
    """
    shots = read_ahead(tasks, every, expect, threads.reading, threads.readers + 2)
    chunks = in_chunks(shots, most)
    yield from in_order(partial(classify_shots, predictor), chunks, threads.networks, threads.parallel + 1)


def classify_shots(predictor: "PhotoPredictor", chunk: Sequence[Shot]) -> list[list[FacePrediction] | None]:
    """Return the faces of each shot; None for one that is not asked for or has no image."""
    asked = [shot for shot in chunk if shot.image is not None and shot.is_asked]
    images = [shot.image for shot in asked if shot.image is not None]
    whole, sizes = [shot.whole for shot in asked], [shot.photo_hw for shot in asked]
    found = dict(zip(asked, predictor.find_faces(images, whole, photo_hw=sizes), strict=True))
    return [found.get(shot) for shot in chunk]


def in_chunks(shots: Iterable[Shot], most: int | None = None) -> Iterator[list[Shot]]:
    """Group shots for the networks; every ``CHUNK_IMAGES`` results to record, a chunk ends.

    Args:
        shots: the photos and frames.
        most: maximum number of shots in a chunk, if that is less than ``CHUNK_IMAGES``.
    """
    most = min(most or CHUNK_IMAGES, CHUNK_IMAGES)
    chunk: list[Shot] = []
    results = pixels = 0
    for shot in shots:
        chunk.append(shot)
        is_result = shot.is_asked and not shot.is_recorded
        results += is_result
        pixels += 0 if shot.image is None else shot.image.shape[0] * shot.image.shape[1]
        if len(chunk) == most or pixels >= CHUNK_PIXELS or (is_result and results % CHUNK_IMAGES == 0):
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk
