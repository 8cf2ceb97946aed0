"""What regions and modules contribute: an exact decomposition of the local logits, and votes of some modules.

After pooling, every branch of local and attentional perception is linear up to the logits: two linear layers without
an activation in between (``fuse`` and the local head). The local logits are therefore exactly a sum of one term for
each region and the layers' biases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.dataset.loading.dataset import Batch
from ampnet.errors import ConfigError
from ampnet.faces.geometry import Points
from ampnet.inference.classifier import Classifier, mean_logits, mirror_faces
from ampnet.models.ampnet import LOCAL, AMPNet, Embeddings, Logits
from ampnet.models.attention import RegionPerception
from ampnet.models.regions import QUADRANTS, SALIENT, STRIDE, quadrant_boxes, salient_boxes
from ampnet.settings import IMAGE_SIZE, MODULES, Module

CONSTANT, GLOBAL, PRIOR = "constant", "whole face", "prior"
"""Names of the summands beside the regions: the local biases, the global branch, the expected class frequencies."""

_MIRRORED = {QUADRANTS: (1, 0, 3, 2), SALIENT: (1, 0, 2, 4, 3)}


@dataclass(frozen=True, eq=False)
class Contributions:
    """The logits of N faces as sums.

    ``regions.sum(axis=1) + bias`` equals ``local`` within 1e-4. Softmax ignores what is added to all classes alike,
    so compare classes.
    """

    names: tuple[str, ...]
    """Names of the R regions: four quarters and five salient regions, fewer for a network without LP or AP."""
    regions: NDArray[np.float32]
    """``(N, R, K)`` added to the local logits by each region."""
    bias: NDArray[np.float32]
    """``(K,)`` added to the local logits of every face."""
    local: NDArray[np.float32]
    """``(N, K)`` logits of the local head."""
    global_: NDArray[np.float32]
    """``(N, K)`` logits of the global head."""
    boxes: NDArray[np.float32]
    """``(N, R, 4)`` x0, y0, x1, y1 of the regions in pixels of the 224 x 224 frame; a quarter may be empty."""
    branch_weight: float = 0.5
    """Weight of the local logits in the answer, in [0, 1]; the global ones have the rest."""
    temperature: float = 1.0
    """Divides the fused logits before the softmax."""
    prior: NDArray[np.float32] | None = None
    """``(K,)`` added to the fused logits for the expected class frequencies; None adds nothing."""

    def summands(self, face: int) -> dict[str, NDArray[np.float32]]:
        """Decompose the final logits of a face: the softmax of the summands' sum is the answer, within 1e-4.

        Returns:
            ``(K,)`` for each region by its name, then :data:`CONSTANT`, :data:`GLOBAL`, and :data:`PRIOR` if there is
            one.
        """
        local, global_ = self.branch_weight / self.temperature, (1 - self.branch_weight) / self.temperature
        parts = {name: local * added for name, added in zip(self.names, self.regions[face], strict=True)}
        parts |= {CONSTANT: local * self.bias, GLOBAL: global_ * self.global_[face]}
        if self.prior is not None:
            parts[PRIOR] = self.prior / self.temperature
        return parts


@torch.inference_mode()
def explain(classifier: Classifier, batch: Batch) -> Contributions:
    """Decompose the logits of a batch of faces.

    Args:
        classifier: whose answers are explained, with an AMP-Net.
        batch: the faces, on the classifier's device.

    Raises:
        ConfigError: the network has neither LP nor AP, so there is nothing to take apart.
    """
    model, landmarks = cast(AMPNet, classifier.network), batch.landmarks
    parts = _parts(model)
    if model.local_head is None:
        raise ConfigError("cannot explain: this network has no local branches (lp, ap), only the whole face")
    regions, local, global_ = decompose(model, batch.images, landmarks)
    if classifier.mirror:
        order, start = [], 0
        for names, _ in parts:
            order += [start + index for index in _MIRRORED[names]]
            start += len(names)
        mirrored = decompose(model, *mirror_faces(batch.images, landmarks))
        regions = (regions + mirrored[0][:, order]) / 2
        local, global_ = (local + mirrored[1]) / 2, (global_ + mirrored[2]) / 2
    weights, start = model.local_head.weight, 0
    bias = model.local_head.bias.clone()
    for _, part in parts:
        bias += weights[:, start : start + part.embed_dim] @ part.fuse.bias
        start += part.embed_dim
    return Contributions(
        names=tuple(name for names, _ in parts for name in names),
        regions=_plain(regions),
        bias=_plain(bias),
        local=_plain(local),
        global_=_plain(global_),
        boxes=_plain(region_boxes(model, landmarks) * (IMAGE_SIZE / model.architecture.image_size)),
        branch_weight=1.0 if model.global_head is None else classifier.branch_weight,
        temperature=classifier.temperature,
        prior=None if classifier.offsets is None else _plain(classifier.offsets),
    )


def region_corners(boxes: NDArray[np.floating]) -> Points:
    """Return the ``(R, 4, 2)`` corners, clockwise from the top left, of ``(R, 4)`` boxes."""
    x0, y0, x1, y1 = np.asarray(boxes, dtype=np.float64).T
    return np.stack([np.stack(corner, axis=1) for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)


def _parts(model: AMPNet) -> list[tuple[tuple[str, ...], RegionPerception]]:
    named = ((QUADRANTS, model.local_perception), (SALIENT, model.attentional_perception))
    return [(names, part) for names, part in named if part is not None]


def decompose(model: AMPNet, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(B, R, K)`` what each region adds to the local logits, and both heads' ``(B, K)`` logits.

    Args:
        model: with a local head.
        images: ``(B, 3, S, S)`` in [0, 1].
        landmarks: ``(B, 5, 2)`` in their pixels.
    """
    features = model.features(images)
    assert model.local_head is not None
    terms, embeddings, start = [], [], 0
    for names, part in _parts(model):
        pooled = part.branches(part.cut(features, landmarks))  # (B, N * C)
        head = model.local_head.weight[:, start : start + part.embed_dim]  # (K, D)
        by_region = torch.unflatten(head @ part.fuse.weight, 1, (len(names), -1))  # (K, N, C)
        terms.append(torch.einsum("bnc,knc->bnk", torch.unflatten(pooled, 1, (len(names), -1)), by_region))
        embeddings.append(part.fuse(pooled))
        start += part.embed_dim
    local = model.local_head(torch.cat(embeddings, dim=1))
    if model.global_perception is None or model.global_head is None:
        return torch.cat(terms, dim=1), local, local
    return torch.cat(terms, dim=1), local, model.global_head(model.global_perception(features))


