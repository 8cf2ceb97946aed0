"""Sampling of training batches, and their distribution over processes."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from ampnet.dataset.loading.dataset import SampleKey
from ampnet.errors import DataError
from ampnet.settings.recipes import Balance


class ShardedSequentialSampler(Sampler[list[SampleKey]]):
    """Iterates over one process's shard in the dataset's order, each face exactly once."""

    def __init__(self, count: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.shard = range(rank, count, world_size)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.shard) // self.batch_size)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for start in range(0, len(self.shard), self.batch_size):
            yield [SampleKey(0, position, position) for position in self.shard[start : start + self.batch_size]]


class ResumableBatchSampler(Sampler[list[SampleKey]]):
    """Shuffled batches that are the same for any number of processes and can start at any step.

    Each step's batch is divided among the processes in turn, and each shard is split into ``parts`` batches. The
    epoch's last, smaller batch is included unless it has fewer than two faces for every part.

    Args:
        labels: labels of the training faces; a range where only their number matters.
        batch_size: faces in each step, over all processes.
        seed: decides the order, together with the epoch.
        parts: batches that a process computes for each step (gradient accumulation).
        balance: ``sampling`` draws all classes equally often; anything else takes every face once.

    Raises:
        DataError: there are too few faces for a single step.
    """

    def __init__(
        self,
        labels: NDArray[np.int64] | range,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        parts: int = 1,
        *,
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

    def _order(self) -> "NDArray[np.int64] | ShuffledShards":
        rng = np.random.default_rng((self.seed, self.epoch))
        if self.balance != "sampling":
            return rng.permutation(len(self.labels))
        labels = np.asarray(self.labels)
        weights = 1 / np.bincount(labels)[labels]
        return rng.choice(len(self.labels), size=len(self.labels), p=weights / weights.sum())


class ShuffledShards:
    """The faces of a split in an order for one epoch, of which only a part is in memory.

    The shards are shuffled, and the faces of some consecutive ones together. Where these are all shards, the order is
    that of :class:`ResumableBatchSampler`.

    Args:
        sizes: faces of each shard.
        at_once: shards whose faces are shuffled together.
        seed: decides the order, together with ``epoch``.
    """

    def __init__(self, sizes: Sequence[int], at_once: int, seed: int, epoch: int) -> None:
        self.seed = seed, epoch
        self.sizes = np.array(sizes, dtype=np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        shards = np.flatnonzero(self.sizes)
        if len(shards) > at_once:
            shards = np.random.default_rng(self.seed).permutation(shards)
        self.groups = [shards[i : i + at_once] for i in range(0, len(shards), at_once)]
        self.ends = np.cumsum([self.sizes[group].sum() for group in self.groups])
        self.number, self.faces = -1, np.empty(0, dtype=np.int64)

    def __getitem__(self, draw: int) -> int:
        """Return the index, in the split, of the face at a position in the order."""
        number = int(np.searchsorted(self.ends, draw, side="right"))
        if number != self.number:
            group = self.groups[number]
            faces = np.concatenate(
                [np.arange(self.starts[shard], self.starts[shard] + self.sizes[shard]) for shard in group]
            )
            seed = self.seed if len(self.groups) == 1 else (*self.seed, number)
            self.number, self.faces = number, np.random.default_rng(seed).permutation(faces)
        return int(self.faces[draw - self.ends[number]])  # counted from the group's end


class StreamedBatchSampler(ResumableBatchSampler):
    """The same promises for a data set in shards: memory depends on the shards in use, not on the faces.

    Args:
        sizes: training faces of each shard.
        at_once: shards whose faces are shuffled together.
        shares: ``batch_size``, ``seed``, ``rank``, ``world_size`` and ``parts`` of :class:`ResumableBatchSampler`.
    """

    def __init__(self, sizes: Sequence[int], at_once: int, *shares: int) -> None:
        super().__init__(range(sum(sizes)), *shares)
        self.sizes, self.at_once = sizes, at_once

    def _order(self) -> ShuffledShards:
        return ShuffledShards(self.sizes, self.at_once, self.seed, self.epoch)
