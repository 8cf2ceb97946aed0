"""The reference program's logits, losses and gradients, from weights that are a function of their names."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from ampnet.checkpoints.reference.wrapped_weights import reference_name
from ampnet.dataset.loading.dataset import Batch
from ampnet.dataset.loading.sampling import ResumableBatchSampler
from ampnet.runtime.launch import Process
from ampnet.settings import TrainConfig
from ampnet.settings.recipes import Recipe
from ampnet.training.defaults import resolve_defaults
from ampnet.training.loop import train_epoch
from ampnet.training.loss import Loss
from ampnet.training.optimizer import build_optimizer
from ampnet.training.state import TrainState
from tests.reference_weights import DATA, reference_batch, reference_model


@pytest.fixture(params=[1], ids="{} thread".format)
def threads(request) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


on_two_threads_too = pytest.mark.parametrize(
    "threads", [1, pytest.param(2, marks=pytest.mark.soak)], ids="{} threads".format, indirect=True
)


@pytest.fixture(scope="module")
def model():
    return reference_model().eval()


@on_two_threads_too
@pytest.mark.usefixtures("threads")
def test_logits_and_gradients_equal_the_reference_programs(model):
    reference = np.load(DATA / "forward.npz")
    images, landmarks, labels = reference_batch()
    model.zero_grad()
    local_logits, global_logits = model(images, landmarks)
    loss = Loss(branch_weight=0.5)((local_logits, global_logits), labels)
    loss.backward()
    np.testing.assert_allclose(local_logits.detach(), reference["logits_local"], atol=1e-3, rtol=0)
    np.testing.assert_allclose(global_logits.detach(), reference["logits_global"], atol=1e-3, rtol=0)
    assert loss.item() == pytest.approx(float(reference["loss"]), abs=1e-4)
    norms = {reference_name(name): float(value.grad.norm()) for name, value in model.named_parameters()}
    expected = dict(zip(reference["grad_names"].tolist(), reference["grad_norms"].tolist(), strict=True))
    assert norms.keys() == expected.keys()
    assert norms == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("threads", "count"), [(1, 6), (2, 1)], indirect=["threads"])
@pytest.mark.usefixtures("threads")
def test_images_one_by_one_give_the_reference_logits(model, count):
    reference = np.load(DATA / "forward.npz")
    images, landmarks, _ = reference_batch()
    with torch.inference_mode():
        singles = [model(images[i : i + 1], landmarks[i : i + 1]) for i in range(count)]
    for head, name in enumerate(("logits_local", "logits_global")):
        logits = torch.cat([single[head] for single in singles])
        np.testing.assert_allclose(logits, reference[name][:count], atol=1e-3, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "steps"),
    [(1, 2), pytest.param(1, 5, marks=pytest.mark.soak), pytest.param(2, 5, marks=pytest.mark.soak)],
    indirect=["threads"],
)
@pytest.mark.usefixtures("threads")
def test_optimizer_steps_follow_the_reference_losses(steps):
    """Two steps show momentum, the other three the schedule; each takes seconds."""
    reference = np.load(DATA / "trajectory.npz")
    images, landmarks, labels = reference_batch()
    recipe = Recipe(batch_size=len(labels), lr=0.001, step_epochs=2)
    config = resolve_defaults(TrainConfig(variant="ampnet", recipe=recipe, gpus=0, processes=1))
    model = reference_model(dropout=0.0)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    state = TrainState(model, model, build_optimizer(model, recipe), scaler, ema=None)
    order, alone = ResumableBatchSampler(labels.numpy(), recipe.batch_size, seed=1), Process(0, 1, torch.device("cpu"))
    losses = []
    for epoch in range(steps):  # of one step
        order.start_at(epoch, 0)
        batches = [Batch(255 * images, landmarks, labels)]
        losses += [
            report.loss / report.images
            for report in train_epoch(state, batches, order, Loss(recipe.branch_weight), config, alone)
        ]
    assert losses == pytest.approx(reference["losses"][:steps].tolist(), abs=1e-3)
    if steps < len(reference["losses"]):
        return
    model.eval()
    with torch.inference_mode():
        local_logits, global_logits = model(images, landmarks)
    np.testing.assert_allclose(local_logits, reference["final_local"], atol=1e-3, rtol=0)
    np.testing.assert_allclose(global_logits, reference["final_global"], atol=1e-3, rtol=0)
