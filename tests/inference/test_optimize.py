import copy
from typing import Any

import numpy as np
import pytest
import torch

from ampnet.inference import optimize as inference
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import AMPNet
from tests.reference_weights import DATA, reference_batch, reference_model

pytestmark = pytest.mark.slow


def trained(size: int = 64, **network: Any) -> AMPNet:
    """Give a small network whose normalisation has seen data."""
    torch.manual_seed(3)
    model = AMPNet(num_classes=5, width=0.125, image_size=size, **network)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.uniform_(part.bias, -0.5, 0.5)
    for _ in range(3):
        model(*faces(8, size))
    return model.eval()


def faces(count: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(count, 3, size, size), torch.rand(count, 5, 2) * size


def test_the_fast_form_gives_the_reference_logits():
    reference = np.load(DATA / "forward.npz")
    images, landmarks, _ = reference_batch()
    with torch.inference_mode():
        local_logits, global_logits = optimize_for_inference(reference_model())(images[:2], landmarks[:2])
    np.testing.assert_allclose(local_logits, reference["logits_local"][:2], atol=1e-4, rtol=0)
    np.testing.assert_allclose(global_logits, reference["logits_global"][:2], atol=1e-4, rtol=0)


@pytest.mark.parametrize("modules", [("gp", "lp", "ap"), ("gp",), ("lp",), ("gp", "ap")])
def test_the_fast_form_gives_the_same_logits_for_any_batch_and_modules(modules):
    model = trained(modules=modules)
    fast = optimize_for_inference(model)
    for batch in (1, 2, 8, 17):
        images, landmarks = faces(batch)
        with torch.inference_mode():
            torch.testing.assert_close(fast(images, landmarks), model(images, landmarks), atol=1e-4, rtol=1e-4)


def test_the_fast_form_of_a_network_that_standardises_and_places_between_cells_gives_the_same_logits():
    model = trained(placement="continuous", standardise=True)
    images, landmarks = faces(5)
    with torch.inference_mode():
        fast = optimize_for_inference(model)(images, landmarks)
        torch.testing.assert_close(fast, model(images, landmarks), atol=1e-4, rtol=1e-4)


def test_the_form_without_onednn_gives_the_same_logits(monkeypatch):
    monkeypatch.setattr(inference, "has_onednn_convolutions", lambda: False)
    model = trained(size=88)
    images, landmarks = faces(4, 88)
    with torch.inference_mode():
        fast = optimize_for_inference(model)(images, landmarks)
        torch.testing.assert_close(fast, model(images, landmarks), atol=1e-4, rtol=1e-4)


def test_double_precision_agrees_to_twelve_digits():
    model = trained().double()
    images, landmarks = (part.double() for part in faces(4))
    with torch.inference_mode():
        fast = optimize_for_inference(model)(images, landmarks)
        torch.testing.assert_close(fast, model(images, landmarks), atol=1e-12, rtol=1e-12)


def test_the_network_and_its_inputs_stay_as_they_were():
    model = trained().train()
    before = copy.deepcopy(model.state_dict())
    images, landmarks = faces(3)
    kept = images.clone(), landmarks.clone()
    fast = optimize_for_inference(model)
    with torch.inference_mode():
        first = fast(images, landmarks)
        second = fast(images, landmarks)
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    torch.testing.assert_close((images, landmarks), kept, atol=0, rtol=0)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
