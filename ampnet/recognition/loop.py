"""The one loop from sources to results: read ahead, group into chunks, answer, in order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from ampnet.detection.face import Face
from ampnet.reading.archives import members
from ampnet.reading.photo import Photo
from ampnet.reading.reader import (
    CHUNK_PIXELS,
    FAST_PIXELS,
    FAST_SIDE,
    NOTHING,
    QueuedPhoto,
    Task,
    in_chunks,
    read_ahead,
    read_source,
)
from ampnet.reading.sources import Source
from ampnet.reading.video_clock import Sampling
from ampnet.results.photo_result import PhotoResult
from ampnet.results.tracking import Tracking
from ampnet.runtime.threads import Threads, in_order, start_threads

Answered = tuple[QueuedPhoto, PhotoResult | None]
"""A photo or frame, and its result; None for a frame that was not to be classified."""


class Answers(Protocol):
    """What answers photos: a :class:`~ampnet.recognition.recognizer.Recognizer`."""

    fast: bool
    """Whether frames of videos are answered faster where many come together."""

    @property
    def cores(self) -> int:
        """Number of processor cores that the networks use."""

    def answer(self, photos: Sequence[Photo], most: int | None = None, keeps_whole: bool = True) -> list[PhotoResult]:
        """Find and classify the faces of some photos, all at once."""

    def find(self, photos: Sequence[Photo]) -> list[tuple[Face, ...]]:
        """Find the faces of photos that can be read."""


def answer_tasks(
    recognizer: Answers,
    tasks: Iterable[Task],
    sampling: Sampling,
    threads: Threads,
    most: int | None = None,
    keeps_whole: bool = False,
    finds_all: bool = False,
) -> Iterator[list[Answered]]:
    """Read and answer sources in threads; memory is bounded by the number of these.

    Args:
        tasks: the sources, iterated over in this thread, only as far as needed.
        threads: those that read and those that run the networks.
        keeps_whole: keep whole photos that were decoded for small faces, since they will be drawn.
        finds_all: find the faces of frames that are not classified, too, to be covered where these are drawn.

    Yields:
        Chunks, in order.
    """
    longest = FAST_SIDE if recognizer.fast else 0
    photos = read_ahead(tasks, sampling, threads.reading, threads.readers + 2, longest)
    chunks = in_chunks(photos, most, keeps_whole, FAST_PIXELS if recognizer.fast else CHUNK_PIXELS)
    answer = partial(_answer_chunk, recognizer, keeps_whole, finds_all)
    for _, answered in in_order(answer, chunks, threads.networks, threads.parallel + 1):
        yield answered


def answer_one_by_one(
    recognizer: Answers, sources: Iterable[Source], sampling: Sampling, tracking: Tracking | None = None
) -> Iterator[PhotoResult]:
    """Read each photo and frame when its result is requested."""
    for member in (member for source in sources for member in members(source)):
        for queued in read_source(member, sampling, NOTHING):
            (result,) = recognizer.answer([queued.photo])
            if tracking is not None:
                tracking.take(member, result)
            yield result


def answer_in_threads(
    recognizer: Answers,
    sources: Iterable[Source],
    sampling: Sampling,
    tracking: Tracking | None = None,
    parallel: int = 1,
    most: int | None = None,
    keeps_whole: bool = False,
) -> Iterator[PhotoResult]:
    """Read and answer ahead of what is requested, by a few chunks.

    Args:
        parallel: number of chunks worked at side by side, each by a share of the cores.
        keeps_whole: as for :func:`answer_tasks`.

    Yields:
        The results in order; a photo keeps its pixels until the next one is requested, a frame as long as it lives.
    """
    tasks = ((source, NOTHING) for source in sources)
    with start_threads(recognizer.cores, parallel) as threads:
        for chunk in answer_tasks(recognizer, tasks, sampling, threads, most, keeps_whole):
            for queued, result in chunk:
                if result is None:
                    continue
                if tracking is not None:
                    tracking.take(queued.source, result)
                yield result
                if not queued.source.is_video:  # whose frames would be decoded from its beginning again
                    result.release()


def _answer_chunk(
    recognizer: Answers, keeps_whole: bool, finds_all: bool, chunk: Sequence[QueuedPhoto]
) -> list[Answered]:
    sampled = [queued.photo for queued in chunk if queued.is_sampled]
    results = iter(recognizer.answer(sampled, keeps_whole=keeps_whole))
    others = [queued.photo for queued in chunk if finds_all and not queued.is_sampled]
    found = iter(recognizer.find(others) if others else ())
    return [
        (queued, next(results))
        if queued.is_sampled
        else (replace(queued, boxes=[face.box for face in next(found, ())]), None)
        for queued in chunk
    ]
