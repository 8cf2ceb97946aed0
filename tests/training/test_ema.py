"""The moving average of the weights."""

from typing import Any

import pytest
from torch import nn

from ampnet.training.ema import ExponentialMovingAverage


def test_the_average_follows_the_weights_by_its_decay():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    model[0].weight.data.fill_(1.0)
    average = ExponentialMovingAverage(model, decay=0.5)
    model[0].weight.data.fill_(2.0)
    normed: Any = model[1]
    normed.num_batches_tracked += 7
    average.update(model, step=0)  # its decay begins at 1 / 10
    assert average.model[0].weight.item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    average.update(model, step=90)
    assert average.model[0].weight.item() == pytest.approx(0.5 * 1.9 + 0.5 * 2)
    assert average.model[1].num_batches_tracked == 7
