"""Which perception modules vote: the answers of a trained network if some of them are silenced.

The embedding of a silenced local or attentional module is zero in the vector that the local head reads; without any of
the two the global head decides alone, and without global perception the local head. The network is not trained again,
so this shows what it takes from each module, not what a network without that module could learn.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ampnet.dataset.loading.dataset import Batch
from ampnet.inference.classifier import Classifier, mean_logits
from ampnet.models.ampnet import LOCAL, AMPNet, Embeddings, Logits
from ampnet.settings import MODULES, Module

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
    """Classify faces by several votes in one pass of the network.

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