def region_boxes(model: AMPNet, landmarks: Tensor) -> Tensor:
    """Return the ``(B, R, 4)`` boxes of a network's regions, in pixels of its images, as the landmarks are.

    Args:
        model: with a local head.
        landmarks: ``(B, 5, 2)``.
    """
    grid = model.architecture.image_size // STRIDE
    cut = {QUADRANTS: quadrant_boxes, SALIENT: salient_boxes}
    cells = [cut[names](landmarks, grid, model.architecture.placement) for names, _ in _parts(model)]
    return torch.cat(cells, dim=1).float() * STRIDE


def _plain(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values.float().cpu().numpy(), dtype=np.float32)


Vote = tuple[Module, ...]
"""The modules that have a say, in the order of :data:`ampnet.settings.MODULES`."""


def votes_of(modules: Sequence[Module]) -> tuple[Vote, ...]:
    """List the votes that a network with these modules can take: all of them first, then both heads, then the rest."""
    sets = [vote for vote in VOTES if set(vote) <= set(modules)]
    return tuple(sorted(sets, key=lambda vote: vote != tuple(name for name in MODULES if name in modules)))


VOTES: tuple[Vote, ...] = (
    ("gp", "lp", "ap"),
    ("gp",),
    ("lp", "ap"),
    ("gp", "lp"),
    ("gp", "ap"),
    ("lp",),
    ("ap",),
)
"""All of them, either head alone, one local module silenced, one local module alone."""


@torch.inference_mode()
def answer_by_votes(classifier: Classifier, batch: Batch, votes: Sequence[Vote]) -> NDArray[np.int64]:
    """Classify faces by several votes in one pass of the network: as if some of its modules were silenced.

    The embedding of a silenced local or attentional module is zero in the vector that the local head reads; without any
    of the two the global head decides alone, and without global perception the local head. The network is not trained
    again, so this shows what it takes from each module, not what a network without that module could learn.

    Args:
        classifier: its network is an :class:`ampnet.models.ampnet.AMPNet`, optimised or not.
        batch: the faces, on any device.
        votes: of modules that the network has.

    Returns:
        ``(V, B)`` predicted classes; prior and temperature are the classifier's in each vote.
    """
    batch = batch.to(classifier.device)
    network = cast(AMPNet, classifier.network)
    embedded = [network.embed(*view) for view in classifier.views(batch)]
    logits = (mean_logits([_vote(network, embeddings, vote) for embeddings in embedded]) for vote in votes)
    answers = [classifier.decide(*heads).argmax(dim=1) for heads in logits]
    return np.asarray(torch.stack(answers).cpu().numpy(), dtype=np.int64)


def _vote(network: AMPNet, embeddings: Embeddings, vote: Vote) -> Logits:
    heard: dict[Module, Tensor] = {
        name: value if name in vote else torch.zeros_like(value) for name, value in embeddings.items()
    }
    local, global_ = network.heads(heard)
    if "gp" not in vote:
        return local, local
    return (local, global_) if set(vote) & set(LOCAL) else (global_, global_)
