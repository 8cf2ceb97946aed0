"""Networks compute where their input is, and a part of it left elsewhere is an error."""

import pytest
import torch

from ampnet.models.ampnet import AMPNet
from ampnet.models.plain import build_model
from ampnet.settings.shared import VARIANTS, ArchitectureConfig
from tests.fake_gpu import fake_gpu

NETWORKS = {
    "the paper's": VARIANTS["ampnet"],
    "small, standardised, between cells": VARIANTS["ampnet-small"],
}


def inputs(model, images_on, landmarks_on):
    side = model.architecture.image_size
    return torch.rand(2, 3, side, side, device=images_on), torch.rand(2, 5, 2, device=landmarks_on)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_on_the_gpu_and_refuses_landmarks_left_on_the_cpu(name):
    network = AMPNet(**NETWORKS[name] | {"width": 0.05})  # built outside, where that is faster
    with fake_gpu() as gpu:
        model = network.to(gpu).train()
        for logits in model(*inputs(model, gpu, gpu)):
            assert logits.device == gpu
        with pytest.raises(RuntimeError, match="device"):
            model(*inputs(model, gpu, "cpu"))
        with pytest.raises(RuntimeError, match="device"):
            model(*inputs(model, "cpu", gpu))


@pytest.mark.parametrize("variant", ["resnet18", "mobilenet_v3_small"])
def test_a_plain_network_answers_on_the_gpu_and_refuses_images_left_on_the_cpu(variant):
    network = build_model(ArchitectureConfig(**VARIANTS[variant]))
    with fake_gpu() as gpu:
        model = network.to(gpu).eval()
        for logits in model(*inputs(model, gpu, gpu)):
            assert logits.device == gpu
        with pytest.raises(RuntimeError, match="device"):
            model(*inputs(model, "cpu", gpu))
