"""From faces to probabilities: the one path that training's validation, `eval`, `predict` and distillation take."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ampnet.data.loading.dataset import Batch
from ampnet.faces.geometry import MIRROR_ORDER
from ampnet.runtime.progress import Advance


@dataclass(frozen=True)
class Logits:
    """What a network said of N labelled faces."""

    labels: NDArray[np.int64]
    local: Tensor
    """``(N, K)`` of the local branches."""
    global_: Tensor
    """``(N, K)`` of the global branch."""
    mirrored: tuple[Tensor, Tensor] | None
    """Local and global logits of the mirrored faces, where asked for."""


@torch.inference_mode()
def collect_logits(
    model: nn.Module, batches: Iterable[Batch], device: torch.device, mirror: bool, advance: Advance
) -> Logits:
    """Run a network over all batches.

    Args:
        model: ``model(images, landmarks) -> (local_logits, global_logits)``, in eval mode.
        batches: at least one.
        device: where the model is.
        mirror: also run it over the mirrored faces.
        advance: told the number of finished faces.
    """
    labels, logits, mirrored = [], [], []
    for batch in batches:
        images, landmarks, *_ = batch.to(device)
        logits.append([part.cpu() for part in model(images, landmarks)])
        if mirror:
            mirrored.append([part.cpu() for part in model(*mirror_faces(images, landmarks))])
        labels.append(batch.labels.numpy())
        advance(len(batch.labels))
    local, global_ = (torch.cat(parts) for parts in zip(*logits, strict=True))
    both = tuple(torch.cat(parts) for parts in zip(*mirrored, strict=True)) if mirror else None
    return Logits(np.concatenate(labels), local, global_, (both[0], both[1]) if both else None)


def mirror_faces(images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror ``(B, 3, S, S)`` images and their ``(B, 5, 2)`` landmarks; left stays the image's left."""
    mirrored = landmarks[:, list(MIRROR_ORDER)]
    flipped = torch.stack([images.shape[-1] - mirrored[..., 0], mirrored[..., 1]], dim=-1)  # (B, 5, 2)
    return images.flip(-1), flipped
