"""The training loss, and the same faces slightly changed, which the network is to answer alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ampnet.dataset.loading.dataset import Batch
from ampnet.models.ampnet import Logits, fuse_logits
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
    weights = None
    if recipe.balance in ("weights", "root_weights"):
        inverse = balance_weights(recipe, counts)
        weights = torch.tensor(inverse * counts.sum() / (inverse @ counts), dtype=torch.float32, device=device)
    return Loss(recipe.branch_weight, recipe.label_smoothing, weights, len(counts))


def balance_weights(recipe: Recipe, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how much more a face of each class counts in training, or the more often it is drawn.

    Args:
        counts: ``(K,)`` training faces of each class.

    Returns:
        ``(K,)`` relative weights; 0 for a class without faces, unless all faces count alike.
    """
    if recipe.balance == "none":
        return np.ones(len(counts))
    power = 0.5 if recipe.balance == "root_weights" else 1.0
    return np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)


def learned_shares(
    recipe: Recipe,
    counts: NDArray[np.int64],
    targets: NDArray[np.float32] | None,
    labels: Sequence[int] | NDArray[np.int64],
) -> tuple[float, ...]:
    """Return the class frequencies that the network learns: of the targets, as ``balance`` and smoothing change them.

    Args:
        counts: ``(K,)`` training faces of each class.
        targets: ``(N, K)`` probabilities; None if the targets are the labels.
        labels: ``(N,)``, by which faces are drawn; the loss weighs them by their targets.

    Returns:
        ``(K,)``; 0 for a class without targets, of which nothing is learned.
    """
    weights = balance_weights(recipe, counts)
    if targets is None:
        shares = counts * weights
    else:
        of_face = weights[np.asarray(labels)] if recipe.balance == "sampling" else targets @ weights
        shares = of_face @ targets
    smoothed = (1 - recipe.label_smoothing) * shares / shares.sum() + recipe.label_smoothing / len(counts)
    return tuple(np.where(shares > 0, smoothed, 0.0).round(6).tolist())


def mix_up(batch: Batch, num_classes: int, alpha: float) -> Batch:
    """Mix each face with another of its batch (mixup, Zhang et al. 2018, arXiv:1710.09412).

    Regions can follow only one face, so the landmarks of the dominant face are used.

    Args:
        batch: on its device, with float images.
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


TURN, SCALE, SHIFT, POINTS = 0.03, 0.03, 0.012, 0.008
"""Standard deviations: rotation in radians, relative scale, and the shift of the face and of each landmark relative to
the frame's side; twice those of the detector's landmarks when a photo is scaled by 0.97."""

GAIN, CONTRAST, NOISE = 0.07, 0.1, 0.015
"""Standard deviations of relative brightness and contrast, and of the noise of each pixel in [0, 1]."""


def with_slight_changes(batch: Batch) -> Batch:
    """Append a slightly changed copy of each face to a batch, so that the network learns to answer both alike.

    After stability training (Zheng et al. 2016, arXiv:1604.04326). The changes are those that a photo meets on its way
    to the network without anybody seeing them: landmarks found a little elsewhere, so that the crop moves, turns and
    scales; another exposure; the noise of another compression.

    Args:
        batch: B faces on their device, with float images.

    Returns:
        ``2 B`` faces, the copies after the originals and in the same order, with the same labels and targets.
    """
    images, landmarks = _changed(batch.images, batch.landmarks)
    return batch._replace(
        images=torch.cat([batch.images, images]).contiguous(memory_format=torch.channels_last),
        landmarks=torch.cat([batch.landmarks, landmarks]),
        labels=batch.labels.repeat(2),
        targets=None if batch.targets is None else batch.targets.repeat(2, 1),
    )


def disagreement(logits: Logits, branch_weight: float) -> Tensor:
    """Compute how differently the two halves of a batch from :func:`with_slight_changes` are answered.

    Args:
        logits: local and global, ``(2 B, K)`` each.

    Returns:
        The mean over the faces of the symmetric Kullback-Leibler divergence of both answers, at least 0.
    """
    local, global_ = (head.float() for head in logits)
    logs = fuse_logits(local, global_, branch_weight).log_softmax(dim=1)
    one, other = logs.chunk(2)
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=1).mean()


def _changed(images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    count, side = len(images), images.shape[-1]

    def draw(*shape: int) -> Tensor:
        return torch.randn(count, *shape, device=images.device)

    angle, zoom = TURN * draw(), (SCALE * draw()).exp()
    cos, sin, shift = zoom * angle.cos(), zoom * angle.sin(), SHIFT * draw(2)
    turn = torch.stack([torch.stack([cos, sin], dim=1), torch.stack([-sin, cos], dim=1)], dim=1)  # (B, 2, 2)
    # The warp's coordinates run from -1 to 1, and its maps from the new image to the old one.
    maps = torch.cat([turn, 2 * shift[..., None]], dim=2)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    warped = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    moved = (landmarks / side - 0.5 - shift[:, None]) @ torch.linalg.inv(turn).transpose(1, 2) + 0.5
    moved = ((moved + POINTS * draw(5, 2)) * side).clamp(0, side)

    mean = warped.mean((1, 2, 3), keepdim=True)
    gain, contrast = ((strength * draw(1, 1, 1)).exp() for strength in (GAIN, CONTRAST))
    toned = ((warped - mean) * contrast + mean) * gain
    return (toned + NOISE * draw(1, side, side)).clamp(0, 1), moved
