"""Preparing on a Ray cluster: actors do the chunks of a single machine's prepare, and the journal records them."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ampnet.cluster.actors import ActorOptions, run_on_actors
from ampnet.dataset.preparation.chunks import CHUNK, PrepareJob, prepare_chunks, start_preparation_threads
from ampnet.dataset.preparation.frames import PreparedFace
from ampnet.detection.detector import FaceDetector
from ampnet.runtime.devices import choose_device
from ampnet.settings import DetectorConfig

BATCH = 4
"""Chunks that an actor gets at once: while one is detected, the next is decoded and the previous one written."""


class PrepareActor:
    """Holds the detector; Ray Data calls it with chunks."""

    def __init__(self, detector: DetectorConfig, workers: int, on_gpu: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self._detector = FaceDetector(detector, choose_device(int(on_gpu)))
        self._workers = workers

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Prepare chunks; yields the number and the faces of each, once all of its images are written."""
        for pickled in batch["job"]:
            chunks, job = pickle.loads(pickled)  # noqa: S301 (from our own driver)
            with start_preparation_threads(self._workers, self._detector.device) as threads:
                for place, faces in prepare_chunks(job, range(len(chunks)), self._detector, threads):
                    moved = (chunks[place] - place) * CHUNK
                    own = [replace(face, item=face.item + moved) for face in faces]
                    yield {"chunk": [chunks[place]], "faces": [pickle.dumps(own)]}


def prepare_on_ray(
    work: PrepareJob,
    chunks: Sequence[int],
    detector: DetectorConfig,
    workers: int,
    options: ActorOptions,
) -> Iterator[tuple[int, list[PreparedFace]]]:
    """Prepare some chunks of a data set on a cluster whose machines share the raw and the output folder.

    A chunk of an actor that dies is done again; its images get the same bytes under the same names.

    Args:
        workers: threads of each actor that read and write images.

    Yields:
        The number of each chunk once all of its files are written, and its faces in the items' order; chunks come in
        the order in which they are done.

    Raises:
        ProcessError: Ray or an actor failed.
        DataError: an image cannot be written.
    """
    arguments = {"detector": detector, "workers": workers, "on_gpu": options.on_gpu}
    rows = []
    ordered = sorted(chunks)  # so that a short one, the data set's last, is the last of its batch
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        numbers = [number for chunk in batch for number in range(len(work.items))[chunk * CHUNK : (chunk + 1) * CHUNK]]
        items = [replace(work.items[number], root=work.items[number].root.resolve()) for number in numbers]
        names = [work.names[number] for number in numbers]
        job = PrepareJob(items, names, work.frame_policy, work.store.counted_from_zero(batch))
        rows.append({"job": pickle.dumps((batch, job))})
    for row in run_on_actors(rows, PrepareActor, arguments, options):
        yield int(row["chunk"]), pickle.loads(row["faces"])  # noqa: S301 (from our own actor)
