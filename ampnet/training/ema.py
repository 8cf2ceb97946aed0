"""Exponential moving average of a network's weights: what is evaluated and kept."""

import copy

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Follows a network in training; also its normalisation statistics.

    Args:
        model: network to follow; the average starts as its copy.
        decay: share of the old average kept at each step, in [0, 1); it grows to this over the first steps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the network after a step (counted from 0 over all epochs)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        average: list[Tensor] = []
        current: list[Tensor] = []
        for own, latest in zip(_tensors(self.model), _tensors(model), strict=True):
            if own.is_floating_point():
                average.append(own)
                current.append(latest)
            else:
                own.copy_(latest)  # counters of the normalisations
        torch._foreach_lerp_(average, current, 1 - decay)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
