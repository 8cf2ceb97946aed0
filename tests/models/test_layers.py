"""The shared blocks: channel counts, and convolutions that are safe at every width."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from ampnet.models.layers import MEAN, MIN_SPREAD, SPREAD, StridedPointwise, scaled, standardised

NARROW_TRAINING = """
import torch
from ampnet.models.layers import BasicBlock
torch.set_num_threads(2)
block = BasicBlock(8, 8, stride=2)
for step in range(60):
    images = torch.rand(9, 8, 12, 12).contiguous(memory_format=torch.channels_last)
    block(images).sum().backward()
print("trained", torch.get_num_threads())
"""


@pytest.mark.parametrize(("width", "channels"), [(1.0, 64), (0.25, 16), (0.2, 16), (0.05, 8)])
def test_channel_counts_are_multiples_of_eight(width, channels):
    assert scaled(64, width) == channels


@pytest.mark.parametrize("side", [12, 13])
def test_a_strided_pointwise_convolution_gives_torchs_own_results_and_gradients(side):
    conv = StridedPointwise(6, 4, 1, stride=2)
    x = torch.rand(3, 6, side, side, requires_grad=True)
    assert conv.bias is not None
    inputs = x, conv.weight, conv.bias
    ours, theirs = conv(x), F.conv2d(*inputs, stride=2)
    assert torch.allclose(ours, theirs, atol=1e-6)
    gradients, expected = (torch.autograd.grad(result.square().sum(), inputs) for result in (ours, theirs))
    assert all(torch.allclose(*pair, atol=1e-5) for pair in zip(gradients, expected, strict=True))


@pytest.mark.slow
def test_a_narrow_network_trains_on_two_threads_without_ending_the_process():
    """Where the CPU has AVX-512 this broke the heap; in a process of its own, as it may end it."""
    command = [sys.executable, "-c", NARROW_TRAINING]
    child = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (child.returncode, child.stdout) == (0, "trained 2\n"), child.stderr


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
