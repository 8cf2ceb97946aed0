"""What augmentation spoils or hides: quality and a patch of the face, as often and as much as told."""

import numpy as np
import pytest

from ampnet.dataset.loading.augment import DEGRADATIONS, DEGRADING, ERASING, degrade, erase_patch


def drawn(count, seed=0):
    return np.random.default_rng(seed).random(count)


def numbers_of(kind, amount=0.5, detail=0.3):
    """The random numbers that choose a loss of quality."""
    return np.array([0.0, (DEGRADATIONS.index(kind) + 0.5) / len(DEGRADATIONS), amount, detail])


def textured(channels):
    shape = (64, 64) if channels == 1 else (64, 64, channels)
    return np.random.default_rng(4).integers(40, 200, shape, dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_a_loss_of_quality_changes_pixels_but_not_shape_and_type(kind, channels):
    image = textured(channels)
    before = image.copy()
    shown = degrade(image, 1.0, numbers_of(kind))
    assert (shown.shape, shown.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(shown, image)
    assert np.array_equal(image, before)  # not in place
    assert np.array_equal(shown, degrade(image, 1.0, numbers_of(kind)))


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_the_colours_of_a_warped_face_with_its_fourth_channel_are_degraded_as_without(kind):
    image = textured(4)
    with_fourth, without = (degrade(pixels, 1.0, numbers_of(kind)) for pixels in (image, image[..., :3].copy()))
    assert with_fourth.shape[:2] == (64, 64)
    if kind != "noise":  # which is drawn for all channels in turn
        assert np.array_equal(with_fourth[..., :3], without)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_the_strongest_loss_is_worse_than_the_weakest(kind):
    rows, columns = np.mgrid[:64, :64]
    image = (128 + 60 * np.sin(rows / 3) * np.cos(columns / 4)).astype(np.uint8)
    weak, strong = (degrade(image, 1.0, numbers_of(kind, amount)).astype(float) for amount in (0.0, 0.999))
    if kind in ("jpeg", "resolution"):  # their amount is the quality that is left
        weak, strong = strong, weak
    assert np.abs(strong - image).mean() > 1.5 * np.abs(weak - image).mean()


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_a_probability_of_zero_loses_no_quality(kind):
    image = textured(3)
    assert np.array_equal(degrade(image, 0.0, numbers_of(kind)), image)


def test_quality_is_lost_as_often_as_told():
    image = textured(1)
    changed = [not np.array_equal(degrade(image, 0.3, drawn(DEGRADING, seed)), image) for seed in range(400)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.08)


def test_erasing_hides_at_most_one_landmark_and_a_fifth_of_the_face():
    face = np.array([[36, 42], [76, 42], [56, 66], [40, 84], [72, 84]], dtype=float)
    erased = 0
    for seed in range(300):
        image = np.full((112, 112, 1), 7, dtype=np.uint8)
        erase_patch(image, face, 1.0, drawn(ERASING, seed))
        changed = image[..., 0] != 7
        assert changed.mean() < 0.21
        assert sum(changed[int(y), int(x)] for x, y in face) <= 1
        erased += bool(changed.any())
    assert erased > 280
    untouched = np.full((112, 112, 3), 7, dtype=np.uint8)
    erase_patch(untouched, face, 0.0, drawn(ERASING))
    assert (untouched == 7).all()
