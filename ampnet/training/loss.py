"""The training loss."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ampnet.dataset.loading.dataset import Batch
from ampnet.models.ampnet import Logits
from ampnet.settings.recipes import Recipe


@dataclass(frozen=True, eq=False)
class Loss:
    """Weighted mean of both heads' cross-entropies, with optional label smoothing and class weights.

    Args:
        branch_weight: weight of the local head (beta in the paper), in [0, 1]; the global head has the rest.
        label_smoothing: fraction of the target that is spread evenly over the classes.
        class_weights: ``(K,)``, or None for equal weights.
        num_classes: K.
    """

    branch_weight: float
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None
    num_classes: int = 7

    def __call__(self, logits: Logits, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch.

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


def build_loss(recipe: Recipe, counts: NDArray[np.int64], device: torch.device) -> Loss:
    """Build the recipe's loss for a training split.

    Args:
        recipe: with ``balance: weights``, classes are weighted inversely to their counts, with ``root_weights``
            inversely to the square roots; the mean weight over the split is 1. Classes without faces have weight 0.
        counts: ``(K,)`` training faces of each class.
    """
    powers = {"weights": 1.0, "root_weights": 0.5}
    weights = None
    if recipe.balance in powers:
        inverse = np.where(counts > 0, np.maximum(counts, 1.0) ** -powers[recipe.balance], 0.0)
        weights = torch.tensor(inverse * counts.sum() / (inverse @ counts), dtype=torch.float32, device=device)
    return Loss(recipe.branch_weight, recipe.label_smoothing, weights, len(counts))


def mix_up(batch: Batch, num_classes: int, alpha: float) -> Batch:
    """Mix each face with another of its batch (mixup, Zhang et al. 2018, arXiv:1710.09412).

    Regions can follow only one face, so the landmarks of the dominant face are used.

    Args:
        batch: on its device, with float images.
        num_classes: K.
        alpha: parameter of the symmetric beta distribution.

    Returns:
        The batch with mixed images and targets.
    """
    weight = float(np.random.default_rng(int(torch.randint(2**31, ()))).beta(alpha, alpha))
    weight = max(weight, 1 - weight)
    other = torch.randperm(len(batch.labels), device=batch.labels.device)
    targets = F.one_hot(batch.labels, num_classes).float() if batch.targets is None else batch.targets
    images = torch.lerp(batch.images[other], batch.images, weight)
    return batch._replace(images=images, targets=torch.lerp(targets[other], targets, weight))
