"""Reading sources: photos and frames in order, decoded ahead of time in threads, in chunks of bounded size."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import ImageError
from ampnet.files.printable import one_line, printable
from ampnet.reading.archives import members
from ampnet.reading.photo import Photo
from ampnet.reading.sources import Source
from ampnet.reading.video import open_video, video_info
from ampnet.reading.video_clock import Sampling
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.progress import Advance
from ampnet.runtime.threads import in_order

CHUNK_IMAGES = 32
CHUNK_PIXELS = 4_000_000
"""A chunk of photos in memory ends at this many photos or this many pixels, whichever comes first."""

FAST_PIXELS, FAST_SIDE = 30_000_000, 1280
"""The same, where faces are followed from frame to frame: a second of video, 90 MB; and the longer side, in pixels, of
its frames, to which the detector reduces larger ones, too."""

NOTHING, WHOLE = -1.0, float("inf")
"""Stand for the last recorded frame of a source of which nothing, or everything is recorded."""

Task = tuple[Source, float]
"""A source, and the last of its frames that an earlier run has recorded."""


@dataclass(frozen=True, eq=False)
class QueuedPhoto:
    """A photo or frame on its way, and what is to be done with it."""

    photo: Photo
    source: Source
    start: float = 0.0
    """Time of its video's first frame, in seconds, on the clock that the sound shares."""
    is_sampled: bool = True
    """False for the frames between two that are classified."""
    is_recorded: bool = False
    """Whether an earlier run has recorded its result, so that it is only drawn."""
    boxes: Sequence[NDArray[np.floating]] = ()
    """Faces to cover in a frame between those that are classified: x0, y0, x1, y1 in pixels of the whole frame."""

    @property
    def is_result(self) -> bool:
        """Whether its result is to be written."""
        return self.is_sampled and not self.is_recorded


def count_results(task: Task, sampling: Sampling) -> int:
    """Estimate, at least 1, how many photos or frames a source gives; of a video the beginning is read for that."""
    source, recorded = task
    if not source.is_video or source.problem is not None:
        return 1
    try:
        info = video_info(source.path)
    except ImageError:
        return 1
    left = 1 - min((_resumed_after(source, recorded) + 1) / max(info.frames, 1), 1)
    return max(round(info.expected(sampling, source.drawn is not None) * left), 1)


@contextmanager
def counted_ahead(tasks: Sequence[Task], sampling: Sampling, advance: Advance | None) -> Iterator[None]:
    """Count the frames of all videos in a thread, so that progress is shown over all of them.

    Args:
        advance: called with the number of further frames; None counts nothing.
    """
    is_over = Event()

    def count() -> None:
        for task in tasks:
            if not is_over.is_set() and advance is not None and (more := count_results(task, sampling) - 1):
                advance(0, more=more)

    thread = Thread(target=count, daemon=True)
    if advance is not None and any(source.is_video for source, _ in tasks):
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        if thread.ident is not None:
            thread.join(timeout=1)


def notes_of_empty(tasks: Sequence[Task], answered: Collection[int]) -> Iterator[str]:
    """Name the videos without a frame between --from and --to.

    Args:
        tasks: all that were read to their end.
        answered: identities of the sources with frames.
    """
    for source, recorded in tasks:
        if source.is_video and recorded == NOTHING and id(source) not in answered:
            seconds = video_info(source.path).seconds
            length = f"; it lasts {seconds:.1f} s" if seconds else ""
            yield f"{printable(source.name)}: there is no frame between --from and --to{length}"


def read_source(source: Source, sampling: Sampling, recorded: float, longest: int = 0) -> Iterator[QueuedPhoto]:
    """Read a photo, or those frames of a video that are classified; all of its frames if they are to be drawn.

    A failure becomes the last photo, with the reason.

    Args:
        recorded: number of the last frame that an earlier run has recorded, or ``NOTHING`` or ``WHOLE``.
        longest: reduce frames that are not drawn to a longer side of so many pixels; 0: leave them.
    """
    if not source.is_video or source.problem is not None:
        photo = source.photo()
        photo.is_of_video |= source.is_video
        _ = photo.problem  # decodes it
        yield QueuedPhoto(photo, source, is_recorded=recorded == WHOLE)
        return
    try:
        yield from _read_video(source, sampling, recorded, longest)
    except ImageError as error:
        failed = Photo(one_line(source.name), None, str(error))
        failed.is_of_video = True
        yield QueuedPhoto(failed, source, is_recorded=recorded == WHOLE)


def read_ahead(
    tasks: Iterable[Task], sampling: Sampling, pool: ThreadPoolExecutor, ahead: int, longest: int = 0
) -> Iterator[QueuedPhoto]:
    """Read all sources in order; photos are decoded in threads before their turn.

    Args:
        tasks: the sources, iterated over in this thread, only as far as needed.
        ahead: maximum number of photos decoded before their turn.
        longest: see :func:`read_source`.
    """

    def photo(task: Task) -> list[QueuedPhoto] | None:
        source, recorded = task
        is_in_turn = source.is_alone or (source.is_video and source.problem is None)
        return None if is_in_turn else list(read_source(source, sampling, recorded))

    flat = ((member, recorded) for source, recorded in tasks for member in members(source))
    for (source, recorded), photos in in_order(photo, flat, pool, ahead):
        yield from read_source(source, sampling, recorded, longest) if photos is None else photos


def in_chunks(
    photos: Iterable[QueuedPhoto],
    most: int | None = None,
    keeps_whole: bool = False,
    most_pixels: int = CHUNK_PIXELS,
) -> Iterator[list[QueuedPhoto]]:
    """Group photos for the networks; every ``CHUNK_IMAGES`` results to record, a chunk ends.

    Args:
        most: maximum number of photos in a chunk, if that is less than ``CHUNK_IMAGES``.
        keeps_whole: whether the whole photos stay in memory until their chunk is done.
        most_pixels: maximum number of pixels that a chunk keeps, but for its last photo.
    """
    most = min(most or CHUNK_IMAGES, CHUNK_IMAGES)
    chunk: list[QueuedPhoto] = []
    results = pixels = 0
    for one in photos:
        chunk.append(one)
        results += one.is_result
        is_whole = keeps_whole and one.photo.problem is None
        pixels += one.photo.size_hw[0] * one.photo.size_hw[1] if is_whole else one.photo.pixels
        if len(chunk) == most or pixels >= most_pixels or (one.is_result and results % CHUNK_IMAGES == 0):
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _read_video(source: Source, sampling: Sampling, recorded: float, longest: int) -> Iterator[QueuedPhoto]:
    is_drawn, after = source.drawn is not None, _resumed_after(source, recorded)
    longest, threads = 0 if is_drawn else longest, usable_cores()
    with open_video(source.path, sampling, after, is_all=is_drawn, threads=threads, longest=longest) as video:
        for frame in video.frames():
            photo = Photo.of_frame(source.path, frame.image, frame.number, frame.seconds, frame.size_hw)
            yield QueuedPhoto(photo, source, video.info.start, frame.is_sampled, frame.number <= recorded)


def _resumed_after(source: Source, recorded: float) -> int:
    """Return the last frame that need not be read; a copy is drawn from its first one."""
    return int(recorded) if source.drawn is None and recorded > NOTHING else -1
