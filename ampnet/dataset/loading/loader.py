"""Loading batches in separate processes, and one-line messages for the failures of those processes."""

import os
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ampnet.dataset.loading.dataset import Batch, FaceBatches, FaceDataset, SampleKey
from ampnet.errors import DataError, TrainingError

B = TypeVar("B")
"""A batch, or what one key of a loader stands for."""


def batch_loader(
    faces: FaceDataset, order: Sampler[list[SampleKey]], workers: int, device: torch.device
) -> DataLoader[Batch]:
    """Create a data loader that yields a sampler's batches; see :func:`make_loader`."""
    return make_loader(FaceBatches(faces), order, workers, device)


def make_loader(batches: Dataset[B], order: Iterable[Any], workers: int, device: torch.device) -> DataLoader[B]:
    """Create a data loader of whole batches.

    Args:
        batches: ``batches[key]`` is a batch.
        order: yields the key of each batch.
        workers: loader processes, kept alive between epochs; 0 loads in this process.
        device: batches for GPUs are loaded into pinned memory.
    """
    # More workers than cores are the user's choice (useful with slow storage); the defaults never exceed the cores.
    warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
    return DataLoader(
        batches,
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        prefetch_factor=4 if workers else None,
        worker_init_fn=_start_worker,
        # Under the launcher the default is spawn: seconds of imports, during which a Ctrl-C would kill the worker.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )


def on_device(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield batches on a device; a GPU receives each one while it computes on the one before."""
    if device.type != "cuda":
        yield from (batch.to(device) for batch in batches)
        return
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    arriving = deque[tuple[Batch, torch.cuda.Event]]()
    for batch in batches:
        with torch.cuda.stream(copying):
            arriving.append((batch.to(device), copying.record_event()))
        if len(arriving) > 1:
            yield _arrived(*arriving.popleft(), device)
    while arriving:
        yield _arrived(*arriving.popleft(), device)


def _arrived(batch: Batch, copied: torch.cuda.Event, device: torch.device) -> Batch:
    """Let the computation wait for a copy, and keep the copy's memory until the computation is done."""
    computing = torch.cuda.current_stream(device)
    computing.wait_event(copied)
    for tensor in (batch.images, batch.landmarks, batch.labels, batch.targets):
        if tensor is not None:
            tensor.record_stream(computing)
    return batch


def _start_worker(_worker: int) -> None:
    """Restrict a loader worker to one core, and shield it from signals meant for the training process.

    Ctrl-C and most schedulers signal a whole process group, so the worker gets its own. Its failures reach the training
    process; anything else it would print is only that its last batches were not collected.
    """
    os.setpgid(0, 0)
    sys.excepthook = lambda *_: None
    cv2.setNumThreads(0)


@contextmanager
def loading_failures(cure: str = "resume with --resume and fewer --workers") -> Iterator[None]:
    """Convert errors of loader workers to one-line messages.

    Args:
        cure: what to do where a worker died, for the message.

    Raises:
        DataError: no image can be read.
        TrainingError: a worker died.
    """
    try:
        yield
    except DataError as error:  # holds a worker's traceback, whose last line is our message
        raise DataError(str(error).strip().splitlines()[-1].removeprefix("ampnet.errors.DataError: ")) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(f"a data-loading process died, perhaps out of memory; {cure}") from error
