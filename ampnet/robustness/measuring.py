"""Running the robustness suite: corrupted faces through one or several networks, chunk by chunk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ampnet.dataset.loading.dataset import Batch, FaceDataset
from ampnet.dataset.loading.loader import loading_failures, make_loader
from ampnet.inference.ablation import Vote, answer_by_votes
from ampnet.inference.classifier import Classifier
from ampnet.robustness.corrupted_faces import ChunkKey, CorruptedBatches


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
        chunks: what to measure.
        seed: of the suite.
        workers: processes; 0 does everything in this one.
        device: where the networks run.

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
