"""New heads from a few faces: they are what was fitted, and what they are said to be worth is honest."""

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.training.adaptation import (
    PENALTIES,
    EmbeddedFaces,
    adapted_checkpoint,
    choose_temperature,
    embed_faces,
    fit_heads,
    left_out_scores,
)

FRAMING = Framing()
GENERATOR = np.random.default_rng(3)


def some_faces(separation: float, count: int = 60, people: int = 0) -> EmbeddedFaces:
    """Faces of three classes in 200 dimensions, whose means are so far apart."""
    generator = np.random.default_rng(int(separation * 10) + count)
    labels = np.arange(count) % 3
    features = generator.normal(size=(count, 200))
    features[:, :3] += separation * np.eye(3)[labels]
    groups = np.arange(count) % people if people else np.arange(count)
    return EmbeddedFaces(features, np.zeros((count, 3)), labels, groups)


def accuracy(faces: EmbeddedFaces) -> float:
    return float((left_out_scores(faces, 3).argmax(axis=1) == faces.labels).mean())


def test_classes_that_lie_apart_are_told_apart_on_faces_that_were_left_out() -> None:
    assert accuracy(some_faces(20)) == 1


def test_labels_without_any_meaning_are_not_learned() -> None:
    assert accuracy(some_faces(0, count=90)) < 0.5  # a third by chance; 0.5 is 3.3 standard deviations above


def test_what_a_person_looks_like_does_not_count_when_people_are_left_out() -> None:
    faces = some_faces(0, count=60, people=6)
    faces.features[:, 10:16] += 30 * np.eye(6)[faces.groups]  # each person is easy to tell
    labels = faces.groups % 3  # and has one label
    known = EmbeddedFaces(faces.features, faces.old_logits, labels, faces.groups)
    by_photo = EmbeddedFaces(faces.features, faces.old_logits, labels, np.arange(60))
    assert accuracy(by_photo) > 0.9
    assert accuracy(known) < 0.6


def test_old_heads_that_know_the_classes_are_kept() -> None:
    faces = some_faces(0)
    told = EmbeddedFaces(faces.features, 5 * np.eye(3)[faces.labels], faces.labels, faces.groups)
    assert accuracy(told) == 1


@pytest.mark.parametrize("modules", [("gp", "lp", "ap"), ("gp",), ("lp",)])
def test_the_new_network_computes_the_fitted_scores(modules: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    old = AMPNet(4, width=0.125, image_size=56, modules=modules).eval()  # type: ignore[arg-type]
    checkpoint = Checkpoint(old, ("fear", "joy", "anger", "calm"), FRAMING, branch_weight=0.3)
    images, points = torch.rand(12, 3, 56, 56), torch.tensor([[[19, 23], [37, 23], [28, 33], [20, 43], [36, 43]]] * 12)
    features, logits = embed_faces(old, 0.3, images, points.float())
    counterparts = [2, -1]
    padded = np.pad(logits, ((0, 0), (0, 1)))
    faces = EmbeddedFaces(features, padded[:, counterparts], np.arange(12) % 2, np.arange(12))
    fit = fit_heads(faces, np.arange(12), 2)
    made = adapted_checkpoint(checkpoint, fit, 7.0, ("anger", "zeal"), counterparts)
    with torch.inference_mode():
        local, global_ = made.model(images, points.float())
        fused = 0.3 * local + 0.7 * global_
    assert np.allclose(fused.numpy(), 7 * fit.scores(faces), atol=1e-3)
    assert torch.equal(
        made.model.stem.state_dict()[next(iter(old.stem.state_dict()))], next(iter(old.stem.parameters()))
    )


def test_sure_scores_get_a_high_factor_and_random_ones_none() -> None:
    labels = np.arange(30) % 3
    assert choose_temperature(np.eye(3)[labels], labels) > 30
    assert choose_temperature(np.eye(3)[GENERATOR.permutation(labels)], labels) < 2


def test_many_faces_take_no_matrix_of_faces_by_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    for name in ("eigh", "svd"):
        own = getattr(np.linalg, name)
        monkeypatch.setattr(np.linalg, name, lambda a, own=own, **how: taken.append(min(a.shape)) or own(a, **how))
    faces = some_faces(1, count=900)
    fit = fit_heads(faces, np.arange(900), 3)
    assert taken == [200]  # features
    z = faces.features - faces.features.mean(axis=0)
    penalties = [penalty * (z**2).sum() / 900 for penalty in PENALTIES]
    ridge = [np.linalg.solve(z.T @ z + penalty * np.eye(200), z.T @ np.eye(3)[faces.labels]) for penalty in penalties]
    assert any(np.allclose(fit.weights, weights, atol=1e-9) for weights in ridge)
