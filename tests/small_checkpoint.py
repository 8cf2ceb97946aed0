"""A very small network, its checkpoint and its training, for tests of what happens around them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.settings.choices import Module
from ampnet.settings.labels import EXPRESSIONS

ALL: tuple[Module, ...] = ("gp", "lp", "ap")
"""All modules of the network."""

SMALL_RUN: dict[str, Any] = {
    "width": 0.05,
    "image_size": 48,
    "modules": ("gp",),
    "gpus": 0,
    "processes": 1,
    "workers": 0,
}
"""Settings of a training that takes seconds on a CPU."""


def small_checkpoint(
    folder: Path,
    class_names: Sequence[str] = EXPRESSIONS,
    logits: Sequence[float] | None = None,
    name: str = "best.pt",
    modules: tuple[Module, ...] = ("gp",),
    **fields: Any,
) -> Path:
    """Save a seeded network.

    Args:
        folder: run folder.
        class_names: its classes.
        logits: what it says of every face; None leaves it random.
        name: of the file.
        modules: parts of the network; all of them take several times as long to save, load and prepare as one.
        fields: other fields of the checkpoint.

    Returns:
        The run folder.
    """
    values: dict[str, Any] = {"framing": Framing(), "epoch": 3, **fields}
    known = repr((tuple(class_names), logits, modules, Path(name).suffix, values))
    if known not in _SAVED:
        model = _network(len(class_names), None if logits is None else tuple(logits), modules)
        save_checkpoint(folder / name, Checkpoint(model, tuple(class_names), **values))
        _SAVED[known] = (folder / name).read_bytes()
    else:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(_SAVED[known])
    return folder


_SAVED: dict[str, bytes] = {}
"""Files by what was asked for."""


@cache
def _network(num_classes: int, logits: tuple[float, ...] | None, modules: tuple[Module, ...]) -> AMPNet:
    torch.manual_seed(0)
    model = AMPNet(num_classes=num_classes, width=0.125, image_size=64, modules=modules)
    for head in (model.local_head, model.global_head):
        if logits is not None and head is not None:
            torch.nn.init.zeros_(head.weight)
            head.bias.data = torch.tensor(logits)
    return model.eval()
