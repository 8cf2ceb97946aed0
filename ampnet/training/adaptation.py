"""New heads for a trained network, from a few photos: ridge regression on its embedding, drawn to the old heads.

The network stays; its fused logits are linear in its embedding. Targets are the classes (1 or 0), as in regularised
least-squares classification (Rifkin et al. 2003). The old logits, scaled to the targets, are the point that the new
weights are drawn to where the classes agree. The strength of the pull is chosen by leave-one-out in closed form, within
the training part alone, so that the measured accuracy does not know it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.models.ampnet import AMPNet, Embeddings
from ampnet.models.plain import build_model

Array = NDArray[np.float64]

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e6)
"""Strengths of the pull, relative to the mean variance of the embedding; the last one leaves the old heads alone."""

TEMPERATURES = tuple(np.geomspace(1, 100, 41))
"""Factors that turn scores into logits; the one with the lowest log loss is kept."""

MAX_LEFT_OUT = 300
"""With more photos, so many groups of them are left out in turn instead of each."""

FOLDS = 20


@dataclass(frozen=True, eq=False)
class EmbeddedFaces:
    """Features of N labelled faces."""

    features: Array
    """``(N, D)`` of both heads, each times its weight in the fused logits."""
    old_logits: Array
    """``(N, K)`` fused logits of the old class that each new one corresponds to; 0 without one."""
    labels: NDArray[np.int64]
    """``(N,)``."""
    groups: NDArray[np.int64]
    """``(N,)`` number of the person, or of the photo."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Scores are ``old * (l - l_mean) + (z - z_mean) @ weights + shares`` of old logits l and features z."""

    old: float
    weights: Array
    bias: Array
    """``(K,)``: all that does not depend on the face."""

    def scores(self, faces: EmbeddedFaces) -> Array:
        """Return ``(N, K)`` scores."""
        return self.old * faces.old_logits + faces.features @ self.weights + self.bias


def embed_faces(model: AMPNet, branch_weight: float, images: Tensor, landmarks: Tensor) -> tuple[Array, Array]:
    """Return ``(B, D)`` weighted features and ``(B, K_old)`` fused logits of some faces."""
    with torch.inference_mode():
        embeddings = model.embed(images, landmarks)
        local, global_ = model.heads(embeddings)
        parts = [weight * part for weight, part in zip(_weights(model, branch_weight), _parts(embeddings), strict=True)]
        fused = branch_weight * local + (1 - branch_weight) * global_
        return torch.cat(parts, dim=1).double().numpy(), fused.double().numpy()


def fit_heads(faces: EmbeddedFaces, chosen: NDArray[np.int64], num_classes: int) -> Fit:
    """Fit scores to the faces at some positions."""
    z, old, y = faces.features[chosen], faces.old_logits[chosen], np.eye(num_classes)[faces.labels[chosen]]
    z_mean, old_mean, shares = z.mean(axis=0), old.mean(axis=0), y.mean(axis=0)
    z, old, y = z - z_mean, old - old_mean, y - shares
    scale = max(float((old * y).sum() / max((old**2).sum(), 1e-12)), 0.0)
    rest = y - scale * old
    vectors, lengths, _ = np.linalg.svd(z, full_matrices=False)  # by the fewer of faces and features
    values = lengths**2
    unit = max(float(values.sum()) / len(chosen), 1e-12)
    turned = vectors.T @ rest
    errors = []
    for penalty in PENALTIES:
        shrunk = values / (values + penalty * unit)
        leverage = (vectors**2 @ shrunk + 1 / len(chosen)).clip(max=0.999)
        errors.append((((rest - vectors @ (shrunk[:, None] * turned)) / (1 - leverage)[:, None]) ** 2).sum())
    penalty = PENALTIES[int(np.argmin(errors))] * unit
    weights = z.T @ (vectors @ (turned / (values + penalty)[:, None]))
    return Fit(scale, weights, shares - scale * old_mean - z_mean @ weights)


def left_out_scores(faces: EmbeddedFaces, num_classes: int) -> Array:
    """Return ``(N, K)`` scores of each face by a fit that has seen neither it nor its person."""
    scores = np.zeros((len(faces.labels), num_classes))
    for held in _left_out(faces.groups):
        fit = fit_heads(faces, np.flatnonzero(~held), num_classes)
        scores[held] = fit.scores(faces)[held]
    return scores


def choose_temperature(scores: Array, labels: NDArray[np.int64]) -> float:
    """Return the factor by which scores become logits."""

    def loss(factor: float) -> float:
        logits = factor * scores
        shifted = logits - logits.max(axis=1, keepdims=True)
        return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).mean())

    return float(min(TEMPERATURES, key=loss))


def adapted_checkpoint(
    checkpoint: Checkpoint, fit: Fit, factor: float, class_names: tuple[str, ...], counterparts: list[int]
) -> Checkpoint:
    """Return the network with new heads, whose fused logits are the fit's scores times a factor.

    Args:
        checkpoint: the old network, which stays as it is.
        factor: from :func:`choose_temperature`.
        counterparts: the old class of each new one; -1 without one.
    """
    old, beta = checkpoint.model, checkpoint.branch_weight
    model = build_model(replace(old.architecture, num_classes=len(class_names)))
    kept = {
        name: value for name, value in old.state_dict().items() if not name.startswith(("local_head", "global_head"))
    }
    model.load_state_dict(kept, strict=False)
    start = 0
    for name in _heads(old):
        before, head = getattr(old, name), getattr(model, name)
        end = start + before.in_features
        weight, bias = fit.weights[start:end].T.copy(), fit.bias.copy()
        for new, former in enumerate(counterparts):
            if former >= 0:
                weight[new] += fit.old * before.weight[former].detach().double().numpy()
                bias[new] += fit.old * float(before.bias[former].detach())
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(factor * weight))
            head.bias.copy_(torch.from_numpy(factor * bias))
        start = end
    return Checkpoint(model.eval(), class_names, checkpoint.framing, branch_weight=beta)


def _heads(model: AMPNet) -> list[str]:
    return [name for name in ("local_head", "global_head") if getattr(model, name) is not None]


def _weights(model: AMPNet, branch_weight: float) -> list[float]:
    """Return the weight of each head in the fused logits; a network with a single head gives its logits twice."""
    return [branch_weight, 1 - branch_weight] if len(_heads(model)) == 2 else [1.0]


def _parts(embeddings: Embeddings) -> list[Tensor]:
    local = [embeddings[name] for name in ("lp", "ap") if name in embeddings]
    return [*([torch.cat(local, dim=1)] if local else []), *([embeddings["gp"]] if "gp" in embeddings else [])]


def _left_out(groups: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    numbers = np.unique(groups)
    if len(numbers) > MAX_LEFT_OUT:
        folds = np.random.default_rng(0).permutation(len(numbers)) % FOLDS
        yield from (np.isin(groups, numbers[folds == fold]) for fold in range(FOLDS))
    else:
        yield from (groups == number for number in numbers)
