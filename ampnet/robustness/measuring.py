"""Running the robustness suite: corrupted faces through networks in chunks, and the record of what is done."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ampnet.dataset.loading.dataset import Batch, FaceDataset
from ampnet.dataset.loading.loader import loading_failures, make_loader
from ampnet.files.journal import Journal
from ampnet.inference.classifier import Classifier
from ampnet.inference.contributions import Vote, answer_by_votes
from ampnet.robustness.corrupted_faces import ChunkKey, CorruptedBatches
from ampnet.robustness.scores import Hits


@dataclass(frozen=True, eq=False)
class MeasuredModel:
    """A network in the suite."""

    classifier: Classifier
    faces: FaceDataset
    """The faces as this network needs them."""
    codes: NDArray[np.int64]
    """The network's class for each class of the data set."""
    votes: tuple[Vote, ...]

    def hits(self, batch: Batch) -> NDArray[np.bool_]:
        """Return ``(V, B)``: whether each vote answers each face correctly."""
        labels = self.codes[batch.labels.cpu().numpy()]
        return np.asarray(answer_by_votes(self.classifier, batch, self.votes) == labels)


def measure_chunks(
    contenders: Sequence[MeasuredModel], chunks: Sequence[ChunkKey], seed: int, workers: int, device: torch.device
) -> Iterator[tuple[ChunkKey, NDArray[np.bool_]]]:
    """Measure chunks in order.

    On the CPU each worker process corrupts faces and runs the networks, one thread each, which is faster than threads
    that wait for each other; on a GPU the workers only corrupt.

    Args:
        contenders: networks on ``device`` whose datasets share index and indices.
        workers: processes; 0 does everything in this one.

    Yields:
        Each chunk with the hits of all votes of all contenders, ``(V, B)``.

    Raises:
        DataError: an image cannot be read.
        TrainingError: a worker died.
    """
    batches = CorruptedBatches([contender.faces for contender in contenders], seed)
    with loading_failures():
        if device.type == "cpu":
            results = make_loader(_MeasuredChunks(batches, contenders), chunks, workers, device)
            yield from ((key, hits.numpy()) for key, hits in zip(chunks, results, strict=True))
        else:
            loaded = make_loader(batches, chunks, workers, device)
            yield from ((key, _all_hits(contenders, views)) for key, views in zip(chunks, loaded, strict=True))


class _MeasuredChunks(Dataset[torch.Tensor]):
    def __init__(self, batches: CorruptedBatches, contenders: Sequence[MeasuredModel]) -> None:
        self.batches, self.contenders = batches, contenders

    def __getitem__(self, key: ChunkKey) -> torch.Tensor:
        return torch.from_numpy(_all_hits(self.contenders, self.batches[key]))


def _all_hits(contenders: Sequence[MeasuredModel], views: Sequence[Batch]) -> NDArray[np.bool_]:
    return np.concatenate([contender.hits(view) for contender, view in zip(contenders, views, strict=True)])


JOURNAL_FILE = ".robustness.journal"
"""In the output folder while the suite runs."""


class ChunkHits(NamedTuple):
    """The answers to some faces under one condition."""

    corruption: str
    """Empty for the clean condition."""
    severity: int
    start: int
    """Position of the first face among those of the condition."""
    hits: Hits
    """``(V, B)`` for V votes."""


def finished_chunks(journal: Journal) -> list[ChunkHits]:
    """Return all recorded chunks; damaged lines are skipped, so their chunks are measured again."""
    chunks = (_chunk(line) for _place, line in journal.records())
    return [chunk for chunk in chunks if chunk is not None]


def add_chunk(journal: Journal, chunk: ChunkHits) -> None:
    """Record a chunk.

    Raises:
        DataError: the record cannot be written.
    """
    packed = np.packbits(chunk.hits).tobytes().hex()
    journal.add([chunk.corruption, chunk.severity, chunk.start, *chunk.hits.shape, packed])


def _chunk(line: bytes) -> ChunkHits | None:
    try:
        corruption, severity, start, votes, faces, packed = json.loads(line)
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), dtype=np.uint8))
        hits = bits[: votes * faces].reshape(votes, faces).astype(bool)
        return ChunkHits(str(corruption), int(severity), int(start), hits)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
