"""Reading sources: photos and frames in order, decoded ahead of time in threads, in chunks of bounded size."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ampnet.errors import ImageError
from ampnet.files.printable import one_line
from ampnet.reading.archives import members
from ampnet.reading.photo import Photo
from ampnet.reading.sources import Source
from ampnet.reading.video import open_video
from ampnet.reading.video_clock import Sampling
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import in_order

CHUNK_IMAGES = 32
CHUNK_PIXELS = 4_000_000
"""A chunk of photos in memory ends at this many photos or this many pixels, whichever comes first."""

NOTHING, WHOLE = -1.0, float("inf")
"""Stand for the last recorded frame of a source of which nothing, or everything is recorded."""

Task = tuple[Source, float]
"""A source, and the last of its frames that an earlier run has recorded."""

Expect = Callable[[int], None]
"""Called with the number of frames of a video, once that is known."""


@dataclass(frozen=True, eq=False)
class QueuedPhoto:
    """A photo or frame on its way, and what is to be done with it."""

    photo: Photo
    source: Source
    start: float = 0.0
    """Time of its video's first frame, in seconds, on the clock that the sound shares."""
    is_asked: bool = True
    """False for the frames between two that are classified."""
    is_recorded: bool = False
    """Whether an earlier run has recorded its result, so that it is only drawn."""

    @property
    def is_result(self) -> bool:
        """Whether its result is to be written."""
        return self.is_asked and not self.is_recorded


def read_source(source: Source, sampling: Sampling, recorded: float, expect: Expect) -> Iterator[QueuedPhoto]:
    """Read a photo, or those frames of a video that are classified; all of its frames if they are to be drawn.

    A failure becomes the last photo, with the reason.

    Args:
        source: what to read.
        sampling: which frames to classify.
        recorded: number of the last frame that an earlier run has recorded, or ``NOTHING`` or ``WHOLE``.
        expect: called with the number of frames.
    """
    if not source.is_video or source.problem is not None:
        photo = source.photo()
        _ = photo.problem  # decodes it
        yield QueuedPhoto(photo, source, is_recorded=recorded == WHOLE)
        return
    try:
        yield from _read_video(source, sampling, recorded, expect)
    except ImageError as error:
        failed = Photo(one_line(source.name), None, str(error))
        yield QueuedPhoto(failed, source, is_recorded=recorded == WHOLE)


def read_ahead(
    tasks: Iterable[Task], sampling: Sampling, expect: Expect, pool: ThreadPoolExecutor, ahead: int
) -> Iterator[QueuedPhoto]:
    """Read all sources in order; photos are decoded in threads before their turn.

    Args:
        tasks: the sources, iterated over in this thread, only as far as needed.
        sampling: which frames of a video to classify.
        expect: see :data:`Expect`.
        pool: the threads.
        ahead: maximum number of photos decoded before their turn.
    """

    def photo(task: Task) -> list[QueuedPhoto] | None:
        source, recorded = task
        is_in_turn = source.is_alone or (source.is_video and source.problem is None)
        return None if is_in_turn else list(read_source(source, sampling, recorded, expect))

    flat = ((member, recorded) for source, recorded in tasks for member in members(source))
    for (source, recorded), photos in in_order(photo, flat, pool, ahead):
        yield from read_source(source, sampling, recorded, expect) if photos is None else photos


def in_chunks(
    photos: Iterable[QueuedPhoto], most: int | None = None, keeps_whole: bool = False
) -> Iterator[list[QueuedPhoto]]:
    """Group photos for the networks; every ``CHUNK_IMAGES`` results to record, a chunk ends.

    Args:
        photos: the photos and frames.
        most: maximum number of photos in a chunk, if that is less than ``CHUNK_IMAGES``.
        keeps_whole: whether the whole photos stay in memory until their chunk is done.
    """
    most = min(most or CHUNK_IMAGES, CHUNK_IMAGES)
    chunk: list[QueuedPhoto] = []
    results = pixels = 0
    for one in photos:
        chunk.append(one)
        results += one.is_result
        is_whole = keeps_whole and one.photo.problem is None
        pixels += one.photo.size_hw[0] * one.photo.size_hw[1] if is_whole else one.photo.pixels
        if len(chunk) == most or pixels >= CHUNK_PIXELS or (one.is_result and results % CHUNK_IMAGES == 0):
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _read_video(source: Source, sampling: Sampling, recorded: float, expect: Expect) -> Iterator[QueuedPhoto]:
    is_drawn = source.drawn is not None
    after = int(recorded) if not is_drawn and recorded > NOTHING else -1
    with open_video(source.path, sampling, after, is_all=is_drawn, threads=usable_cores()) as video:
        left = 1 - min((after + 1) / max(video.info.frames, 1), 1)
        expect(max(round(video.info.expected(sampling, is_drawn) * left), 1))
        for frame in video.frames():
            photo = Photo.of_frame(source.path, frame.image, frame.number, frame.seconds)
            yield QueuedPhoto(photo, source, video.info.start, frame.is_asked, frame.number <= recorded)
