"""From photos' bytes to faces: decoded in child processes, then classified in batches that requests share.

    bytes -> queue -> decoders (processes) -> decoded photos -> batches (threads) -> faces

Both queues are bounded: the first one by a number of photos, beyond which :meth:`Engine.reserve` refuses, the second
one by pixels, since decoders wait while too many are decoded.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from ampnet.reading.photo import Photo
from ampnet.reading.photo_decoders import DecoderPool, IsolatedContent
from ampnet.reading.reader import CHUNK_PIXELS
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.photo_result import PhotoResult
from ampnet.service.metrics import Metrics
from ampnet.service.refusals import busy


@dataclass(eq=False)
class _Job:
    photo: Photo
    explain: bool
    result: "asyncio.Future[PhotoResult]"
    decoded_at: float = 0.0
    pixels: int = 0
    """A decoded photo, waiting or in progress."""


class Engine:
    """Processes photos batch by batch.

    Args:
        explainer: gives the recognizer that takes answers apart, the first time it is needed.
        queue: maximum number of photos in progress or waiting.
        batch_wait: longest time in seconds for which a photo waits for others.
        max_faces: most faces that are classified in a photo.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        explainer: Callable[[], Recognizer],
        decoders: DecoderPool,
        metrics: Metrics,
        queue: int,
        batch_size: int,
        batch_wait: float,
        parallel: int,
        max_faces: int,
    ) -> None:
        self._recognizer, self._make_explainer = recognizer, explainer
        self._explainer: Recognizer | None = None
        self._decoders, self._metrics = decoders, metrics
        self._queue, self._batch_size, self._batch_wait = queue, batch_size, batch_wait
        self._max_faces = max_faces
        self._reserved = 0
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._ready: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._ready_pixels = 0
        self._room = asyncio.Event()
        self._room.set()
        self._decoding = ThreadPoolExecutor(decoders.count, "decode")
        self._predicting = ThreadPoolExecutor(parallel, "predict")
        self._parallel = self._idle = parallel
        self._running = 0
        self._collecting = asyncio.Lock()
        self._loading_explainer = Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._tasks = [asyncio.create_task(self._decode_jobs()) for _ in range(self._decoders.count)]
        self._tasks += [asyncio.create_task(self._run_batches()) for _ in range(self._parallel)]

    async def stop(self) -> None:
        """Stop; nothing is in progress afterwards."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._decoders.close()
        self._decoding.shutdown(wait=False, cancel_futures=True)
        self._predicting.shutdown(wait=False, cancel_futures=True)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for a photo."""
        return self._reserved >= self._queue

    def reserve(self, photos: int) -> None:
        """Reserve places in the queue; return them with :meth:`release`.

        Raises:
            Refusal: there are not as many.
        """
        if self._reserved + photos > self._queue:
            raise busy(f"the queue is full ({self._queue} photos); try again")
        self._reserved += photos
        self._metrics.waiting.set(self._reserved)

    def release(self, photos: int) -> None:
        """Return places to the queue."""
        self._reserved -= photos
        self._metrics.waiting.set(self._reserved)

    async def find(self, name: str, data: bytes, explain: bool) -> PhotoResult:
        """Find and classify the faces in one photo, for which a place is reserved.

        Args:
            name: how the photo is called.
            explain: take the answers apart, too.

        Raises:
            ProcessError: no decoder starts.
            ConfigError: the network cannot be taken apart.
        """
        photo = Photo(name, IsolatedContent(data, self._decoders))
        job = _Job(photo, explain, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        try:
            return await job.result
        except asyncio.CancelledError:  # its bytes are no longer counted, and it may wait for a decoder for long
            photo.forget()
            del data  # the job keeps this frame by its traceback
            raise

    async def _decode_jobs(self) -> None:
        while True:
            await self._decode(await self._jobs.get())  # no variable, which would keep a photo until the next one

    async def _decode(self, job: _Job) -> None:
        while self._ready_pixels >= CHUNK_PIXELS:
            self._room.clear()
            await self._room.wait()
        if job.result.done():  # its client has gone, or it has waited for too long
            return
        began = time.monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(self._decoding, _decode, job.photo)
        except Exception as error:  # whatever it is, the next photo is decoded
            _fail(job, error)
            return
        finally:
            self._metrics.decode_seconds.observe(time.monotonic() - began)
        job.decoded_at, job.pixels = time.monotonic(), job.photo.pixels
        self._ready_pixels += job.pixels
        self._ready.append(job)
        self._arrived.set()

    async def _run_batches(self) -> None:
        while True:
            async with self._collecting:
                batch = await self._next_batch()
                self._idle -= 1
                self._running += len(batch)
            await self._run(batch)
            self._idle += 1
            self._running -= len(batch)
            self._ready_pixels -= sum(job.pixels for job in batch)
            self._room.set()
            del batch  # as above

    async def _run(self, batch: list[_Job]) -> None:
        wanted = [job for job in batch if not job.result.done()]
        if not wanted:
            return
        began = time.monotonic()
        answers = await asyncio.get_running_loop().run_in_executor(self._predicting, self._answer, wanted)
        self._metrics.batch_seconds.observe(time.monotonic() - began)
        self._metrics.batch_photos.observe(len(wanted))
        for job, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Exception):
                _fail(job, answer)
            elif not job.result.done():
                job.result.set_result(answer)

    async def _next_batch(self) -> list[_Job]:
        """Wait for a photo, then for those that are decoded soon after it; idle threads share them."""
        while not self._ready:
            self._arrived.clear()
            await self._arrived.wait()
        deadline = self._ready[0].decoded_at + self._batch_wait
        while len(self._ready) < min(self._batch_size, self._reserved - self._running):  # there are more to come
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), deadline - time.monotonic())
            except asyncio.TimeoutError:
                break
        share = min(-(-len(self._ready) // self._idle), self._batch_size)
        batch, pixels = [self._ready.popleft()], 0
        while len(batch) < share and pixels < CHUNK_PIXELS:
            pixels += batch[-1].pixels
            batch.append(self._ready.popleft())
        return batch

    def _answer(self, jobs: Sequence[_Job]) -> list[PhotoResult | Exception]:
        """Answer a batch, in its own thread; a photo that fails does not affect the others."""
        try:
            results = self._recognizer.answer([job.photo for job in jobs], most=self._max_faces + 1, keeps_whole=False)
        except Exception as error:
            return [error] if len(jobs) == 1 else [self._answer([job])[0] for job in jobs]
        return [self._explained(job, result) for job, result in zip(jobs, results, strict=True)]

    def _explained(self, job: _Job, result: PhotoResult) -> PhotoResult | Exception:
        if len(result) > self._max_faces:
            del result[self._max_faces :]
            faces = "face is" if self._max_faces == 1 else "faces are"
            result.warnings.append(f"only the {self._max_faces:,} highest-scoring {faces} listed")
        if not job.explain or not result:
            return result
        try:
            with self._loading_explainer:
                self._explainer = self._explainer or self._make_explainer()
            result[:] = self._explainer.explain(result).given_to(result)
        except Exception as error:
            return error
        return result


def _decode(photo: Photo) -> None:
    _ = photo.problem


def _fail(job: _Job, error: Exception) -> None:
    if not job.result.done():
        job.result.set_exception(error)
