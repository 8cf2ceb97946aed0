"""Classes are matched by name, and a network's logits are collected in order."""

import numpy as np
import pytest
import torch
from torch import nn

from ampnet.data.loading.dataset import Batch
from ampnet.errors import DataError
from ampnet.evaluation.matching import framing_notes, match_classes, selection_notes, undetected_by_class
from ampnet.faces.framing import Framing
from ampnet.faces.geometry import mirror_landmarks
from ampnet.inference.classifier import collect_logits, mirror_faces
from ampnet.runtime.progress import silent


class BrightHalves(nn.Module):
    """Local logits: brightness of the left and the right half; global: x of the left eye, and zero."""

    def forward(self, images, landmarks):
        half = images.shape[-1] // 2
        local = torch.stack([images[..., :half].mean((1, 2, 3)), images[..., half:].mean((1, 2, 3))], dim=1)
        return local, torch.stack([landmarks[:, 0, 0], torch.zeros(len(images))], dim=1)


def two_batches():
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    images[0, ..., :4] = 255
    images[1:, ..., 4:] = 255
    landmarks = torch.tensor([[2.0, 3], [6, 3], [4, 5], [2, 7], [5, 7]]).expand(3, 5, 2)
    labels = torch.tensor([0, 1, 0])
    return [Batch(images[:2], landmarks[:2], labels[:2]), Batch(images[2:], landmarks[2:], labels[2:])]


def collected(mirror):
    with silent("", 3) as advance:
        return collect_logits(BrightHalves(), two_batches(), torch.device("cpu"), mirror, advance)


def test_logits_come_in_the_order_of_the_images():
    logits = collected(mirror=False)
    assert logits.labels.tolist() == [0, 1, 0]
    assert logits.local.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert logits.global_[:, 0].tolist() == [2, 2, 2]
    assert logits.mirrored is None


def test_mirrored_faces_have_their_halves_and_their_landmarks_swapped():
    local, global_ = collected(mirror=True).mirrored
    assert local.tolist() == [[0, 1], [1, 0], [1, 0]]
    assert global_[:, 0].tolist() == [2, 2, 2]  # the right eye at 6 of 8 is now the left one, at 2


def test_mirroring_agrees_with_the_geometry_and_twice_gives_the_face_back():
    images, landmarks, *_ = two_batches()[0]
    flipped, moved = mirror_faces(images, landmarks)
    assert np.allclose(moved.numpy(), mirror_landmarks(landmarks.numpy(), 8))
    again, back = mirror_faces(flipped, moved)
    assert torch.equal(again, images)
    assert torch.equal(back, landmarks)


def test_classes_are_matched_by_name_whatever_their_order():
    assert match_classes(["fear", "anger", "joy"], ["anger", "joy", "fear"]).tolist() == [2, 0, 1]


def test_classes_without_names_count_like_the_checkpoint():
    assert match_classes(["class_0", "class_1"], ["anger", "fear"]).tolist() == [0, 1]


def test_different_classes_are_refused_with_both_differences():
    with pytest.raises(DataError, match=r"only in the data: contempt; only in the checkpoint: joy"):
        match_classes(["anger", "contempt"], ["anger", "joy"])
    with pytest.raises(DataError, match="different classes"):
        match_classes(["class_0", "class_1", "class_2"], ["anger", "fear"])


def test_lost_images_are_counted_in_the_order_of_the_checkpoint():
    data = ["fear", "anger"]
    assert undetected_by_class({"fear": 3}, data, match_classes(data, ["anger", "fear"]), 2) == [0, 3]
    with pytest.raises(DataError, match="prepare again"):
        undetected_by_class({"joy": 1}, data, np.array([1, 0]), 2)


def test_other_framing_than_in_training_is_said():
    trained = Framing()
    moved = Framing(mean_landmarks=tuple((x + 20, y) for x, y in trained.mean_landmarks), crop="none", color="grey")
    assert framing_notes(trained, trained) == ()
    assert framing_notes(None, trained) == ()
    place, color = framing_notes(moved, trained)
    assert "20 px" in place
    assert "grey" in color


def test_numbers_on_the_split_that_chose_the_epoch_are_marked():
    assert selection_notes("test", "val") == ()
    assert "flatter" in selection_notes("test", "test")[0]
