"""Optimizer, learning-rate schedule and moving average of the weights, as set by a recipe."""

import copy
import math

import torch
from torch import Tensor, nn

from ampnet.settings.recipes import Recipe

HEADS = ("local_head.", "global_head.")
"""Prefixes of the parameters that are newly initialised when the rest is pre-trained."""


def build_optimizer(model: nn.Module, recipe: Recipe, loss_scaling: bool = False) -> torch.optim.Optimizer:
    """Group the trainable parameters by learning rate and weight decay.

    Each group's key ``peak`` is the learning rate that :func:`learning_rate_factor` scales.

    Args:
        loss_scaling: whether a gradient scaler is used, which skips steps whose gradients overflow.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            peak = recipe.lr if recipe.body_lr is None or name.startswith(HEADS) else recipe.body_lr
            decays = recipe.decay_norms or parameter.ndim > 1  # normalisation weights and biases are vectors
            groups.setdefault((peak, recipe.weight_decay if decays else 0.0), []).append(parameter)
    options = [
        {"params": parameters, "lr": peak, "peak": peak, "weight_decay": decay}
        for (peak, decay), parameters in groups.items()
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(options, lr=recipe.lr, fused=True)
    nesterov = recipe.optimizer == "nesterov"
    # Fused SGD leaves momentum uninitialised if the first step is skipped, as loss scaling often does.
    return torch.optim.SGD(
        options, lr=recipe.lr, momentum=recipe.momentum, nesterov=nesterov, fused=None if loss_scaling else True
    )


def learning_rate_factor(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate relative to its peak at a step, counted over all epochs.

    It depends on the step only, so a resumed run needs no scheduler state.
    """
    warmup = recipe.warmup_epochs * steps_per_epoch
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if recipe.schedule == "step":
        return rise * recipe.step_factor ** (step // steps_per_epoch // recipe.step_epochs)
    return rise * 0.5 * (1 + math.cos(math.pi * step / (recipe.epochs * steps_per_epoch)))


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to its peak times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


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
