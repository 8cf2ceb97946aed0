"""Sampling of training batches, and their distribution over processes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from ampnet.data.loading.dataset import SampleKey
from ampnet.errors import DataError
from ampnet.recipes import Balance


class ResumableBatchSampler(Sampler[list[SampleKey]]):
    """Shuffled batches that are the same for any number of processes and can start at any step.

    Each step's batch is divided among the processes in turn, and each shard is split into ``parts`` batches. The
    epoch's last, smaller batch is included unless it has fewer than two faces for every part.

    Args:
        labels: labels of the training faces.
        batch_size: faces in each step, over all processes.
        seed: decides the order, together with the epoch.
        rank: number of this process.
        world_size: number of processes.
        parts: batches that a process computes for each step (gradient accumulation).
        balance: ``sampling`` draws all classes equally often; anything else takes every face once.

    Raises:
        DataError: there are too few faces for a single step.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        parts: int = 1,
        balance: Balance = "none",
    ) -> None:
        self.labels, self.batch_size, self.seed = labels, batch_size, seed
        self.rank, self.world_size, self.parts, self.balance = rank, world_size, parts, balance
        full, rest = divmod(len(labels), batch_size)
        self.steps = full + (rest >= 2 * world_size * parts)
        """Steps in an epoch."""
        self.faces = min(self.steps * batch_size, len(labels))
        """Faces in an epoch."""
        if self.steps == 0:
            hint = "; run with --processes 1" if world_size > 1 else ""
            minimum = 2 * world_size * parts
            raise DataError(f"{len(labels)} training faces are too few; at least {minimum} are needed{hint}")
        self.epoch = self.first_step = 0

    def start_at(self, epoch: int, step: int) -> None:
        """Set the epoch and step at which the next iteration starts."""
        self.epoch, self.first_step = epoch, step

    def step_size(self, step: int) -> int:
        """Return the number of faces in a step, over all processes."""
        return min(self.batch_size, len(self.labels) - step * self.batch_size)

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.parts

    def __iter__(self) -> Iterator[list[SampleKey]]:
        epoch, order = self.epoch, self._order()
        for step in range(self.first_step, self.steps):
            start = step * self.batch_size
            shard = range(start + self.rank, start + self.step_size(step), self.world_size)
            for part in np.array_split(shard, self.parts):
                yield [SampleKey(epoch, int(draw), int(order[draw])) for draw in part]

    def _order(self) -> NDArray[np.int64]:
        rng = np.random.default_rng((self.seed, self.epoch))
        if self.balance != "sampling":
            return rng.permutation(len(self.labels))
        counts = np.bincount(self.labels)
        weights = 1 / counts[self.labels]
        return rng.choice(len(self.labels), size=len(self.labels), p=weights / weights.sum())
