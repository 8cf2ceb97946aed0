"""Fusion of the heads for every weight."""

import numpy as np
import pytest
import torch

from ampnet.evaluation.fusion import BETAS, fuse, score_heads
from ampnet.models.ampnet import fuse_logits

LOCAL = np.array([[2, 0], [2, 0], [0, 2], [np.nan, np.nan]], dtype=np.float32)
GLOBAL = np.array([[0, 1], [1, 0], [1, 0], [np.nan, np.nan]], dtype=np.float32)
LABELS = np.array([0, 0, 0, 1])


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 0.75, 1.0])
def test_fusion_equals_the_networks_to_the_last_bit(beta):
    local, global_ = torch.randn(2, 200, 7, generator=torch.Generator().manual_seed(0))
    ours = fuse(local.numpy(), global_.numpy(), beta)
    assert np.array_equal(ours, fuse_logits(local, global_, beta).numpy())


def test_each_head_alone_and_their_fusion_over_all_images():
    found = score_heads(LOCAL, GLOBAL, LABELS, beta=0.5)
    assert found.local.value == 2 / 4  # wrong about the third face; the last image has no answer
    assert found.global_.value == 2 / 4
    assert found.fused.value == 2 / 4  # 1 - 0.5 for the first face, 0.5 - 1 for the third
    assert [point.beta for point in found.curve] == list(BETAS)
    assert (found.curve[0].accuracy, found.curve[-1].accuracy) == (found.global_, found.local)
    by_beta = {point.beta: point for point in found.curve}
    assert by_beta[0.3].accuracy.value == 2 / 4  # 0.6 - 0.7 for the first, 0.7 - 0.6 for the third
    assert by_beta[0.3].mean_class_accuracy == pytest.approx((2 / 3 + 0) / 2)


def test_a_class_that_is_ruled_out_is_never_answered():
    found = score_heads(LOCAL, GLOBAL, LABELS, beta=0.5, offsets=np.array([-np.inf, 0]))
    assert found.local.value == found.global_.value == 0
