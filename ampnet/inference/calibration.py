"""Probabilities that mean what they say: one temperature for all logits (Guo et al. 2017, arXiv:1706.04599)."""

import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 100


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Find the temperature that makes the labels of held-out faces most probable; predictions do not change.

    Args:
        logits: ``(N, K)`` fused logits of faces that the network was not trained on.
        labels: ``(N,)`` int64.

    Returns:
        What the logits are to be divided by before the softmax: above 1 for an overconfident network.
    """
    log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=STEPS, line_search_fn="strong_wolfe")
    doubled = logits.double()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(doubled / log_temperature.exp(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return log_temperature.detach().exp().item()
