"""What two processes run that train on streamed shards, two of which are open at a time."""

import os
import signal
from dataclasses import replace
from hashlib import sha256

import torch

from ampnet.dataset import open_index
from ampnet.runtime.collectives import gather_objects
from ampnet.runtime.launch import join_processes
from ampnet.settings import TrainConfig
from ampnet.training import loaders, loop
from ampnet.training.defaults import resolve_defaults
from ampnet.training.run import open_run
from pipelines.train import run

Steps = list[list[tuple[int, str]]]
"""Place of each face among the training faces, and a digest of its augmented image, for each step."""


def stream(at_once: int) -> None:
    """Stream however small the set is."""
    open_index.STREAMED_FACES = 0
    vars(loaders)["SHARDS_AT_ONCE"] = at_once


def see_epochs(config: TrainConfig, asked: list[tuple[str, int, int]]) -> list[list[Steps]]:
    """Return, for each form of the set, number of open shards and first step, the steps of each process's loader."""
    seen = []
    with join_processes(0) as process:
        for number, (form, at_once, step) in enumerate(asked):
            stream(at_once)
            one = replace(config, data=config.data.parent / form, name=f"seen-{number}")
            with open_run(resolve_defaults(one), process) as training:
                training.order.start_at(epoch=1, step=step)
                steps = [
                    [(key.position, digest(image)) for key, image in zip(keys, batch.images, strict=True)]
                    for keys, batch in zip(training.order, training.batches, strict=True)
                ]
            seen.append(gather_objects(steps, process))
    return seen


def digest(image: torch.Tensor) -> str:
    """Tell images apart."""
    return sha256(image.contiguous().numpy().tobytes()).hexdigest()


def train(config: TrainConfig, at_once: int, kill_at: int) -> None:
    """Train; the second process kills itself at that step, counted from 1 (0: never)."""
    stream(at_once)
    original, steps = loop._sync_step_losses, iter(range(1, 1_000_000))

    def counted(*arguments: object) -> object:
        if next(steps) == kill_at and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)  # type: ignore[arg-type]

    loop._sync_step_losses = counted  # type: ignore[assignment]
    run(config, quiet=True)
