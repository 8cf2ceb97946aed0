"""A checkpoint of a very small network, for tests of what happens around it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.settings.labels import EXPRESSIONS


def small_checkpoint(
    folder: Path,
    class_names: Sequence[str] = EXPRESSIONS,
    logits: Sequence[float] | None = None,
    name: str = "best.pt",
    **fields: object,
) -> Path:
    """Save a seeded network.

    Args:
        folder: run folder.
        class_names: its classes.
        logits: what it says of every face; None leaves it random.
        name: of the file.
        fields: other fields of the checkpoint.

    Returns:
        The run folder.
    """
    model = _network(len(class_names), None if logits is None else tuple(logits))
    values = {"framing": Framing(), "epoch": 3, **fields}
    save_checkpoint(folder / name, Checkpoint(model, tuple(class_names), **values))
    return folder


@cache
def _network(num_classes: int, logits: tuple[float, ...] | None) -> AMPNet:
    torch.manual_seed(0)
    model = AMPNet(num_classes=num_classes, width=0.125, image_size=64)
    if logits is not None:
        for head in (model.local_head, model.global_head):
            torch.nn.init.zeros_(head.weight)
            head.bias.data = torch.tensor(logits)
    return model.eval()
