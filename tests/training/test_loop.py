"""The loop, on a network of two layers: the same steps as written out by hand, however it is cut into parts."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ampnet.dataset.loading.dataset import Batch
from ampnet.dataset.loading.sampling import ResumableBatchSampler
from ampnet.errors import DataError, TrainingError
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import silent
from ampnet.settings import TrainConfig
from ampnet.settings.recipes import Recipe
from ampnet.training.defaults import resolve_defaults
from ampnet.training.loop import evaluate, set_train_mode, train_epoch
from ampnet.training.loss import Loss
from ampnet.training.optimizer import ExponentialMovingAverage, build_optimizer
from ampnet.training.state import Progress, TrainState

ALONE = Process(0, 1, torch.device("cpu"))
COUNT, CLASSES = 20, 3


class TwoLayers(nn.Module):
    """Colour means and landmark means in, two heads out."""

    def __init__(self):
        super().__init__()
        self.stem = nn.BatchNorm1d(5)
        self.heads = nn.ModuleList(nn.Linear(5, CLASSES) for _ in range(2))

    def forward(self, images, landmarks):
        x = self.stem(torch.cat([images.mean((2, 3)), landmarks.mean(1) / 48], dim=1))
        return self.heads[0](x), self.heads[1](x)


def faces():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (COUNT, 3, 4, 4), dtype=np.uint8))
    landmarks = torch.from_numpy(rng.random((COUNT, 5, 2), dtype=np.float32) * 48)
    return images, landmarks, torch.from_numpy(rng.integers(0, CLASSES, COUNT))


def batches_of(order):
    everything = faces()
    for keys in order:
        chosen = [key.position for key in keys]
        yield Batch(*(values[chosen] for values in everything))


def train_state(recipe, model):
    return TrainState(
        model=model,
        network=model,
        optimizer=build_optimizer(model, recipe),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=ExponentialMovingAverage(model, recipe.ema) if recipe.ema else None,
    )


def fresh_model(norm=True):
    torch.manual_seed(0)
    model: Any = TwoLayers()
    if not norm:
        model.stem = nn.Identity()
    return model


def settings(recipe, **changes):
    return resolve_defaults(TrainConfig(recipe=recipe, gpus=0, processes=1, **changes))


def train(recipe, model, parts=1, stop_or_save=lambda: (False, False), **changes):
    order = ResumableBatchSampler(np.zeros(COUNT, dtype=np.int64), recipe.batch_size, seed=1, parts=parts)
    state, progress = train_state(recipe, model), Progress()
    loss_fn, config = (
        Loss(recipe.branch_weight, recipe.label_smoothing, num_classes=CLASSES),
        settings(recipe, **changes),
    )
    reports = list(train_epoch(state, batches_of(order), order, loss_fn, config, ALONE, stop_or_save))
    for report in reports:
        progress.add(report)
    return state, progress, reports


def test_an_epoch_is_plain_stochastic_gradient_descent():
    recipe = Recipe(batch_size=8, lr=0.5)
    model, expected = fresh_model(), fresh_model()
    _, progress, reports = train(recipe, model)

    optimizer = torch.optim.SGD(expected.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-4)
    order = ResumableBatchSampler(np.zeros(COUNT, dtype=np.int64), 8, seed=1)
    losses, hits = [], 0
    expected.train()
    for images, landmarks, labels, *_ in batches_of(order):
        local, global_ = expected(images.float() / 255, landmarks)
        loss = 0.5 * F.cross_entropy(local, labels) + 0.5 * F.cross_entropy(global_, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(labels))
        hits += ((local + global_).argmax(1) == labels).sum().item()
    for trained, by_hand in zip(model.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(trained, by_hand, atol=1e-6)
    assert progress.loss == pytest.approx(sum(losses), rel=1e-5)
    assert (progress.hits, progress.images, progress.step) == (hits, COUNT, 3)
    assert [(report.step, report.images) for report in reports] == [(1, 8), (2, 8), (3, 4)]


def test_a_step_in_parts_is_the_same_step():
    whole, parts = fresh_model(norm=False), fresh_model(norm=False)
    _, one, _ = train(Recipe(batch_size=8, lr=0.5), whole)
    _, other, _ = train(Recipe(batch_size=8, lr=0.5), parts, parts=2)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert one.loss == pytest.approx(other.loss, rel=1e-6)


def test_clipping_bounds_the_change_of_a_step():
    model = fresh_model()
    before = copy.deepcopy(model)
    train(Recipe(batch_size=COUNT, lr=1.0, clip=0.01, weight_decay=0.0), model)
    change = sum(((a - b) ** 2).sum() for a, b in zip(model.parameters(), before.parameters(), strict=True)).sqrt()
    assert change.item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("recipe", [Recipe(batch_size=8, mixup=0.5), Recipe(batch_size=8, consistency=0.5)])
def test_what_a_recipe_does_to_the_batches_is_done(recipe):
    plain, changed = fresh_model(), fresh_model()
    train(Recipe(batch_size=8), plain)
    train(recipe, changed)
    assert not any(torch.equal(a, b) for a, b in zip(plain.parameters(), changed.parameters(), strict=True))


def test_disagreement_adds_to_the_loss_and_hits_are_those_of_the_unchanged_faces():
    plain, half, whole = (
        train(Recipe(batch_size=8, lr=1e-9, consistency=weight), fresh_model(norm=False))[1]
        for weight in (0.0, 0.5, 1.0)
    )
    assert 0 < (whole.loss - half.loss) / COUNT < 0.1  # slight changes
    assert plain.hits == half.hits


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step():
    model = fresh_model()
    order = ResumableBatchSampler(np.zeros(COUNT, dtype=np.int64), 8, seed=1)
    order.start_at(4, 0)
    recipe = Recipe(batch_size=8)

    def poisoned():
        for number, batch in enumerate(batches_of(order)):
            yield batch if number < 1 else batch._replace(landmarks=batch.landmarks * float("inf"))

    with pytest.raises(TrainingError, match="the loss is nan at step 2 of epoch 5; try a lower --lr"):
        list(train_epoch(train_state(recipe, model), poisoned(), order, Loss(0.5), settings(recipe), ALONE))


def test_the_average_is_what_is_evaluated_and_kept():
    state, _, _ = train(Recipe(batch_size=8, lr=0.5, ema=0.9), fresh_model())
    assert state.evaluated_model is state.ema.model
    weights, averages, first = (
        next(model.heads.parameters()) for model in (state.model, state.evaluated_model, fresh_model())
    )
    assert not torch.equal(weights, averages)
    assert not torch.equal(first, averages)


def test_a_request_to_stop_or_save_is_reported_after_each_step():
    requests = [(False, False), (False, True), (True, False)]
    asked = iter(requests)
    _, _, reports = train(Recipe(batch_size=8), fresh_model(), stop_or_save=lambda: next(asked))
    assert [(report.stop, report.save) for report in reports] == requests


def test_half_precision_trains_close_to_full_precision():
    full, half = fresh_model(), fresh_model()
    train(Recipe(batch_size=8, lr=0.1), full)
    train(Recipe(batch_size=8, lr=0.1), half, precision="bf16")
    assert not torch.equal(full.heads[0].weight, half.heads[0].weight)
    for a, b in zip(full.parameters(), half.parameters(), strict=True):
        assert b.dtype == torch.float32
        assert torch.allclose(a, b, atol=0.02)


def test_evaluation_counts_every_face_and_weighs_the_heads():
    class Known(nn.Module):
        def forward(self, images, landmarks):
            shown = F.one_hot(images[:, 0, 0, 0].mul(255).round().long(), CLASSES).float()
            return 4 * shown, torch.zeros_like(shown)

    images = torch.tensor([0, 1, 2, 0], dtype=torch.uint8)[:, None, None, None].expand(4, 3, 4, 4)
    labels, landmarks = torch.tensor([0, 1, 1, 2]), torch.zeros(4, 5, 2)
    batches = [Batch(images[part], landmarks[part], labels[part]) for part in (slice(3), slice(0), slice(3, 4))]
    loss_fn = Loss(0.75, label_smoothing=0.5, num_classes=CLASSES)
    with silent("", 4) as advance:
        measured = evaluate(Known(), batches, loss_fn, "fp32", ALONE, advance)
    assert measured.confusion.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]
    right = np.log(np.exp(4) + 2) - 4  # cross-entropy of the sure head where it is right; wrong: 4 more
    assert measured.loss == pytest.approx(0.75 * (right + 2) + 0.25 * np.log(3), rel=1e-5)  # no smoothing here
    # the fused gap is 3 and half of the faces are right: p = 1 / 2 = e^(3/T) / (e^(3/T) + 2), so e^(3/T) = 2
    assert measured.temperature == pytest.approx(3 / np.log(2), rel=1e-5)


def test_an_evaluation_that_is_not_finite_stops_the_run():
    class Broken(nn.Module):
        def forward(self, images, _landmarks):
            return (torch.full((len(images), CLASSES), torch.nan),) * 2

    batch = Batch(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, 5, 2), torch.tensor([0, 1]))
    with silent("", 2) as advance, pytest.raises(TrainingError, match="is nan; try a lower --lr"):
        evaluate(Broken(), [batch], Loss(0.5, num_classes=CLASSES), "fp32", ALONE, advance)


@pytest.mark.parametrize("freeze", ["stem", "norms"])
def test_frozen_statistics_stay_as_they_are(freeze):
    model = fresh_model()
    set_train_mode(model, freeze)
    assert model.training
    assert not model.stem.training
    train(Recipe(batch_size=8), model, freeze=freeze)
    assert model.stem.running_mean.eq(0).all()


def test_a_selection_split_of_unreadable_images_is_refused():
    """Without any face, there is no accuracy that could choose an epoch."""
    nothing = Batch(*(values[:0] for values in faces()))
    with pytest.raises(DataError, match="can be read"):
        evaluate(TwoLayers(), [nothing], Loss(0.5, num_classes=CLASSES), "fp32", ALONE, lambda *_: None)
