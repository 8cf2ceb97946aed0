"""Exponential moving average (EMA) of a network's weights, which is evaluated and kept."""

import copy

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Averages the weights and normalisation statistics of a network in training.

    Args:
        model: the network; the average starts as its copy.
        decay: decay of the average at each step, in [0, 1); it rises to this value over the first steps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Update the average after a step (counted from 0 over all epochs)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        average: list[Tensor] = []
        current: list[Tensor] = []
        for own, latest in zip(_tensors(self.model), _tensors(model), strict=True):
            if own.is_floating_point():
                average.append(own)
                current.append(latest)
            else:
                own.copy_(latest)  # batch counters of the normalisation layers
        torch._foreach_lerp_(average, current, 1 - decay)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
