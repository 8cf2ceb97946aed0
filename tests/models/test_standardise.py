"""Every face reaches the network at the same brightness and contrast, whatever its photo's were."""

import pytest
import torch

from ampnet.models.standardise import MEAN, MIN_SPREAD, SPREAD, standardised


def faces(count=3):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_faces_grey_version_has_the_mean_and_spread_of_the_training_set():
    grey = standardised(faces() * torch.tensor([1.0, 0.5, 0.25])[:, None, None, None]).mean(1)
    assert grey.mean((1, 2)).tolist() == pytest.approx([MEAN] * 3, abs=1e-5)
    assert grey.std((1, 2), correction=0).tolist() == pytest.approx([SPREAD] * 3, abs=1e-5)


@pytest.mark.parametrize(("gain", "level"), [(0.3, 0.0), (0.25, 0.5), (1.7, -0.3)])
def test_brightness_and_contrast_do_not_matter(gain, level):
    torch.testing.assert_close(standardised(faces() * gain + level), standardised(faces()), atol=1e-5, rtol=0)


def test_a_face_is_changed_by_its_own_numbers_alone():
    together, alone = standardised(faces()), torch.cat([standardised(face[None]) for face in faces()])
    assert torch.equal(together, alone)


def test_hues_are_kept():
    changed = standardised(faces())
    # Three channels change by one factor and one shift, so the ratios of their differences stay.
    difference, before = changed[:, 0] - changed[:, 1], faces()[:, 0] - faces()[:, 1]
    ratio = difference / before
    for face in ratio:
        assert face.min() == pytest.approx(face.max().item(), rel=1e-2)


def test_an_image_of_one_colour_becomes_flat_and_faint_noise_is_stretched_no_further_than_allowed():
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(standardised(flat), torch.full_like(flat, MEAN))
    noise = 0.3 + 0.001 * (faces(1) - 0.5)
    spread = standardised(noise).mean(1).std(correction=0)
    assert spread == pytest.approx(noise.mean(1).std(correction=0).item() * SPREAD / MIN_SPREAD, rel=1e-3)
