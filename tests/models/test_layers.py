"""The shared blocks: channel counts, and convolutions that are safe at every width."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from ampnet.models.layers import StridedPointwise, scaled

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
    waiting = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}  # spinning for a core that others use takes most of the time
    command = [sys.executable, "-c", NARROW_TRAINING]
    child = subprocess.run(command, env=waiting, capture_output=True, text=True, timeout=600)
    assert (child.returncode, child.stdout) == (0, "trained 2\n"), child.stderr
