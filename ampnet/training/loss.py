"""The training loss."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ampnet.data.loading.dataset import Batch
from ampnet.models.ampnet import Logits
from ampnet.recipes import Recipe


@dataclass(frozen=True, eq=False)
class Loss:
    """Both heads' cross-entropies, mixed, with smoothed targets and weighted classes where the recipe says so.

    Args:
        branch_weight: share of the local head (beta in the paper), in [0, 1]; the global head has the rest.
        label_smoothing: share of the target spread evenly.
        class_weights: ``(K,)``, or None for equal ones.
        num_classes: K.
    """

    branch_weight: float
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None
    num_classes: int = 7

    def __call__(self, logits: Logits, targets: Tensor) -> Tensor:
        """Give the mean over the batch.

        Args:
            logits: local and global, ``(B, K)`` each.
            targets: ``(B,)`` int64 classes, or ``(B, K)`` probabilities.
        """
        local_loss, global_loss = (
            F.cross_entropy(head.float(), targets, label_smoothing=self.label_smoothing, reduction="none")
            for head in logits
        )
        losses = torch.lerp(global_loss, local_loss, self.branch_weight)  # (B,)
        if self.class_weights is not None:
            weights = self.class_weights[targets] if targets.ndim == 1 else targets @ self.class_weights
            losses = losses * weights
        return losses.mean()


def build_loss(recipe: Recipe, labels: NDArray[np.int64], num_classes: int, device: torch.device) -> Loss:
    """Make the recipe's loss for a training split.

    Args:
        labels: of the training faces; with ``balance: weights`` each class weighs inversely to its count, with
            ``root_weights`` to the count's square root, so that the weights' mean over the split is 1. A class
            without faces weighs nothing.
    """
    powers = {"weights": 1.0, "root_weights": 0.5}
    weights = None
    if recipe.balance in powers:
        counts = np.bincount(labels, minlength=num_classes)
        shares = np.where(counts > 0, np.maximum(counts, 1.0) ** -powers[recipe.balance], 0.0)
        weights = torch.tensor(shares * len(labels) / (shares @ counts), dtype=torch.float32, device=device)
    return Loss(recipe.branch_weight, recipe.label_smoothing, weights, num_classes)


def mix_up(batch: Batch, num_classes: int, alpha: float) -> Batch:
    """Blend each face with another of its batch (Zhang et al. 2018, arXiv:1710.09412).

    The regions can follow one face only, so the face with the larger share keeps its landmarks.

    Args:
        batch: on its device, images as floats.
        num_classes: K.
        alpha: parameter of the symmetric beta distribution.

    Returns:
        The batch with blended images and targets.
    """
    share = float(np.random.default_rng(int(torch.randint(2**31, ()))).beta(alpha, alpha))
    share = max(share, 1 - share)
    other = torch.randperm(len(batch.labels), device=batch.labels.device)
    targets = F.one_hot(batch.labels, num_classes).float() if batch.targets is None else batch.targets
    images = torch.lerp(batch.images[other], batch.images, share)
    return batch._replace(images=images, targets=torch.lerp(targets[other], targets, share))
